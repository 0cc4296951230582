"""EfficientNet-Lite0, made for ImageNet, with a new head."""

import torch
from torch import nn
from torch.nn import functional as F

from .zoo_transfer_fer import TransferNetwork

STAGES = (
    (16, 1, 3, 1, 1), (24, 2, 3, 2, 6), (40, 2, 5, 2, 6), (80, 3, 3, 2, 6), (112, 3, 5, 1, 6), (192, 4, 5, 2, 6),
    (320, 1, 3, 1, 6),
)  # fmt: skip
"""(channels, blocks, window, stride, widening) of each stage."""


class Conv2dSame(nn.Conv2d):
    """A convolution padded as TensorFlow does: to ceil(size / stride), with the odd pixel at the right and below.

    Args:
        window: height and width of the filters, an odd number.
    """

    def __init__(self, channels: int, out: int, window: int, stride: int = 1, **kwargs):
        # without a stride both sides get as much, which the convolution adds itself, without a copy of the features
        super().__init__(channels, out, window, stride, padding=window // 2 if stride == 1 else 0, **kwargs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        window, stride = self.kernel_size[0], self.stride[0]
        if stride > 1:
            height, width = (max(0, window - stride + -length % stride) for length in features.shape[-2:])
            features = F.pad(features, [width // 2, width - width // 2, height // 2, height - height // 2])
        return super().forward(features)


class Block(nn.Module):
    """Widen by a 1x1 convolution, filter each channel, narrow by a 1x1 convolution; added to its input if alike.

    The names of the layers are those of the published weights, which number the batch norms in their order.
    """

    def __init__(self, channels: int, out: int, window: int, stride: int, widening: int):
        super().__init__()
        wide = channels * widening
        self.widens, self.adds = widening > 1, stride == 1 and channels == out
        filters = Conv2dSame(wide, wide, window, stride, groups=wide, bias=False)
        if self.widens:
            self.conv_pw, self.bn1 = nn.Conv2d(channels, wide, 1, bias=False), _norm(wide)
            self.conv_dw, self.bn2 = filters, _norm(wide)
            self.conv_pwl, self.bn3 = nn.Conv2d(wide, out, 1, bias=False), _norm(out)
        else:
            self.conv_dw, self.bn1 = filters, _norm(wide)
            self.conv_pw, self.bn2 = nn.Conv2d(wide, out, 1, bias=False), _norm(out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self.widens:
            wide = F.relu6(self.bn1(self.conv_pw(features)))
            out = self.bn3(self.conv_pwl(F.relu6(self.bn2(self.conv_dw(wide)))))
        else:
            out = self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(features)))))
        return features + out if self.adds else out


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class EfficientNetLite0Features(nn.Module):
    """All layers but the classifier."""

    def __init__(self):
        super().__init__()
        self.conv_stem, self.bn1, self.act1 = Conv2dSame(3, 32, 3, 2, bias=False), _norm(32), nn.ReLU6()
        stages, channels = [], 32
        for out, count, window, stride, widening in STAGES:
            blocks = [Block(channels, out, window, stride, widening)]
            blocks += [Block(out, out, window, 1, widening) for _ in range(count - 1)]
            stages.append(nn.Sequential(*blocks))
            channels = out
        self.blocks = nn.Sequential(*stages)
        self.conv_head, self.bn2, self.act2 = nn.Conv2d(channels, 1280, 1, bias=False), _norm(1280), nn.ReLU6()

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        """Returns a tuple, like the models of transformers."""
        features = self.blocks(self.act1(self.bn1(self.conv_stem(images))))
        return (self.act2(self.bn2(self.conv_head(features))),)


class EfficientNetLite0(TransferNetwork):
    """EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6, as
    tensorflow/tpu has it for small devices): 3,371,008 parameters + head.
    """

    num_features = 1280
    image_mean = image_std = (0.5, 0.5, 0.5)

    def __init__(self, config):
        super().__init__(config, EfficientNetLite0Features())

    def backbone_stages(self) -> list[nn.Module]:
        parts, blocks = self.backbone, self.backbone.blocks
        return [
            nn.Sequential(parts.conv_stem, parts.bn1, parts.act1, blocks[0]),
            blocks[1],
            blocks[2],
            blocks[3:5],
            nn.Sequential(*blocks[5:], parts.conv_head, parts.bn2, parts.act2),
        ]
