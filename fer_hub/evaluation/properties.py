"""Measured properties of faces, by which images can be put into groups."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from datasets import Dataset
from datasets import Image as ImageFeature
from PIL import Image
from tqdm.auto import tqdm

from fer_hub.detection.quality import SIZE, sharpness
from fer_hub.detection.turn import yaw
from fer_hub.evaluation.measuring import PHOTOGRAPH_SIDE, on_canvas
from fer_hub.results import Face


def of_pixels(by: str, pixels: np.ndarray) -> list[float]:
    """Brightness or sharpness of every crop.

    Args:
        pixels: uint8 array (images, size, size).
    """
    if by == "brightness":
        return pixels.mean((1, 2)).tolist()
    return [sharpness(_at_size(crop)) for crop in pixels]


def of_face(by: str, face: Face | None) -> float | None:
    """Size or yaw of a face, the latter without its side; None without a face."""
    if face is None:
        return None
    if by == "size":
        return face.box[2] - face.box[0]
    turned = yaw(face)
    return None if turned is None else abs(turned)


def faces_in_crops(
    detector: Any, pixels: np.ndarray, widths: Sequence[int], *, progress: str | None = None
) -> list[Face | None]:
    """The largest face that the detector finds in every crop, its box in pixels of the crop's own size.

    Crops are enlarged and put on a grey canvas, as in `measuring.measure_photographs`, for the margin that detectors
    need; keypoints are in pixels of the canvas.

    Args:
        detector: with a method `detect`.
        pixels: uint8 array (images, size, size).
        widths: of the images before they were resized to `size`.
        progress: label of a progress bar; no bar if `None`.
    """
    result: list[Face | None] = []
    bar = tqdm(pixels, desc=progress, disable=progress is None, unit="img")
    for crop, width in zip(bar, widths, strict=True):
        photo = Image.fromarray(crop).resize((PHOTOGRAPH_SIDE,) * 2, Image.Resampling.BICUBIC)
        found = next(iter(detector.detect(on_canvas(photo).convert("RGB"))), None)
        edges = None if found is None else tuple(edge * width / PHOTOGRAPH_SIDE for edge in found.box)
        result.append(None if found is None else replace(found, box=edges))
    return result


def widths_of(faces: Dataset) -> list[int]:
    """The width of every image of a data set in pixels, from its header."""
    encoded = faces.select_columns("image").cast_column("image", ImageFeature(decode=False))
    return [_width(entry["image"]) for entry in encoded]


def _width(image: dict[str, Any]) -> int:
    with Image.open(image["path"] if image["bytes"] is None else io.BytesIO(image["bytes"])) as opened:
        return opened.width


def _at_size(crop: np.ndarray) -> np.ndarray:
    """Grey values of a crop, float32 (SIZE, SIZE)."""
    if crop.shape != (SIZE, SIZE):
        crop = np.asarray(Image.fromarray(crop).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return crop.astype(np.float32)
