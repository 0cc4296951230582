"""A Keras model → the list of layers and the tensors of `fer_hub.model`'s `layer_list`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from fer_hub.model.layers_fer import ACTIVATIONS, completed, shapes
from fer_hub.training.keras_file import IDENTITIES

INPUT = ""
"""Stands for the input of a Sequential model, which has no layer there."""

OTHER_NAMES = {"swish": "silu"}
"""Names of activations in Keras → ours, where they differ."""

SLOPES = {"leaky_relu": 0.2, "elu": 1.0}
"""Slopes of activations that are named alone, in Keras."""


@dataclass
class Converted:
    """A network as `FERConfig` and its weights describe it.

    Attributes:
        image_size, num_channels, classes: of its input and output.
        layers: for `FERConfig.layers`.
        tensors: name in `ListedCNN` → tensor.
        left_out: names of layers that act in training alone.
        colour: whether its input has three channels, which all get the grey value here.
    """

    image_size: int
    num_channels: int = 1
    classes: int = 0
    layers: list[dict] = field(default_factory=list)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    colour: bool = False

    @property
    def takes_raw_pixels(self) -> bool:
        """Whether the network scales pixels from 0 to 255 itself."""
        return any(layer["kind"] == "rescale" for layer in self.layers[:2])

    @property
    def is_mini_xception(self) -> bool:
        """Whether separable convolutions are joined by shortcuts, as in mini-XCEPTION."""
        kinds = [layer["kind"] for layer in self.layers]
        return "add" in kinds and any(layer.get("groups", 1) > 1 for layer in self.layers)


def convert(model: Any) -> Converted:
    """Convert a `keras.Model`.

    Raises:
        ValueError: a layer or the form of the network is not supported; the sentence names it.
    """
    ends = [getattr(model, name, None) or () for name in ("inputs", "outputs")]
    if [len(each) for each in ends] != [1, 1]:
        raise ValueError(
            f"the network must have one input, whose size it says, and one output, got {len(ends[0])} and "
            f"{len(ends[1])}; save it after a first call, and without the others."
        )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] is None or shape[3] not in (1, 3):
        raise ValueError(
            f"the network must take square images with 1 or 3 channels behind height and width, got the shape {shape}; "
            "others cannot be imported."
        )
    return _Conversion(Converted(image_size=shape[1], colour=shape[3] == 3)).run(model)


class _Conversion:
    """The state of one conversion.

    `places` has for each Keras layer the index of the layer here whose output is the same; `order` the order of the
    values of a flattened map, which Keras has with the channels last.
    """

    def __init__(self, made: Converted) -> None:
        self.made = made
        self.weights: dict[int, dict[str, torch.Tensor]] = {}
        self.places: dict[str, int] = {}
        self.order: np.ndarray | None = None
        self.at = -1
        self.softmax = False

    def run(self, model: Any) -> Converted:
        if self.made.colour:
            self._append("repeat", channels=3)
        self.places[INPUT] = self.at
        for layer, sources in _nodes(model):
            if self.softmax:
                raise ValueError(f"softmax must be the last layer, but {layer.name} follows; cut the rest off.")
            kind = type(layer).__name__
            if kind == "InputLayer":
                self.places[layer.name] = self.at
                continue
            places = [self.places[name] for name in sources]
            self.at = places[0]
            if kind in IDENTITIES:
                self.made.left_out.append(layer.name)
            else:
                getattr(self, f"_{kind.lower()}")(layer, *([places] if kind == "Add" else []))
            self.places[layer.name] = self.at
        self._end()
        return self.made

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the present output, without the images."""
        if self.at < 0:
            return (self.made.num_channels, self.made.image_size, self.made.image_size)
        return shapes(completed(self.made.layers), self.made.num_channels, self.made.image_size)[self.at]

    def _append(self, kind: str, weights: dict[str, Any] | None = None, inputs: Sequence[int] | None = None, **fields):
        """Append a layer behind the present one."""
        index = len(self.made.layers)
        if inputs is None and self.at != index - 1:
            inputs = [self.at]
        taken = {} if inputs is None else {"inputs": list(inputs)}
        self.made.layers.append({"kind": kind, **fields, **taken})
        if weights:
            self.weights[index] = {name: _tensor(value) for name, value in weights.items() if value is not None}
        self.at = index

    def _activation_of(self, layer: Any) -> None:
        import keras

        told = keras.activations.serialize(layer.activation)
        name = told if isinstance(told, str) else str(told.get("config", told))
        name = OTHER_NAMES.get(name, name)
        if name == "softmax":
            self.softmax = True
        elif name in ACTIVATIONS:
            self._append("activation", name=name, **({"slope": SLOPES[name]} if name in SLOPES else {}))
        elif name != "linear":
            raise ValueError(f"{layer.name} has the activation {name[:60]}; known are {', '.join(ACTIVATIONS)}.")

    def _padding(self, layer: Any, kernel: Sequence[int], dilation: Sequence[int] = (1, 1)) -> list[int]:
        """(left, right, top, bottom)"""
        _channels_last(layer)
        if layer.padding == "valid":
            return [0, 0, 0, 0]
        if layer.padding != "same":
            raise ValueError(f"{layer.name} has the padding {layer.padding}; known are valid and same.")
        _, height, width = self._maps(layer)
        strides = getattr(layer, "strides", (1, 1))
        sides = []
        for length, size, stride, spread in zip(
            (width, height), kernel[::-1], strides[::-1], dilation[::-1], strict=True
        ):
            total = max(0, (-(-length // stride) - 1) * stride + (size - 1) * spread + 1 - length)
            sides += [total // 2, total - total // 2]
        return sides

    def _maps(self, layer: Any) -> tuple[int, int, int]:
        shape = self.shape
        if len(shape) != 3:
            raise ValueError(f"{layer.name} follows a flattened layer, which cannot be imported; move it before.")
        return shape

    def _conv2d(self, layer: Any) -> None:
        kernel = _array(layer.kernel)
        self._append(
            "conv",
            {"weight": kernel.transpose(3, 2, 0, 1), "bias": _bias(layer)},
            channels=layer.filters,
            kernel=list(layer.kernel_size),
            stride=list(layer.strides),
            padding=self._padding(layer, layer.kernel_size, layer.dilation_rate),
            dilation=list(layer.dilation_rate),
            groups=layer.groups,
            bias=layer.use_bias,
        )
        self._activation_of(layer)

    def _depthwise(self, layer: Any, kernel: np.ndarray, bias: Any) -> None:
        high, wide, channels, each = kernel.shape
        self._append(
            "conv",
            {"weight": kernel.transpose(2, 3, 0, 1).reshape(channels * each, 1, high, wide), "bias": bias},
            channels=channels * each,
            kernel=list(layer.kernel_size),
            stride=list(layer.strides),
            padding=self._padding(layer, layer.kernel_size, layer.dilation_rate),
            dilation=list(layer.dilation_rate),
            groups=channels,
            bias=bias is not None,
        )

    def _depthwiseconv2d(self, layer: Any) -> None:
        self._depthwise(layer, _array(layer.kernel), _bias(layer))
        self._activation_of(layer)

    def _separableconv2d(self, layer: Any) -> None:
        self._depthwise(layer, _array(layer.depthwise_kernel), None)
        self._append(
            "conv",
            {"weight": _array(layer.pointwise_kernel).transpose(3, 2, 0, 1), "bias": _bias(layer)},
            channels=layer.filters,
            kernel=[1, 1],
            bias=layer.use_bias,
        )
        self._activation_of(layer)

    def _batchnormalization(self, layer: Any) -> None:
        shape = self.shape
        if layer.axis not in (-1, len(shape)):
            raise ValueError(f"{layer.name} must normalise the last axis, the channels, got {layer.axis}.")
        count = shape[0]
        values = {
            "weight": np.ones(count, np.float32) if layer.gamma is None else _array(layer.gamma),
            "bias": np.zeros(count, np.float32) if layer.beta is None else _array(layer.beta),
            "running_mean": _array(layer.moving_mean),
            "running_var": _array(layer.moving_variance),
        }
        if self.order is not None:
            values = {name: value[self.order] for name, value in values.items()}
        values["num_batches_tracked"] = np.array(0)
        self._append("batch_norm", values, epsilon=float(layer.epsilon), momentum=round(1 - float(layer.momentum), 6))

    def _activation(self, layer: Any) -> None:
        self._activation_of(layer)

    def _softmax(self, layer: Any) -> None:
        if layer.axis not in (-1, len(self.shape)):
            raise ValueError(f"{layer.name} must be a softmax over the last axis, got {layer.axis}.")
        self.softmax = True

    def _relu(self, layer: Any) -> None:
        plain = not layer.negative_slope and not layer.threshold
        if not plain or layer.max_value not in (None, 6):
            raise ValueError(f"{layer.name} must be a ReLU without slope and threshold, bounded by nothing or by 6.")
        self._append("activation", name="relu" if layer.max_value is None else "relu6")

    def _leakyrelu(self, layer: Any) -> None:
        self._append("activation", name="leaky_relu", slope=float(layer.negative_slope))

    def _elu(self, layer: Any) -> None:
        self._append("activation", name="elu", slope=float(layer.alpha))

    def _pool(self, layer: Any, kind: str) -> None:
        padding = self._padding(layer, layer.pool_size)
        if kind == "avg_pool" and (padding[0] != padding[1] or padding[2] != padding[3]):
            raise ValueError(
                f"{layer.name} averages with one more position of padding on one side, which Keras's own backends "
                'compute differently; use padding="valid".'
            )
        self._append(kind, kernel=list(layer.pool_size), stride=list(layer.strides), padding=padding)

    def _maxpooling2d(self, layer: Any) -> None:
        self._pool(layer, "max_pool")

    def _averagepooling2d(self, layer: Any) -> None:
        self._pool(layer, "avg_pool")

    def _global(self, layer: Any, kind: str) -> None:
        _channels_last(layer)
        _, height, width = self._maps(layer)
        self._append(kind, kernel=[height, width], stride=[1, 1])
        if not layer.keepdims:
            self._append("flatten")

    def _globalaveragepooling2d(self, layer: Any) -> None:
        self._global(layer, "avg_pool")

    def _globalmaxpooling2d(self, layer: Any) -> None:
        self._global(layer, "max_pool")

    def _zeropadding2d(self, layer: Any) -> None:
        _channels_last(layer)
        (top, bottom), (left, right) = layer.padding
        self._append("pad", padding=[left, right, top, bottom])

    def _flatten(self, layer: Any) -> None:
        shape = self.shape
        if len(shape) == 1:
            return
        channels, height, width = shape
        # position in Keras's vector of each value of ours
        self.order = np.arange(height * width * channels).reshape(height, width, channels).transpose(2, 0, 1).ravel()
        self._append("flatten")

    def _dense(self, layer: Any) -> None:
        if len(self.shape) == 3:
            raise ValueError(f"{layer.name} is a dense layer on maps, which cannot be imported; flatten them before.")
        weight = _array(layer.kernel)
        weight = weight if self.order is None else weight[self.order]
        self.order = None
        self._append("linear", {"weight": weight.T, "bias": _bias(layer)}, width=layer.units, bias=layer.use_bias)
        self._activation_of(layer)

    def _add(self, layer: Any, places: list[int]) -> None:
        if len(self.shape) != 3:
            raise ValueError(f"{layer.name} joins flattened layers, which cannot be imported.")
        self._append("add", inputs=places)

    def _dropout(self, layer: Any) -> None:
        self._append("dropout", rate=float(layer.rate))

    def _spatialdropout2d(self, layer: Any) -> None:
        _channels_last(layer)
        self._append("dropout", rate=float(layer.rate), whole_maps=True)

    def _rescaling(self, layer: Any) -> None:
        if not np.isscalar(layer.scale) or not np.isscalar(layer.offset):
            raise ValueError(f"{layer.name} must rescale all channels alike.")
        self._append("rescale", scale=float(layer.scale), offset=float(layer.offset))

    def _end(self) -> None:
        """Let the list end in a linear layer, and name the tensors as `ListedCNN` does."""
        layers = self.made.layers
        if [layer["kind"] for layer in layers[-3:]] == ["conv", "avg_pool", "flatten"]:
            self._averaged_end()
        if self.at != len(layers) - 1 or not layers or layers[-1]["kind"] != "linear":
            last = layers[-1]["kind"] if layers else "nothing"
            raise ValueError(
                "the network must end in a dense layer with a softmax, or in a convolution that is averaged, but ends "
                f"in {last}; networks with a sigmoid for each class cannot be imported."
            )
        self.made.classes = layers[-1]["width"]
        end = [layer["kind"] for layer in layers].index("flatten")
        for index, values in self.weights.items():
            part, number = ("features", index) if index < end else ("classifier", index - end - 1)
            padding = layers[index].get("padding", [0, 0, 0, 0])
            uneven = padding[0] != padding[1] or padding[2] != padding[3]
            inner = ".1" if layers[index]["kind"] == "conv" and uneven else ""
            for name, value in values.items():
                self.made.tensors[f"network.{part}.{number}{inner}.{name}"] = value

    def _averaged_end(self) -> None:
        """A last convolution whose maps are averaged is a linear layer on averages of shifted windows."""
        layers, index = self.made.layers, len(self.made.layers) - 3
        conv, pool = layers[index], layers[index + 1]
        _, high, wide = shapes(completed(layers), self.made.num_channels, self.made.image_size)[index]
        plain = conv["stride"] == [1, 1] and conv["dilation"] == [1, 1] and conv["groups"] == 1
        if not plain or pool["kernel"] != [high, wide] or "inputs" in pool:
            return
        weights = self.weights.pop(index)
        inputs = {"inputs": conv["inputs"]} if "inputs" in conv else {}
        layers[index:] = [
            {"kind": "pad", "padding": conv["padding"], **inputs},
            {"kind": "avg_pool", "kernel": [high, wide], "stride": [1, 1]},
            {"kind": "flatten"},
            {"kind": "linear", "width": conv["channels"], "bias": conv["bias"]},
        ]
        self.at = len(layers) - 1
        self.weights[self.at] = {**weights, "weight": weights["weight"].flatten(1)}


def _nodes(model: Any) -> Iterator[tuple[Any, list[str]]]:
    """Each layer with the names of those that it takes, in an order in which these come first."""
    description = model.get_config()
    if type(model).__name__ == "Sequential":
        before: list[str] = []
        for layer in model.layers:
            yield layer, before or [INPUT]
            before = [layer.name]
        return
    waiting = {entry["name"]: entry for entry in description["layers"]}
    done: set[str] = set()
    while waiting:
        ready = [name for name, entry in waiting.items() if set(_sources(entry)) <= done]
        if not ready:
            raise ValueError("the network's layers must not depend on each other in a circle.")
        for name in ready:
            entry = waiting.pop(name)
            if len(entry["inbound_nodes"]) > 1:
                raise ValueError(f"{name} is used more than once, which cannot be imported; give each use its own.")
            yield model.get_layer(name), _sources(entry)
            done.add(name)


def _sources(entry: dict) -> list[str]:
    """Names of the layers whose outputs a layer takes, from `get_config` of Keras 3."""
    found: list[str] = []
    waiting: list[Any] = [entry["inbound_nodes"]]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, dict) and "keras_history" in part:
            found.append(part["keras_history"][0])
        elif isinstance(part, dict):
            waiting = [*part.values(), *waiting]
        elif isinstance(part, list | tuple):
            waiting = [*part, *waiting]
    return found


def _channels_last(layer: Any) -> None:
    if getattr(layer, "data_format", "channels_last") not in (None, "channels_last"):
        raise ValueError(f"{layer.name} has its channels first, which cannot be imported; save it channels last.")


def _array(variable: Any) -> np.ndarray:
    import keras

    return np.array(keras.ops.convert_to_numpy(variable))


def _bias(layer: Any) -> np.ndarray | None:
    return None if layer.bias is None else _array(layer.bias)


def _tensor(value: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(value, dtype=np.int64 if value.ndim == 0 else np.float32))
