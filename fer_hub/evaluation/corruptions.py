"""Image corruptions for measuring robustness: thirteen kinds, each at five strengths.

The kinds follow Hendrycks and Dietterich 2019 (arXiv:1903.12261) where possible; occlusion and rotation are added. All
take face crops as returned by `fer_hub.data.decode_images`, and are deterministic.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

ENLARGED = 192
"""Side in pixels to which crops are enlarged for corruptions that act on photos: blur and JPEG."""

STRENGTHS = (1, 2, 3, 4, 5)
MEDIUM = 3


def dark(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Grey values multiplied by `share`, in whole grey values."""
    return _bytes(image * share)


def bright(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Grey values multiplied by `factor`, clipped at 255."""
    return _bytes(image * factor)


def low_contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Distances from the mean multiplied by a factor below 1."""
    return _bytes((image - image.mean()) * factor + image.mean())


def side_light(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Light from the left or the right, from 1 + strength at that edge to 1 - strength at the other."""
    slope = np.linspace(1, -1, image.shape[1]) * rng.choice((-1, 1))
    return _bytes(image * (1 + strength * slope)[None, :])


def noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise with this standard deviation in grey values."""
    return _bytes(image + rng.normal(0, deviation, image.shape))


def impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """This fraction of the pixels becomes black or white."""
    hit = rng.random(image.shape) < share
    return np.where(hit, np.where(rng.random(image.shape) < 0.5, 0, 255), image).astype(np.uint8)


def blur(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur with this standard deviation in pixels of an image enlarged to `ENLARGED`."""
    return _photograph(image, lambda photo: photo.filter(ImageFilter.GaussianBlur(deviation)))


def motion_blur(image: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """The mean along a line of `length` pixels of the crop, in a random direction."""
    angle = rng.random() * np.pi
    total = np.zeros(image.shape)
    steps = np.arange(length) - (length - 1) / 2
    for step in steps:
        total += _moved(image, step * np.cos(angle), step * np.sin(angle))
    return _bytes(total / length)


def low_resolution(image: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Downscaled to `side` pixels and enlarged again."""
    photo = Image.fromarray(image)
    small = photo.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small.resize(photo.size, Image.Resampling.BILINEAR))


def jpeg(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """JPEG compression of the image enlarged to `ENLARGED` pixels."""

    def compressed(photo: Image.Image) -> Image.Image:
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _photograph(image, compressed)


def sunglasses(image: np.ndarray, strength: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """A dark band over the eyes: its opacity (0 to 1), and its height as a fraction of the crop's."""
    opacity, tall = strength
    return _band(image, 0.40 - tall / 2, 0.40 + tall / 2, 20, opacity)


def mask(image: np.ndarray, top: float, rng: np.random.Generator) -> np.ndarray:
    """A light face mask from `top` (a fraction of the crop's height) down to the chin."""
    return _band(image, top, 1.0, 200, 1.0)


def rotation(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """The head tilted to the left or right; pixels from outside the image have its mean grey value."""
    turned = Image.fromarray(image).rotate(
        degrees * rng.choice((-1, 1)), Image.Resampling.BILINEAR, fillcolor=int(image.mean())
    )
    return np.asarray(turned)


CORRUPTIONS: dict[str, tuple[Callable, tuple]] = {
    "dark": (dark, (0.5, 0.3, 0.2, 0.1, 0.05)),
    "bright": (bright, (1.25, 1.5, 1.75, 2.0, 2.5)),
    "low contrast": (low_contrast, (0.7, 0.5, 0.35, 0.2, 0.1)),
    "side light": (side_light, (0.3, 0.5, 0.65, 0.8, 0.9)),
    "noise": (noise, (5, 10, 15, 25, 40)),
    "impulse noise": (impulse_noise, (0.01, 0.02, 0.04, 0.08, 0.15)),
    "blur": (blur, (1, 2, 4, 6, 8)),
    "motion blur": (motion_blur, (3, 5, 7, 9, 13)),
    "low resolution": (low_resolution, (32, 24, 16, 12, 8)),
    "JPEG": (jpeg, (50, 30, 20, 10, 5)),
    "sunglasses": (sunglasses, ((0.5, 0.25), (0.75, 0.25), (1.0, 0.25), (1.0, 0.3), (1.0, 0.35))),
    "mask": (mask, (0.8, 0.7, 0.6, 0.55, 0.5)),
    "rotation": (rotation, (10, 15, 20, 30, 45)),
}
"""Name → function and its parameters at strengths 1 (slight) to 5."""


def corrupt(images: np.ndarray, kind: str, strength: int, seed: int = 0) -> np.ndarray:
    """Corrupt every crop.

    Args:
        images: uint8 array (images, size, size).
        kind: a key of `CORRUPTIONS`.
        strength: 1 to 5.
        seed: random seed.

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: unknown kind or strength.

    Example:
        >>> corrupt(np.full((1, 48, 48), 200, np.uint8), "dark", 1)[0, 0, 0]
        np.uint8(100)
    """
    if kind not in CORRUPTIONS:
        raise ValueError(f"kind must be one of {', '.join(CORRUPTIONS)}, got {kind!r}; choose one of these.")
    if strength not in STRENGTHS:
        raise ValueError(f"strength must be 1 to 5, got {strength!r}; {MEDIUM} is the medium one.")
    function, values = CORRUPTIONS[kind]
    rng = np.random.default_rng(seed)
    return np.stack([function(image, values[strength - 1], rng) for image in images])


def mixed_corruptions(images: np.ndarray, strength: int = MEDIUM) -> np.ndarray:
    """Corrupt every crop in one way, cycling through the kinds.

    Args:
        images, strength: as for `corrupt`.
    """
    result = np.empty_like(images)
    for number, kind in enumerate(CORRUPTIONS):
        if len(images[number :: len(CORRUPTIONS)]):
            result[number :: len(CORRUPTIONS)] = corrupt(images[number :: len(CORRUPTIONS)], kind, strength)
    return result


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _photograph(image: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Enlarge, change, and resize to the crop's size again."""
    photo = Image.fromarray(image).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
    return np.asarray(change(photo).resize(image.shape[::-1], Image.Resampling.BOX))


def _moved(image: np.ndarray, across: float, down: float) -> np.ndarray:
    """Shifted by fractions of pixels, with edge padding."""
    pad = 8
    photo = Image.fromarray(np.pad(image, pad, mode="edge").astype(np.float32))
    moved = photo.transform(photo.size, Image.Transform.AFFINE, (1, 0, across, 0, 1, down), Image.Resampling.BILINEAR)
    return np.asarray(moved)[pad:-pad, pad:-pad]


def _band(image: np.ndarray, top: float, bottom: float, grey: int, opacity: float) -> np.ndarray:
    height, width = image.shape
    rows = slice(round(top * height), round(bottom * height))
    columns = slice(round(0.08 * width), round(0.92 * width))
    result = image.astype(np.float64)
    result[rows, columns] = (1 - opacity) * result[rows, columns] + opacity * grey
    return _bytes(result)
