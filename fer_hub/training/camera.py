"""Lighting, camera effects and occlusion for whole batches, on their device.

Every function takes float images (images, channels, height, width) with values 0 to 255 and one strength per image, a
tensor (images,), and returns images of the same shape; `photographed` draws the strengths.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

JPEG_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of grey 8x8 blocks at quality 50: ITU-T T.81, table K.1."""

RANGES = {
    "gamma": (-0.9, 0.9),
    "fade": (-0.9, 0.35),
    "side_light": (0.1, 0.8),
    "blur": (0.0, 0.042),
    "low_resolution": (0.25, 1.0),
    "noise": (0.0, 25.0),
    "exposure": (-3.0, 0.6),
    "jpeg": (8.0, 70.0),
}
"""Effects, in this order, and ranges of their strengths: exponents and factors as natural logarithms, `blur` and
`low_resolution` in fractions of the side, the others as in their functions."""


def photographed(images: torch.Tensor, probabilities: Mapping[str, float]) -> torch.Tensor:
    """Apply random lighting and camera effects, independently for every image.

    Args:
        images: float tensor (images, channels, side, side), values 0 to 255.
        probabilities: key of `RANGES` → probability; effects that are not listed are not applied.

    Returns:
        Images of the same shape and range.
    """
    side = images.shape[-1]
    changes: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
        "gamma": lambda part, values: gamma(part, values.exp()),
        "fade": lambda part, values: contrast(part, values.exp()),
        "side_light": lambda part, values: side_light(part, values, 2 * math.pi * torch.rand_like(values)),
        "blur": lambda part, values: blur(part, *(side * values * torch.rand_like(values) for _ in range(2))),
        "low_resolution": lambda part, values: shrink(part, side * values),
        "noise": noise,
        "exposure": lambda part, values: expose(part, values.exp()),
        "jpeg": jpeg,
    }
    for name, (low, high) in RANGES.items():
        chosen = torch.rand(len(images), device=images.device) < probabilities.get(name, 0.0)
        if chosen.any():
            values = low + (high - low) * torch.rand(int(chosen.sum()), device=images.device)
            images = images.clone()
            images[chosen] = changes[name](images[chosen].clamp(0, 255), values)
    return images.clamp(0, 255)


def covered(images: torch.Tensor, probability: float) -> torch.Tensor:
    """Occlude eyes, mouth or a random rectangle of faces framed as in FER-2013 with one grey value.

    Of the affected images a quarter loses the eyes, a quarter mouth and chin, and half a rectangle of 3 to 25 % of the
    area.
    """

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(images), device=images.device)

    kind, left, right = between(0, 1) / max(probability, 1e-9), between(0, 0.25), between(0.75, 1)
    ratio = torch.exp(between(-math.log(3), math.log(3)))
    area = between(0.03, 0.25)
    tall, wide = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    top, side = between(0, 1) * (1 - tall), between(0, 1) * (1 - wide)
    nothing = torch.zeros_like(left)
    edges = (
        (left, between(0.2, 0.32), right, between(0.45, 0.58)),
        (left, between(0.52, 0.66), right, between(0.9, 1)),
        (side, top, side + wide, top + tall),
        (nothing, nothing, nothing, nothing),
    )
    which = torch.bucketize(kind, torch.tensor([0.25, 0.5, 1.0], device=images.device))
    chosen = torch.stack([torch.stack(part) for part in edges])[which, :, torch.arange(len(images))]
    return cover(images, *chosen.T, 255 * between(0, 1))


def gamma(images: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """Grey values, as a fraction of 255, to the power of the exponent: above 1 shadows get darker, below 1 brighter."""
    return 255 * (images.clamp(0, 255) / 255) ** _each(exponent)


def contrast(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Distances from the image's mean, multiplied."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * _each(factor) + mean


def side_light(images: torch.Tensor, strength: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Light from one side: a factor that falls linearly from 1 + strength at that edge to 1 - strength at the other.

    Args:
        strength: 0 to 1.
        angle: direction of the light in radians.
    """
    height, width = images.shape[2:]
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)[None, :]
    slope = torch.cos(angle)[:, None, None] * x + torch.sin(angle)[:, None, None] * y
    return images * (1 + _each(strength) * slope[:, None].clamp(-1, 1))


def blur(images: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Gaussian blur with separate standard deviations along the two axes, in pixels; 0 means no blur."""
    height, width = images.shape[2:]
    return _gaussians(height, down) @ images @ _gaussians(width, across).transpose(2, 3)


def shrink(images: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """Simulate a lower resolution: downscale to `side` x `side` and enlarge again.

    Args:
        images: square.
        side: integers from 1 to the images' side, in pixels.
    """
    sides, which = side.round().long().unique(return_inverse=True)
    maps = torch.stack([_resampling(images.shape[-1], int(value), images.device) for value in sides])[which][:, None]
    return maps @ images @ maps.transpose(2, 3)


def noise(images: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Add normal noise with this standard deviation in grey values."""
    return images + _each(deviation) * torch.randn_like(images)


def expose(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Change the exposure: multiply, clip at 255, and round to whole grey values as a sensor does."""
    return (images * _each(factor)).clamp(0, 255).round()


def jpeg(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """JPEG compression of grey images with the standard tables, at quality 1 (worst) to 100.

    The 8x8 blocks start at the upper left; sides that are not a multiple of 8 are padded with their last pixels. The
    table is scaled by the quality as in the library of the Independent JPEG Group.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = padded.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4) - 128  # ..., rows, columns, 8, 8
    waves = _cosines(images.device)
    scale = torch.where(quality < 50, 5000 / quality.clamp(min=1), 200 - 2 * quality) / 100
    table = torch.tensor(JPEG_LUMINANCE, device=images.device, dtype=images.dtype)
    steps = (table * scale[:, None, None]).round().clamp(1, 255)[:, None, None, None]
    kept = ((waves @ blocks @ waves.T) / steps).round() * steps
    pixels = (waves.T @ kept @ waves + 128).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return pixels[..., :height, :width].clamp(0, 255).round()


def cover(
    images: torch.Tensor,
    left: torch.Tensor,
    top: torch.Tensor,
    right: torch.Tensor,
    bottom: torch.Tensor,
    grey: torch.Tensor,
) -> torch.Tensor:
    """Fill a rectangle of every image with one grey value.

    Args:
        left, top, right, bottom: edges in fractions of the side; an empty rectangle changes nothing.
        grey: 0 to 255.
    """
    height, width = images.shape[2:]
    y = (torch.arange(height, device=images.device) + 0.5) / height
    x = (torch.arange(width, device=images.device) + 0.5) / width
    rows = (y >= top[:, None]) & (y < bottom[:, None])
    columns = (x >= left[:, None]) & (x < right[:, None])
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], _each(grey), images)


def _each(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None, None]


def _gaussians(side: int, deviation: torch.Tensor) -> torch.Tensor:
    """Matrices (images, 1, side, side) that blur a line of pixels; rows sum to 1."""
    place = torch.arange(side, device=deviation.device)
    distance = (place[:, None] - place[None, :]).float()
    weights = torch.exp(-0.5 * (distance / deviation.clamp(min=1e-3)[:, None, None]) ** 2)
    return (weights / weights.sum(2, keepdim=True))[:, None]


def _resampling(side: int, small: int, device: torch.device) -> torch.Tensor:
    """The matrix (side, side) that downscales a line of pixels by area averaging and enlarges it again bilinearly."""
    unit = torch.eye(side, device=device)[None]  # each column is a line with one white pixel
    return F.interpolate(F.adaptive_avg_pool1d(unit, small), side, mode="linear")[0].T


def _cosines(device: torch.device) -> torch.Tensor:
    """The matrix (8, 8) of the discrete cosine transform, orthonormal."""
    place, wave = torch.arange(8, device=device), torch.arange(8, device=device)[:, None]
    matrix = torch.cos(math.pi * (2 * place + 1) * wave / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix
