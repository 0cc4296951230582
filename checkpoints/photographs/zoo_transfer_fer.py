"""ImageNet architectures with a new head; pretrained weights are loaded afterwards, or trained from scratch."""

import torch
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2Model, ResNetConfig, ResNetModel

from .image_processing_fer import FERImageProcessor


class TransferNetwork(nn.Module):
    """A backbone, global average pooling, dropout and one linear layer named `classifier`.

    The backbone is initialised randomly. It expects three channels, standardised with the constants of its
    pretraining. `pixel_values` are standardised with those of `FERImageProcessor`, so the network converts them first:

        (pixel_values * fer_std + fer_mean - image_mean) / image_std  =  pixel_values * scale + shift

    with a `scale` and a `shift` for each of the three channels; one grey channel is broadcast to three. The two
    are buffers: saved with the weights and never trained.

    A backbone is divided into five stages of decreasing resolution, which are frozen from the first and unfrozen from
    the last. Freezing needs more than `requires_grad_(False)`: in training mode batch norm would still update its
    running statistics, so a frozen stage must also be kept in evaluation mode.

    Attributes:
        image_mean, image_std: constants of the backbone's ImageNet pretraining for red, green and blue.
        num_features: number of output channels of the backbone.
    """

    default_dropout = 0.2
    image_mean = (0.485, 0.456, 0.406)
    image_std = (0.229, 0.224, 0.225)
    trains_on_windows = True
    num_features: int

    def __init__(self, config, backbone: nn.Module):
        super().__init__()
        scale, shift = self.conversion()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self.backbone = backbone
        self.dropout = nn.Dropout(self.default_dropout if config.dropout is None else config.dropout)
        self.classifier = nn.Linear(self.num_features, config.num_labels)

    def conversion(self) -> tuple[torch.Tensor, torch.Tensor]:
        """`scale` and `shift`, (3, 1, 1) each."""
        (fer_mean,), (fer_std,) = FERImageProcessor.image_mean, FERImageProcessor.image_std
        pairs = list(zip(self.image_mean, self.image_std, strict=True))
        scale = torch.tensor([fer_std / std for _, std in pairs])
        shift = torch.tensor([(fer_mean - mean) / std for mean, std in pairs])
        return scale.view(3, 1, 1), shift.view(3, 1, 1)

    def backbone_stages(self) -> list[nn.Module]:
        """The five parts of the backbone from input to output, which together contain all of its parameters."""
        raise NotImplementedError

    def forward_features(self, pixel_values: torch.Tensor, hidden_states: list | None = None) -> torch.Tensor:
        """(images, 1 or 3, size, size) → (images, features, size / 32, size / 32), the latter rounded as it comes

        Args:
            hidden_states: receives the features after each of the five stages.
        """
        features = pixel_values * self.scale + self.shift
        if hidden_states is None:
            return self.backbone(features)[0]
        for stage in self.backbone_stages():
            features = stage(features)
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


class ResNet50(TransferNetwork):
    """ResNet-50 (He et al. 2015, arXiv:1512.03385), stride 2 in the 3x3 convolutions: 23,508,032 parameters + head."""

    num_features = 2048

    def __init__(self, config):
        layout = ResNetConfig(layer_type="bottleneck", depths=[3, 4, 6, 3], hidden_sizes=[256, 512, 1024, 2048])
        super().__init__(config, ResNetModel(layout))

    def backbone_stages(self) -> list[nn.Module]:
        return [self.backbone.embedder, *self.backbone.encoder.stages]


class MobileNetV2(TransferNetwork):
    """MobileNetV2 of width 1 (Sandler et al. 2018, arXiv:1801.04381): 2,223,872 parameters + head."""

    num_features = 1280
    image_mean = image_std = (0.5, 0.5, 0.5)

    def __init__(self, config):
        super().__init__(config, MobileNetV2Model(MobileNetV2Config(), add_pooling_layer=False))
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                # transformers has 0.997, TensorFlow's weight of the old value, but PyTorch's is that of the new one:
                # the running statistics would be almost those of the last batch alone
                module.momentum = 0.1

    def backbone_stages(self) -> list[nn.Module]:
        layers = self.backbone.layer
        return [
            self.backbone.conv_stem,
            nn.Sequential(*layers[:2]),
            nn.Sequential(*layers[2:5]),
            nn.Sequential(*layers[5:12]),
            nn.Sequential(*layers[12:], self.backbone.conv_1x1),
        ]


class VGG16Features(nn.Module):
    """The 13 convolutions of VGG-16, numbered as in torchvision: `features.0`, `features.2`, `features.5`, ..."""

    stages = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for widths in self.stages:
            for width in widths:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        """Returns a tuple, like the models of transformers."""
        return (self.features(images),)


class VGG16(TransferNetwork):
    """VGG-16 (Simonyan and Zisserman 2014, arXiv:1409.1556), its convolutions only: 14,714,688 parameters + head."""

    num_features = 512

    def __init__(self, config):
        super().__init__(config, VGG16Features())

    def backbone_stages(self) -> list[nn.Module]:
        start, stages = 0, []
        for widths in self.backbone.stages:
            end = start + 2 * len(widths) + 1
            stages.append(self.backbone.features[start:end])
            start = end
        return stages
