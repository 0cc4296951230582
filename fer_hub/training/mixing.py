"""mixup and CutMix for whole batches."""

import math
from dataclasses import dataclass

import torch

from fer_hub.training.soft_labels import to_probabilities


@dataclass(frozen=True)
class Mixing:
    """Mixes every image of a batch with another one of the batch; the default mixes nothing.

    As in the papers, λ is drawn from Beta(α, α) once per batch, together with a random permutation. If both are
    enabled, one of the two is chosen for each batch with equal probability. Random numbers come from torch's
    global generators, as in `fer_hub.training.augmentation`.

    Attributes:
        mixup: α of mixup (Zhang et al. 2017, arXiv:1710.09412): the whole image is λ of one and 1 - λ of the other;
            0 disables it, 0.2 is usual, larger values give more even mixtures.
        cutmix: α of CutMix (Yun et al. 2019, arXiv:1905.04899): a rectangle of the other image replaces a fraction
            1 - λ of the image's area; 0 disables it, 1 is usual.

    Raises:
        ValueError: an α is not a number from 0.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self):
        for name in ("mixup", "cutmix"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"{name} must be a number from 0, the α of a Beta distribution, got {value}; 0 switches it off."
                )

    def __call__(self, images: torch.Tensor, labels: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix a batch.

        Args:
            images: float tensor (images, channels, height, width).
            labels: class indices (images,) or probabilities (images, classes).
            classes: number of classes.

        Returns:
            Images of the same shape, and their labels mixed in the same proportion, float32 (images, classes); both
            unchanged if mixing is disabled.

        Example:
            >>> _ = torch.manual_seed(0)
            >>> _, labels = Mixing(mixup=0.2)(torch.rand(2, 1, 48, 48), torch.tensor([0, 1]), 2)
            >>> labels.sum(1)
            tensor([1., 1.])
        """
        if not (self.mixup or self.cutmix):
            return images, labels
        cut = self.cutmix > 0 and (not self.mixup or torch.rand(()).item() < 0.5)
        alpha = self.cutmix if cut else self.mixup
        share = torch.distributions.Beta(alpha, alpha).sample().item()  # on the CPU: no wait for a GPU
        other = torch.randperm(len(images), device=images.device)
        if cut:
            top, bottom, left, right = rectangle(images.shape[2], images.shape[3], 1 - share)
            mixed = images.clone()
            mixed[:, :, top:bottom, left:right] = images[other, :, top:bottom, left:right]
            share = 1 - (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
        else:
            mixed = torch.lerp(images[other], images, share)
        labels = to_probabilities(labels, classes)
        return mixed, torch.lerp(labels[other], labels, share)


def rectangle(height: int, width: int, area: float) -> tuple[int, int, int, int]:
    """A random rectangle with the image's aspect ratio and the fraction `area` of its area, clipped at the borders.

    The centre may be any pixel (CutMix, equation 2), so the part inside the image can be smaller than `area`.

    Returns:
        top, bottom, left, right in pixels; bottom and right are the first row and column outside.
    """
    half_height, half_width = (side * math.sqrt(area) / 2 for side in (height, width))
    row, column = (int(torch.randint(side, ()).item()) for side in (height, width))
    return (
        max(round(row - half_height), 0),
        min(round(row + half_height), height),
        max(round(column - half_width), 0),
        min(round(column + half_width), width),
    )
