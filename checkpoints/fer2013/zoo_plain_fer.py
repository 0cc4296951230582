"""Plain networks: convolutions one after another, no shortcuts."""

import torch
from torch import nn


class ScratchCNN(nn.Module):
    """Six 3x3 convolutions (32, 32, 64, 64, 128, 264 channels) with batch norm, four poolings, two linear layers.

    1,054,719 parameters for 7 classes at 48x48 grey. The parts are named `features` and `classifier`, so that a
    `state_dict` of the same layer list carries over.
    """

    default_dropout = 0.4

    def __init__(self, config):
        super().__init__()
        dropout = self.default_dropout if config.dropout is None else config.dropout
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
            nn.Dropout(dropout),
            nn.Linear(channels * side * side, self.num_features),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(self.num_features, config.num_labels),
        )

    def forward_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(images, channels, size, size) → (images, 264, size / 16, size / 16)"""
        return self.features(pixel_values)

    def forward_head(self, features: torch.Tensor) -> torch.Tensor:
        """(images, 264, size / 16, size / 16) → logits (images, labels)"""
        return self.classifier(features.flatten(1))

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(pixel_values))
