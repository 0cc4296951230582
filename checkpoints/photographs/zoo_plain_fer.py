"""Plain networks: sequences of convolutions without shortcuts."""

import torch
from torch import nn


class PlainCNN(nn.Module):
    """Base class of the plain networks: `features`, then `classifier` on the flattened features.

    Subclasses set both in `__init__`, and `num_features`, the input width of the last linear layer.
    """

    default_dropout: float
    features: nn.Module
    classifier: nn.Sequential

    def __init__(self, config):
        super().__init__()
        self.dropout = self.default_dropout if config.dropout is None else config.dropout

    def forward_features(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        """(images, channels, size, size) → (images, last width, side, side)

        Args:
            hidden_states: receives the features after every pooling; the last are those that are returned.
        """
        if hidden_states is None:
            return self.features(pixel_values)
        for layer in self.features:
            pixel_values = layer(pixel_values)
            if isinstance(layer, nn.MaxPool2d):
                hidden_states.append(pixel_values)
        hidden_states[-1] = pixel_values  # a dropout may follow the last pooling
        return pixel_values

    def forward_head(self, features: torch.Tensor) -> torch.Tensor:
        """(images, last width, side, side) → logits (images, labels)"""
        return self.classifier(features.flatten(1))

    def forward(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        return self.forward_head(self.forward_features(pixel_values, hidden_states))

    def drop_head(self) -> None:
        """Remove the last linear layer and a dropout before it: `forward` → (images, num_features)."""
        layers = list(self.classifier)[:-1]
        self.classifier = nn.Sequential(*layers[:-1] if layers and isinstance(layers[-1], nn.Dropout) else layers)


class ScratchCNN(PlainCNN):
    """Six 3x3 convolutions (32, 32, 64, 64, 128, 264 channels) with batch norm, four poolings, two linear layers.

    1,054,719 parameters for 7 classes at 48x48 grey. The parts are named `features` and `classifier`, so that a
    `state_dict` of the same layers can be loaded.
    """

    default_dropout = 0.4

    def __init__(self, config):
        super().__init__(config)
        layers: list[nn.Module] = []
        channels = config.num_channels
        for width in (32, 32, "pool", 64, 64, "pool", 128, "pool", 264, "pool"):
            if width == "pool":
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.num_features = 256
        side = config.image_size // 16
        self.classifier = nn.Sequential(
            nn.Dropout(self.dropout),
            nn.Linear(channels * side * side, self.num_features),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.num_features, config.num_labels),
        )


class UnpaddedCNN(PlainCNN):
    """3x3 convolutions without padding or batch norm, pooling that halves the size, then linear layers.

    The dropout probability after pooling is half of that before a linear layer.

    Attributes:
        convolutions: widths in order; `"pool"` halves height and width, `"drop"` is dropout.
        linear: widths of all linear layers except the last.
    """

    default_dropout = 0.5
    convolutions: tuple[int | str, ...]
    linear: tuple[int, ...]

    def __init__(self, config):
        super().__init__(config)
        layers: list[nn.Module] = []
        channels, side = config.num_channels, config.image_size
        for step in self.convolutions:
            if step == "pool":
                layers.append(nn.MaxPool2d(2))
                side //= 2
            elif step == "drop":
                layers.append(nn.Dropout(self.dropout / 2))
            else:
                layers += [nn.Conv2d(channels, step, 3), nn.ReLU()]
                channels, side = step, side - 2
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = []
        self.num_features = channels * side * side
        for width in self.linear:
            head += [nn.Linear(self.num_features, width), nn.ReLU(), nn.Dropout(self.dropout)]
            self.num_features = width
        self.classifier = nn.Sequential(*head, nn.Linear(self.num_features, config.num_labels))


class SequentialCNN(UnpaddedCNN):
    """Four convolutions and a wide linear layer: 2,345,607 parameters for 7 classes at 48x48 grey."""

    convolutions = (32, 64, "pool", "drop", 128, "pool", 128, "pool", "drop")
    linear = (1024,)


class WideCNN(UnpaddedCNN):
    """Four wide convolutions and two linear layers: 4,232,456 parameters for the 8 classes of FER+ at 48x48 grey."""

    convolutions = (128, "pool", "drop", 256, "pool", "drop", 512, "pool", "drop", 512, "pool", "drop")
    linear = (512, 256)


class BaselineCNN(UnpaddedCNN):
    """The smallest: three convolutions and one linear layer, 107,015 parameters for 7 classes at 48x48 grey."""

    convolutions = (32, "pool", "drop", 64, "pool", "drop", 128, "pool", "drop")
    linear = ()
