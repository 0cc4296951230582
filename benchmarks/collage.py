"""Synthetic photos of many people, and photos without people, for measuring and testing the face detector.

Heads and shoulders are cut out of the two example portraits, whose face boxes are known.
"""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from fer_hub.boxes import Box, intersection
from fer_hub.images import load_image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

PORTRAITS: dict[str, Box] = {"astronaut": (174, 71, 276, 174), "grace_hopper": (168, 137, 366, 336)}
"""Face boxes (x0, y0, x1, y1) in pixels of the portrait, checked by eye."""

BACKGROUNDS = ("plain", "gradient", "blobs", "stripes", "foliage")


def background(kind: str, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """An RGB image of that size without a face.

    Args:
        kind: one of `BACKGROUNDS`.
        size: (width, height) in pixels.
        random: generator of colours and patterns.
    """
    width, height = size
    first, second = random.integers(40, 216, (2, 3))
    if kind == "plain":
        mix = np.zeros((height, width))
    elif kind == "gradient":
        mix = np.linspace(0, 1, width)[None, :] * np.linspace(0.3, 1, height)[:, None]
    elif kind == "stripes":
        mix = np.broadcast_to(np.arange(width)[None, :] // random.integers(8, 60) % 2, (height, width))
    else:  # soft blobs, or as fine as leaves
        grain = 60 if kind == "blobs" else 6
        coarse = random.random((math.ceil(height / grain), math.ceil(width / grain)), np.float32)
        mix = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
    pixels = first + mix[:, :, None] * (second - first)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


@lru_cache(maxsize=32)
def _head_and_shoulders(name: str, face_width: float) -> tuple[Image.Image, float]:
    """The used part of a portrait, at most three times as large as needed, and the width of the face in it."""
    x0, y0, x1, y1 = PORTRAITS[name]
    side = x1 - x0
    # 0.8 face widths around the face: hair, collar and shoulders
    frame = tuple(round(edge) for edge in (x0 - 0.8 * side, y0 - 0.7 * side, x1 + 0.8 * side, y1 + 0.7 * side))
    image = load_image(EXAMPLES / f"{name}.jpg").crop(frame)
    factor = min(1.0, 3 * face_width / side)
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX), side * factor


def person(name: str, face_width: float, angle: float = 0.0) -> tuple[Image.Image, Image.Image, Box]:
    """Head and shoulders of a portrait.

    Args:
        name: a key of `PORTRAITS`.
        face_width: width of the face's box in pixels.
        angle: clockwise rotation of the head in degrees, as seen in the image.

    Returns:
        RGB image, mask ("L", 255 where the person is) of the same size, box of the face. For a rotated head the box
        is the axis-aligned one around the rotated centre.
    """
    image, side = _head_and_shoulders(name, face_width)
    mask = Image.new("L", image.size, 255)
    if angle:  # about the middle of the face, which is the middle of the frame
        image = image.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        mask = mask.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
    factor = face_width / side
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    image, mask = (part.resize(size, Image.Resampling.BOX, reducing_gap=None) for part in (image, mask))
    half = face_width / 2
    return image, mask, (size[0] / 2 - half, size[1] / 2 - half, size[0] / 2 + half, size[1] / 2 + half)


def collage(
    face_width: float,
    seed: int,
    *,
    people: int = 24,
    size: tuple[int, int] = (1920, 1080),
    tilt: float = 10.0,
    lean: float = 0.0,
    kind: str | None = None,
) -> tuple[Image.Image, list[Box]]:
    """A photo of many people whose faces all have the same size.

    Args:
        face_width: width of the faces' boxes in pixels.
        seed: determines background, positions, people, mirroring, brightness and tilt.
        people: largest number of people; fewer if there is no room for more.
        size: (width, height) of the photo in pixels.
        tilt: heads are rotated by up to this many degrees either way.
        lean: rotation of all heads in degrees clockwise; disables mirroring.
        kind: one of `BACKGROUNDS`; `None` selects one by the seed.

    Returns:
        RGB image, boxes of the faces.
    """
    random = np.random.default_rng(seed)
    photo = background(kind or BACKGROUNDS[seed % len(BACKGROUNDS)], size, random)
    taken: list[Box] = []
    truth: list[Box] = []
    for attempt in range(20 * people):
        if len(truth) == people:
            break
        name = list(PORTRAITS)[attempt % 2]
        cut, mask, (x0, y0, x1, y1) = person(name, face_width, lean + float(random.uniform(-tilt, tilt)))
        x, y = (int(random.integers(0, room - part)) for room, part in zip(size, cut.size, strict=True))
        place = (x, y, x + cut.width, y + cut.height)
        if any(intersection(place, other) for other in taken):
            continue
        if random.random() < 0.5 and not lean:  # the face is in the middle, so its box stays where it is
            cut, mask = ImageOps.mirror(cut), ImageOps.mirror(mask)
        cut = ImageEnhance.Brightness(cut).enhance(float(random.uniform(0.7, 1.2)))
        photo.paste(cut, (x, y), mask)
        taken.append(place)
        truth.append((x + x0, y + y0, x + x1, y + y1))
    return photo.filter(ImageFilter.GaussianBlur(0.4)), truth
