"""Compact residual networks for small grey faces."""

import torch
from torch import nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut (He et al. 2015, arXiv:1512.03385, figure 5 left)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.norm1(self.conv1(features)))
        return F.relu(self.norm2(self.conv2(out)) + self.shortcut(features))


class ResidualCNN(nn.Module):
    """A stem at full resolution, stages of residual blocks that halve it, global average pooling, one linear layer.

    With the default config (32; 64, 128, 256; one block each): 1,209,063 parameters for 7 classes, 100 M
    multiply-accumulates for one 48x48 face. The shipped checkpoints are narrower and deeper, one, two and two blocks:
    `fer2013` (32; 48, 112, 224) with 2,039,751 parameters and 136 M, `ferplus` (32; 48, 96, 192) with 1,515,720 and
    106 M. ImageNet's stem (7x7 with stride 2, then pooling) would reduce a face of 48 pixels to 12x12 positions before
    the first block.
    """

    default_dropout = 0.2
    trains_on_windows = True  # of any size, thanks to global average pooling

    def __init__(self, config):
        super().__init__()
        width = config.embedding_size
        self.stem = nn.Sequential(
            nn.Conv2d(config.num_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for size, depth in zip(config.hidden_sizes, config.depths, strict=True):
            for index in range(depth):
                blocks.append(ResidualBlock(width, size, stride=2 if index == 0 else 1))
                width = size
        self.features = nn.Sequential(*blocks)
        self.stage_ends = [sum(config.depths[: stage + 1]) - 1 for stage in range(len(config.depths))]
        self.num_features = width
        self.dropout = nn.Dropout(self.default_dropout if config.dropout is None else config.dropout)
        self.classifier = nn.Linear(width, config.num_labels)

    def forward_features(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        """(images, channels, size, size) → (images, last hidden size, size / 2**stages, size / 2**stages)

        Args:
            hidden_states: receives the features after the stem and after every stage.
        """
        features = self.stem(pixel_values)
        if hidden_states is None:
            return self.features(features)
        hidden_states.append(features)
        for index, block in enumerate(self.features):
            features = block(features)
            if index in self.stage_ends:
                hidden_states.append(features)
        return features

    def forward_head(self, features: torch.Tensor) -> torch.Tensor:
        """(images, features, height, width) → logits (images, labels)"""
        return self.classifier(self.dropout(features.mean((2, 3))))

    def forward(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        return self.forward_head(self.forward_features(pixel_values, hidden_states))

    def drop_head(self) -> None:
        """Remove the last linear layer and the dropout before it: `forward` → (images, num_features)."""
        self.dropout, self.classifier = nn.Identity(), nn.Identity()
