"""A contact sheet of the augmentation presets.

One block per preset, one row per image: the original, followed by randomly augmented versions as in training.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from fer_hub.training.augmentation import EFFECTS, PRESETS

SHOWN = PRESETS | EFFECTS
"""Augmentations that can be shown: the presets, and each component of `camera`."""

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
"""Example photos in a clone of the repository; an installed package has none."""

SIDE, GAP, MARGIN, LINE = 96, 4, 12, 24
"""Sizes in pixels: side of an image, gap between two, margin, and height of a line of text."""

EDGE = "#0072B2"
"""Colour of the frame around the originals, which distinguishes them from augmented images."""


def contact_sheet(
    images: np.ndarray, presets: Sequence[str] = tuple(SHOWN), draws: int = 8, seed: int = 0
) -> Image.Image:
    """Draw the sheet.

    Args:
        images: uint8 array (images, height, width).
        presets: keys of `SHOWN`, one block each.
        draws: number of augmented images next to each original, at the same scale.
        seed: the same seed gives the same sheet.

    Returns:
        RGB image.

    Raises:
        ValueError: there is no image, or nothing to draw.
    """
    if len(images) == 0 or draws < 1 or not presets:
        raise ValueError(
            f"a contact sheet needs an image, a preset and a draw, got {len(images)} images, {len(presets)} presets "
            f"and {draws} draws; give at least one of each."
        )
    step = SIDE + GAP
    block = 2 * LINE + len(images) * step
    width, height = 2 * MARGIN + (draws + 1) * step + GAP, 2 * MARGIN + len(presets) * (block + MARGIN) - MARGIN
    sheet = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    for number, preset in enumerate(presets):
        top = MARGIN + number * (block + MARGIN)
        labels = ImageFont.load_default(size=13)
        pen.text((MARGIN, top), preset, fill="black", font=ImageFont.load_default(size=18))
        pen.text((MARGIN, top + LINE), "original", fill=EDGE, font=labels)
        pen.text((MARGIN + GAP + step, top + LINE), ranges(preset), fill="black", font=labels)
        for row, (image, drawn) in enumerate(zip(images, draw(images, preset, draws, seed), strict=True)):
            y = top + 2 * LINE + row * step
            pen.rectangle((MARGIN - 2, y - 2, MARGIN + SIDE + 1, y + SIDE + 1), outline=EDGE, width=2)
            sheet.paste(_enlarged(image, len(image)), (MARGIN, y))
            for column, picture in enumerate(drawn):
                shown = _enlarged(picture, len(image))
                gap = (SIDE - shown.width) // 2  # around a smaller crop
                sheet.paste(shown, (MARGIN + GAP + (column + 1) * step + gap, y + gap))
    return sheet


def ranges(preset: str) -> str:
    """The changes of a preset and their largest strengths.

    Example:
        >>> ranges("none"), ranges("light").split(", ")[:2]
        ('unchanged', ['flip 0.5', 'rotation 10'])
    """
    augmentation = SHOWN[preset]
    values = {item.name: (getattr(augmentation, item.name), item.default) for item in fields(augmentation)}
    changes = [
        f"{name} {value:.3g}"
        for name, (value, unchanged) in values.items()
        if isinstance(value, int | float) and value != unchanged
    ]
    return ", ".join(changes) or "unchanged"


def draw(images: np.ndarray, preset: str, draws: int, seed: int = 0) -> np.ndarray:
    """Augment every image several times.

    Args:
        images: uint8 array (images, height, width).

    Returns:
        uint8 array (images, draws, height, width), smaller than the images if the preset crops; the state of torch's
        global random generator is restored.
    """
    batch = torch.from_numpy(np.repeat(images, draws, axis=0))[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = SHOWN[preset](batch)
    return drawn.round().to(torch.uint8).numpy().reshape(len(images), draws, *drawn.shape[2:])


def example_crops(size: int = 48) -> np.ndarray:
    """The faces of the example photos as training images: detected, cropped and converted to grey as in the pipeline.

    Returns:
        uint8 array (images, size, size).

    Raises:
        FileNotFoundError: this is an installed package, which has no example photos.
    """
    from fer_hub.detection.detector import FaceDetector
    from fer_hub.detection.framing import face_crop
    from fer_hub.images import load_image
    from fer_hub.model.image_processing_fer import to_grey

    photos = sorted(EXAMPLES.glob("*.jpg"))
    if not photos:
        raise FileNotFoundError("--data must name a data set, as the example photos are not installed.")
    with FaceDetector() as detector:
        faces = [(photo, face) for photo in map(load_image, photos) for face in detector.detect(photo)]
    crops = [face_crop(photo, face, size, Image.Resampling.BILINEAR) for photo, face in faces]
    return np.stack([np.asarray(to_grey(crop)) for crop in crops])


def training_crops(data: str, count: int, seed: int = 0) -> np.ndarray:
    """Some training images of a data set, with the classes as balanced as possible.

    Args:
        data: any source that `load_fer2013` accepts.
        count: largest number of images.

    Returns:
        uint8 array (images, 48, 48).
    """
    from fer_hub.data import decode_images, load_fer2013

    split = load_fer2013(data)["train"]
    labels = np.asarray(split["label"][:])
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)  # number of images of the same class before it
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    rows = sorted(order.tolist(), key=lambda row: (turn[row], labels[row]))[:count]
    return decode_images(split.select(rows))


def _enlarged(image: np.ndarray, original: int) -> Image.Image:
    """Scaled by the same factor as an original of `original` pixels, which is drawn with `SIDE`."""
    side = round(SIDE * len(image) / original)
    return Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
