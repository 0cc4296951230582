"""Random framing, lighting and cameras for whole batches of training crops at once, on the device they live on.

Random numbers come from torch's global generators, which the Trainer seeds, saves and restores; a resumed run
therefore sees the same augmented images as an uninterrupted one.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from fer_hub.training import camera


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes, drawn independently for every image of a batch. The default changes nothing.

    Attributes:
        flip: probability of a horizontal flip.
        rotation: largest rotation in degrees, either way.
        shift: largest translation in fractions of the side, either way along each axis.
        zoom: largest scaling: a factor between 1 / (1 + zoom) and 1 + zoom.
        shear: largest horizontal shear, in degrees either way.
        brightness: largest added grey value, in fractions of the full range, either way.
        contrast: largest change of contrast: a factor between 1 / (1 + contrast) and 1 + contrast.
        crop: side of a random square crop in fractions of the image's side. Reduces compute and varies the framing;
            only for networks that accept images of any size.
        erasing: probability of blanking a rectangle (random erasing, Zhong et al. 2017, arXiv:1708.04896).
        erasing_area: smallest and largest area of that rectangle, in fractions of the image.
        cover: probability of occluding eyes, mouth or a rectangle before the image is moved, see `camera.covered`.
        gamma, fade, side_light, blur, low_resolution, noise, exposure, jpeg: probabilities of lighting and camera
            effects, whose strengths are in `camera.RANGES`.
    """

    flip: float = 0.0
    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    crop: float = 1.0
    erasing: float = 0.0
    erasing_area: tuple[float, float] = (0.02, 0.2)
    cover: float = 0.0
    gamma: float = 0.0
    fade: float = 0.0
    side_light: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    noise: float = 0.0
    exposure: float = 0.0
    jpeg: float = 0.0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Change a batch.

        Args:
            images: tensor (images, channels, height, width), uint8 or float, values 0 to 255.

        Returns:
            float32 tensor on the same device, values 0 to 255, of the same shape except for a smaller height and width
            with `crop`. Pixels from outside the image have one random grey value per image, so that the network cannot
            learn anything from the padding.

        Example:
            >>> _ = torch.manual_seed(0)
            >>> PRESETS["light"](torch.zeros(2, 1, 48, 48, dtype=torch.uint8)).shape
            torch.Size([2, 1, 48, 48])
            >>> PRESETS["crop"](torch.zeros(2, 1, 48, 48, dtype=torch.uint8)).shape
            torch.Size([2, 1, 40, 40])
        """
        images = images.float()
        if self.cover:
            images = camera.covered(images, self.cover)
        images = self._move(images)
        if self.brightness or self.contrast:
            images = self._relight(images)
        probabilities = {name: getattr(self, name) for name in camera.RANGES}
        if any(probabilities.values()):
            images = camera.photographed(images, probabilities)
        return self._erase(images) if self.erasing else images

    def _move(self, images: torch.Tensor) -> torch.Tensor:
        if not (self.flip or self.rotation or self.shift or self.zoom or self.shear or self.crop < 1):
            return images
        count, device = len(images), images.device
        angle = _between(count, self.rotation, device) * math.pi / 180
        shear = torch.tan(_between(count, self.shear, device) * math.pi / 180)
        scale = (1 + self.zoom) ** _between(count, 1.0, device)
        mirror = torch.where(torch.rand(count, device=device) < self.flip, -1.0, 1.0)
        cos, sin = self.crop * torch.cos(angle) / scale, self.crop * torch.sin(angle) / scale
        across, down = (2 * _between(count, self.shift, device) for _ in range(2))
        if self.crop < 1:
            across, down = (move + _between(count, 1 - self.crop, device) for move in (across, down))
        # rows of the matrix from output to input positions, in [-1, 1] coordinates
        theta = torch.stack(
            [
                torch.stack([cos * mirror, shear * cos - sin, across], dim=1),
                torch.stack([sin * mirror, shear * sin + cos, down], dim=1),
            ],
            dim=1,
        )
        sides = [round(self.crop * side) for side in images.shape[2:]]
        grid = F.affine_grid(theta, [*images.shape[:2], *sides], align_corners=False)
        outside = 255 * torch.rand(count, 1, 1, 1, device=device)
        return F.grid_sample(images - outside, grid, align_corners=False) + outside

    def _relight(self, images: torch.Tensor) -> torch.Tensor:
        count, device = len(images), images.device
        factor = (1 + self.contrast) ** _between(count, 1.0, device)[:, None, None, None]
        offset = 255 * _between(count, self.brightness, device)[:, None, None, None]
        mean = images.mean((1, 2, 3), keepdim=True)
        return ((images - mean) * factor + mean + offset).clamp(0, 255)

    def _erase(self, images: torch.Tensor) -> torch.Tensor:
        count, _, height, width = images.shape
        device = images.device
        low, high = self.erasing_area
        area = low + (high - low) * torch.rand(count, device=device)
        ratio = torch.exp(_between(count, math.log(3.0), device))  # height : width from 1:3 to 3:1
        tall = (torch.sqrt(area * ratio) * height).clamp(max=height)
        wide = (torch.sqrt(area / ratio) * width).clamp(max=width)
        top = torch.rand(count, device=device) * (height - tall)
        left = torch.rand(count, device=device) * (width - wide)
        rows = torch.arange(height, device=device)
        columns = torch.arange(width, device=device)
        inside_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
        inside_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
        chosen = torch.rand(count, device=device) < self.erasing
        mask = inside_rows[:, None, :, None] & inside_columns[:, None, None, :] & chosen[:, None, None, None]
        return torch.where(mask, 255 * torch.rand(count, 1, 1, 1, device=device), images)


def _between(count: int, limit: float, device: torch.device) -> torch.Tensor:
    """`count` uniform numbers between -limit and limit."""
    return (2 * torch.rand(count, device=device) - 1) * limit


PRESETS = {
    "none": Augmentation(),
    "light": Augmentation(flip=0.5, rotation=10, shift=0.08, zoom=0.12, brightness=0.1, contrast=0.2, erasing=0.25),
    "heavy": Augmentation(
        flip=0.5, rotation=20, shift=0.12, zoom=0.25, shear=10, brightness=0.25, contrast=0.5, erasing=0.5
    ),
    "crop": Augmentation(flip=0.5, rotation=10, zoom=0.12, brightness=0.1, contrast=0.2, crop=40 / 48, erasing=0.25),
    "frames": Augmentation(flip=0.5, rotation=12, zoom=0.3, brightness=0.1, contrast=0.2, crop=40 / 48, erasing=0.25),
    "camera": Augmentation(
        flip=0.5,
        rotation=15,
        zoom=0.3,
        shear=5,
        crop=40 / 48,
        cover=0.25,
        gamma=0.5,
        fade=0.5,
        side_light=0.3,
        blur=0.3,
        low_resolution=0.25,
        noise=0.4,
        exposure=0.5,
        jpeg=0.25,
    ),
}
"""Named augmentations: `none`; `light`, with realistic changes; `heavy`, with stronger ones; `crop`, like `light` but
with random crops of 40 of 48 pixels instead of shifts, which take two thirds of the compute (40x40 crops of FER-2013:
Khaireddin and Chen 2021, arXiv:2105.03588); `frames`, like `crop` but with as much scaling as there is between the
frames of FER-2013 and those of `fer_hub.detection.framing` around detected faces (0.8 to 1.2 for 80 of 100 validation
images, 0.68 to 1.39 for 96); `camera`, for everyday photos: random crops, lighting and camera effects, and
occlusion."""

EFFECTS = {name: Augmentation(**{name: 1.0}) for name in ("cover", *camera.RANGES)}
"""The components of `camera`, each alone and applied to every image, for visual inspection."""
