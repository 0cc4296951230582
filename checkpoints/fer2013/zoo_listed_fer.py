"""Networks built from a list of layers: those that the config lists, and mini-XCEPTION."""

import torch
from torch import nn
from torch.nn import functional as F

from .layers_fer import completed, mini_xception, shapes
from .zoo_plain_fer import PlainCNN


class Activation(nn.Module):
    """An activation of `layers_fer.ACTIVATIONS`."""

    def __init__(self, name: str, slope: float):
        super().__init__()
        self.name, self.slope = name, slope

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.name in ("leaky_relu", "elu"):
            return getattr(F, self.name)(values, self.slope)
        if self.name in ("sigmoid", "tanh"):
            return getattr(torch, self.name)(values)
        return getattr(F, self.name)(values)

    def extra_repr(self) -> str:
        return self.name


class Rescale(nn.Module):
    """values * scale + offset"""

    def __init__(self, scale: float, offset: float):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * self.scale + self.offset


class Repeat(nn.Module):
    """One channel as several equal ones, as for a network that was trained on grey images in three channels."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.expand(-1, self.channels, -1, -1)


class Add(nn.Module):
    """The sum of several maps."""

    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        for other in others:
            first = first + other
        return first


def build(layer: dict, shape: tuple[int, ...]) -> nn.Module:
    """The module of a layer.

    Args:
        layer: from `layers_fer.completed`; not `flatten`.
        shape: that of its input.
    """
    kind, maps = layer["kind"], len(shape) == 3
    if kind == "conv":
        left, right, top, bottom = padding = layer["padding"]
        even = left == right and top == bottom
        conv = nn.Conv2d(
            shape[0], layer["channels"], tuple(layer["kernel"]), tuple(layer["stride"]), (top, left) if even else 0,
            tuple(layer["dilation"]), layer["groups"], layer["bias"],
        )  # fmt: skip
        return conv if even else nn.Sequential(nn.ZeroPad2d(tuple(padding)), conv)
    if kind == "batch_norm":
        norm = nn.BatchNorm2d if maps else nn.BatchNorm1d
        return norm(shape[0], eps=layer["epsilon"], momentum=layer["momentum"])
    if kind == "activation":
        return nn.ReLU() if layer["name"] == "relu" else Activation(layer["name"], layer["slope"])
    if kind == "max_pool":
        return _max_pool(layer)
    if kind == "avg_pool":
        left, _, top, _ = layer["padding"]
        kernel, stride = tuple(layer["kernel"]), tuple(layer["stride"])
        return nn.AvgPool2d(kernel, stride, (top, left), count_include_pad=False)
    if kind == "pad":
        return nn.ZeroPad2d(tuple(layer["padding"]))
    if kind == "dropout":
        return nn.Dropout2d(layer["rate"]) if layer["whole_maps"] and maps else nn.Dropout(layer["rate"])
    if kind == "rescale":
        return Rescale(layer["scale"], layer["offset"])
    if kind == "repeat":
        return Repeat(layer["channels"])
    if kind == "add":
        return Add()
    return nn.Linear(shape[0], layer["width"], layer["bias"])


def _max_pool(layer: dict) -> nn.Module:
    (high, wide), (left, right, top, bottom) = layer["kernel"], layer["padding"]
    pool = nn.MaxPool2d((high, wide), tuple(layer["stride"]))
    if left == right and top == bottom and 2 * left <= wide and 2 * top <= high:
        pool.padding = (top, left)
        return pool
    return nn.Sequential(nn.ConstantPad2d((left, right, top, bottom), float("-inf")), pool)


class ListedCNN(PlainCNN):
    """The layers of `config.layers`: `features` up to `flatten`, then `classifier`.

    A layer is named by its index in its part. `config.dropout` replaces the rates of all dropout layers.
    """

    default_dropout = 0.0

    def __init__(self, config):
        super().__init__(config)
        layers = self.layers(config)
        sizes = shapes(layers, config.num_channels, config.image_size)
        before = [(config.num_channels, config.image_size, config.image_size), *sizes]
        end = [layer["kind"] for layer in layers].index("flatten")
        self.inputs = [layer["inputs"] for layer in layers[:end]]
        self.kept = {index for inputs in self.inputs if inputs for index in inputs}
        self.stage_ends = _stage_ends(layers[:end])
        self.features = nn.ModuleList(
            build(layer, before[layer["inputs"][0] + 1 if layer["inputs"] else index])
            for index, layer in enumerate(layers[:end])
        )
        head = [build(layer, before[end + 1 + index]) for index, layer in enumerate(layers[end + 1 :])]
        self.classifier = nn.Sequential(*head)
        self.num_features = self.classifier[-1].in_features

    def layers(self, config) -> list[dict]:
        """The completed list of layers."""
        listed = completed(config.layers)
        if config.dropout is None:
            return listed
        return [{**layer, "rate": config.dropout} if layer["kind"] == "dropout" else layer for layer in listed]

    def forward_features(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        """(images, channels, size, size) → (images, last width, height, width)

        Args:
            hidden_states: receives the features after every sum of a shortcut, or after every pooling where there is
                none; the last are those that are returned.
        """
        out, kept = pixel_values, {-1: pixel_values}
        for index, (layer, inputs) in enumerate(zip(self.features, self.inputs, strict=True)):
            out = layer(out) if inputs is None else layer(*(kept[each] for each in inputs))
            if index in self.kept:
                kept[index] = out
            if hidden_states is not None and index in self.stage_ends:
                hidden_states.append(out)
        if hidden_states is not None and not self.stage_ends:
            hidden_states.append(out)
        return out


def _stage_ends(layers: list[dict]) -> set[int]:
    """Indices of the layers whose outputs are hidden states."""
    sums = {index for index, layer in enumerate(layers) if layer["kind"] == "add"}
    pools = {index for index, layer in enumerate(layers) if layer["kind"].endswith("_pool")}
    return (sums or pools) | ({len(layers) - 1} if layers else set())


class MiniXception(ListedCNN):
    """Separable convolutions with shortcuts: 56,951 parameters for 7 classes, 58,423 with batch norm's statistics.

    Arriaga et al. 2017, arXiv:1710.07557, for 64x64 grey pixels; other sizes work too.
    """

    def layers(self, config) -> list[dict]:
        return completed(mini_xception(config.num_channels, config.image_size, config.num_labels, self.dropout))
