"""Networks as lists of layers, as a config holds them: what a layer may be, their shapes, and mini-XCEPTION. No torch.

Each layer is a dict with its `kind` and the fields in `FIELDS`. It takes the output of the layer before, or those of
the layers whose indices are its `inputs`, where -1 is the image. `flatten` divides maps (channels, height, width) from
vectors; the last layer is `linear` with one output for each class.
"""

from typing import Any

ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "sigmoid", "tanh",
)  # fmt: skip
"""Names of activations, as in `torch.nn.functional`."""

REQUIRED = object()

FIELDS: dict[str, dict[str, tuple[str, Any]]] = {
    "conv": {
        "channels": ("count", REQUIRED), "kernel": ("pair", REQUIRED), "stride": ("pair", (1, 1)),
        "padding": ("sides", (0, 0, 0, 0)), "dilation": ("pair", (1, 1)), "groups": ("count", 1),
        "bias": ("flag", True),
    },
    "batch_norm": {"epsilon": ("positive", 1e-3), "momentum": ("share", 0.01)},
    "activation": {"name": ("activation", REQUIRED), "slope": ("number", 0.01)},
    "max_pool": {"kernel": ("pair", REQUIRED), "stride": ("pair", REQUIRED), "padding": ("sides", (0, 0, 0, 0))},
    "avg_pool": {"kernel": ("pair", REQUIRED), "stride": ("pair", REQUIRED), "padding": ("sides", (0, 0, 0, 0))},
    "pad": {"padding": ("sides", REQUIRED)},
    "dropout": {"rate": ("share", REQUIRED), "whole_maps": ("flag", False)},
    "rescale": {"scale": ("number", REQUIRED), "offset": ("number", 0.0)},
    "repeat": {"channels": ("count", REQUIRED)},
    "add": {},
    "flatten": {},
    "linear": {"width": ("count", REQUIRED), "bias": ("flag", True)},
}  # fmt: skip
"""Kind → field → what it must be, and its value where it is left out. `padding` is (left, right, top, bottom) in
positions; `momentum` the weight of a new batch in the running statistics, as in PyTorch; `slope` that of leaky_relu
below 0 and the α of elu; `whole_maps` dropout of channels; `repeat` copies one channel."""

MOST_LAYERS, MOST_VALUES, MOST_WEIGHTS = 500, 2**26, 1_000_000_000
"""Largest number of layers, of values in one map, and of weights of all layers together."""

_FORMS = {
    "count": ("a whole number from 1 to 4096", lambda value: _whole(value, 1, 4096)),
    "pair": ("two whole numbers from 1 to 512, for height and width", lambda value: _wholes(value, 2, 1, 512)),
    "sides": (
        "four whole numbers from 0 to 512, for left, right, top and bottom",
        lambda value: _wholes(value, 4, 0, 512),
    ),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "number": ("a finite number", lambda value: _number(value)),
    "positive": ("a number above 0", lambda value: _number(value) and value > 0),
    "share": ("a number from 0 to below 1", lambda value: _number(value) and 0 <= value < 1),
    "activation": (f"one of {', '.join(ACTIVATIONS)}", lambda value: value in ACTIVATIONS),
}


def completed(layers: list | None) -> list[dict]:
    """The layers with the fields that they left out.

    Raises:
        ValueError: a layer has a form of its own.

    Example:
        >>> completed([{"kind": "linear", "width": 7}])
        [{'kind': 'linear', 'width': 7, 'bias': True, 'inputs': None}]
    """
    if not isinstance(layers, (list, tuple)) or not 0 < len(layers) <= MOST_LAYERS:
        raise ValueError(f"layers must be a list of 1 to {MOST_LAYERS} layers, got {ascii(layers)[:100]}.")
    result = []
    for index, layer in enumerate(layers):
        kind = layer.get("kind") if isinstance(layer, dict) else layer
        if not isinstance(layer, dict) or not isinstance(kind, str) or kind not in FIELDS:
            raise ValueError(f"layers[{index}] must be of a kind among {', '.join(FIELDS)}, got {ascii(kind)[:100]}.")
        whole = {"kind": kind, **{name: value for name, (_, value) in FIELDS[kind].items()}, "inputs": None, **layer}
        if unknown := set(whole) - {"kind", "inputs", *FIELDS[kind]}:
            raise ValueError(f"layers[{index}] ({kind}) has a field that is not known: {ascii(min(unknown))[:100]}.")
        for name, (form, _) in FIELDS[kind].items():
            must, fits = _FORMS[form]
            if whole[name] is REQUIRED or not fits(whole[name]):
                came = "nothing" if whole[name] is REQUIRED else ascii(whole[name])[:100]
                raise ValueError(f"layers[{index}] ({kind}) must have as {name} {must}, got {came}.")
        inputs, most = whole["inputs"], 16 if kind == "add" else 1
        if kind == "add" or inputs is not None:
            least = 2 if kind == "add" else 1
            taken = isinstance(inputs, (list, tuple)) and least <= len(inputs) <= most
            if not taken or not all(_whole(each, -1, index - 1) for each in inputs):
                raise ValueError(
                    f"layers[{index}] ({kind}) must have as inputs {least} to {most} indices from -1 to {index - 1}, "
                    f"got {ascii(inputs)[:100]}."
                )
        result.append(whole)
    return result


def shapes(layers: list[dict], num_channels: int, image_size: int) -> list[tuple[int, ...]]:
    """The shape of each layer's output without the images: (channels, height, width), after `flatten` (values,).

    Args:
        layers: from `completed`.

    Raises:
        ValueError: a layer does not fit its input.

    Example:
        >>> pool = {"kind": "max_pool", "kernel": (2, 2), "stride": (2, 2)}
        >>> shapes(completed([pool, {"kind": "flatten"}, {"kind": "linear", "width": 7}]), 1, 48)
        [(1, 24, 24), (576,), (7,)]
    """
    found: list[tuple[int, ...]] = [(num_channels, image_size, image_size)]
    weights = 0
    for index, layer in enumerate(layers):
        sources = [found[-1]] if layer["inputs"] is None else [found[each + 1] for each in layer["inputs"]]
        shape, told = sources[0], f"layers[{index}] ({layer['kind']})"
        maps = len(shape) == 3
        if layer["kind"] in ("conv", "max_pool", "avg_pool", "pad", "repeat", "flatten") and not maps:
            raise ValueError(f"{told} must follow maps, but follows a vector of {shape[0]} values; see flatten.")
        if layer["kind"] == "linear" and maps:
            raise ValueError(f"{told} must follow a vector, but follows maps of the shape {shape}; see flatten.")
        if not maps and any(each != found[-1] for each in sources):
            raise ValueError(f"{told} must have maps as inputs where it joins layers, but joins vectors.")
        shape = _shape(layer, shape, sources, told)
        if min(shape) < 1:
            raise ValueError(
                f"{told} must leave at least one position, but an image of {image_size} pixels leaves none there."
            )
        if layer["kind"] == "conv":
            weights += layer["channels"] * sources[0][0] // layer["groups"] * layer["kernel"][0] * layer["kernel"][1]
        elif layer["kind"] == "linear":
            weights += layer["width"] * sources[0][0]
        if _product(shape) > MOST_VALUES or weights > MOST_WEIGHTS:
            raise ValueError(
                f"{told} must stay below {MOST_VALUES:,} values and {MOST_WEIGHTS:,} weights, got {_product(shape):,} "
                f"and {weights:,}; build a smaller network."
            )
        found.append(shape)
    return found[1:]


def check_layers(layers: list | None, num_channels: int, image_size: int, num_labels: int) -> None:
    """Raise a `ValueError` for the first layer that cannot be built, or a network that does not end in the classes."""
    whole = completed(layers)
    sizes = shapes(whole, num_channels, image_size)
    if whole[-1]["kind"] != "linear" or sizes[-1] != (num_labels,) or whole[-1]["inputs"] is not None:
        raise ValueError(
            f"layers must end in a linear layer with as many outputs as there are classes, {num_labels}, but end in "
            f"{whole[-1]['kind']} with {sizes[-1][0]}."
        )
    if [layer["kind"] for layer in whole].count("flatten") != 1:
        raise ValueError("layers must have flatten once, between maps and vectors; add it, or leave the others out.")


def mini_xception(num_channels: int, image_size: int, num_labels: int, dropout: float = 0.0) -> list[dict]:
    """mini-XCEPTION (Arriaga et al. 2017, arXiv:1710.07557): separable convolutions with shortcuts.

    Its end, a 3x3 convolution whose maps are averaged, stands here as what it amounts to: averages of windows that are
    shifted by one position, and a linear layer.
    """
    layers: list[dict] = []

    def conv(channels: int, kernel: int, inputs: list[int] | None = None, **fields) -> None:
        taken = {} if inputs is None else {"inputs": inputs}
        layers.append({"kind": "conv", "channels": channels, "kernel": [kernel] * 2, "bias": False, **fields, **taken})

    def norm() -> None:
        layers.append({"kind": "batch_norm"})

    def separable(channels: int, before: int) -> None:
        conv(before, 3, padding=[1] * 4, groups=before)
        conv(channels, 1)
        norm()

    relu = {"kind": "activation", "name": "relu"}
    for _ in range(2):
        conv(8, 3)
        norm()
        layers.append(dict(relu))
    side, before = image_size - 4, 8
    for channels in (16, 32, 64, 128):
        start = len(layers) - 1
        separable(channels, before)
        layers.append(dict(relu))
        separable(channels, channels)
        layers.append({"kind": "max_pool", "kernel": [3, 3], "stride": [2, 2], "padding": _same(side, 3, 2) * 2})
        pooled = len(layers) - 1
        conv(channels, 1, inputs=[start], stride=[2, 2])
        norm()
        layers.append({"kind": "add", "inputs": [pooled, len(layers) - 1]})
        side, before = -(-side // 2), channels
    layers += [
        {"kind": "pad", "padding": [1] * 4},
        {"kind": "avg_pool", "kernel": [side, side], "stride": [1, 1]},
        {"kind": "flatten"},
        {"kind": "dropout", "rate": dropout},
        {"kind": "linear", "width": num_labels},
    ]
    return layers


def _same(length: int, kernel: int, stride: int) -> list[int]:
    """Padding before and after with which the output has length / stride positions, rounded up (TensorFlow's "same").

    Example:
        >>> _same(48, 3, 2), _same(15, 3, 2), _same(48, 3, 1)
        ([0, 1], [1, 1], [1, 1])
    """
    total = max(0, (-(-length // stride) - 1) * stride + kernel - length)
    return [total // 2, total - total // 2]


def _shape(layer: dict, shape: tuple[int, ...], sources: list[tuple[int, ...]], told: str) -> tuple[int, ...]:
    """The shape of one layer's output."""
    kind = layer["kind"]
    if kind == "add":
        if len(set(sources)) > 1:
            raise ValueError(f"{told} must have inputs of one shape, got {' and '.join(map(str, sources))}.")
        return shape
    if kind == "linear":
        return (layer["width"],)
    if kind == "flatten":
        return (_product(shape),)
    if kind == "repeat":
        if shape[0] != 1:
            raise ValueError(f"{told} must follow one channel, got {shape[0]}.")
        return (layer["channels"], *shape[1:])
    if kind == "pad":
        left, right, top, bottom = layer["padding"]
        return (shape[0], shape[1] + top + bottom, shape[2] + left + right)
    if kind not in ("conv", "max_pool", "avg_pool"):
        return shape
    left, right, top, bottom = layer["padding"]
    (high, wide), dilation = layer["kernel"], layer.get("dilation", (1, 1))
    if kind == "conv" and (shape[0] % layer["groups"] or layer["channels"] % layer["groups"]):
        raise ValueError(
            f"{told} must have groups that divide its {shape[0]} input channels and {layer['channels']} output "
            f"channels, got {layer['groups']}."
        )
    if kind == "max_pool" and (max(left, right) >= wide or max(top, bottom) >= high):
        raise ValueError(f"{told} must have less padding than its kernel, got {tuple(layer['padding'])}.")
    if kind == "avg_pool" and (left != right or top != bottom or 2 * left > wide or 2 * top > high):
        raise ValueError(
            f"{told} must have equal padding on opposite sides, at most half of its kernel, got "
            f"{tuple(layer['padding'])}."
        )
    rows = (shape[1] + top + bottom - dilation[0] * (high - 1) - 1) // layer["stride"][0] + 1
    columns = (shape[2] + left + right - dilation[1] * (wide - 1) - 1) // layer["stride"][1] + 1
    return (layer.get("channels", shape[0]), rows, columns)


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for side in shape:
        result *= side
    return result


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _wholes(value: object, count: int, low: int, high: int) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == count and all(_whole(each, low, high) for each in value)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e30
