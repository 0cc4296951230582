"""Press photographs turned and cut by the border: which faces are found, and how they are classified."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.marked_faces import image_of, rows
from fer_hub.boxes import Box, clip, iou, shift
from fer_hub.model.configuration_fer import EMOTIONS
from fer_hub.pipeline import FERPipeline
from fer_hub.results import FacePrediction

TURNS = (0, 30, 45, 60, 90, 180)
"""Degrees clockwise."""

ANGLE = 20
"""Errors of a face's angle up to this many degrees count as right."""

CUTS = (0.4, 0.5)
"""Shares of a face's box that the border cuts off."""

MIN_IOU = 0.4
"""From this overlap with the face, or with what is left of it, on it is found."""


def on_press(folder: Path, pipeline: FERPipeline, step: int) -> dict:
    """What is found in press photographs, each with one main face.

    Args:
        folder: of the parquet file (columns image, label).
        pipeline: classifies the faces that its detector finds.
        step: every so many photographs are used.

    Returns:
        `turned`: degrees → photographs, shares of them whose face is found there, found with the right angle, and
        named as its label says (the most prominent face counts). `cut`: share cut off → photographs and the share of
        them whose face is found.
    """
    counts = {turn: np.zeros(4) for turn in TURNS}
    cut = {share: np.zeros(2) for share in CUTS}
    for position, (image, label) in enumerate(_press(folder, step)):
        upright = pipeline(image)
        if not upright:
            counts[0] += (1, 0, 0, 0)
            continue
        box = tuple(upright[0].box)
        for turn in TURNS:
            faces = upright if turn == 0 else pipeline(_rotated(image, turn))
            place = _rotated_box(box, image.size, turn)
            found = [face for face in faces if iou(tuple(face.box), place) > MIN_IOU]
            right = [face for face in found if abs((face.angle - turn + 180) % 360 - 180) <= ANGLE]
            named = bool(faces) and faces[0].emotion == EMOTIONS[label]
            counts[turn] += (1, bool(found), bool(right), named)
        for share in CUTS:
            part, rest = _cut(image, box, share, position % 4)
            cut[share] += (1, _is_found(pipeline(part), rest))
    return {
        "turned": {
            str(turn): {
                "photographs": int(n),
                "found": round(found / n, 4),
                "angle_right": round(right / n, 4),
                "accuracy": round(named / n, 4),
            }
            for turn, (n, found, right, named) in counts.items()
        },
        "cut": {str(share): {"photographs": int(n), "found": round(found / n, 4)} for share, (n, found) in cut.items()},
    }


def _press(folder: Path, step: int) -> Iterator[tuple[Image.Image, int]]:
    for position, row in enumerate(rows(folder)):
        if position % step == 0:
            yield image_of(row), row["label"]


def _rotated(image: Image.Image, turn: int) -> Image.Image:
    return image.rotate(-turn, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))


def _rotated_box(box: Box, size: tuple[int, int], turn: int) -> Box:
    """A square of the same size around the rotated centre."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    x, y = (box[0] + box[2]) / 2 - size[0] / 2, (box[1] + box[3]) / 2 - size[1] / 2
    width = abs(size[0] * cos) + abs(size[1] * sin)
    height = abs(size[0] * sin) + abs(size[1] * cos)
    middle = width / 2 + x * cos - y * sin, height / 2 + x * sin + y * cos
    half = max(box[2] - box[0], box[3] - box[1]) / 2
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half


def _cut(image: Image.Image, box: Box, share: float, edge: int) -> tuple[Image.Image, Box]:
    """The photograph cut so that its border takes that share of the face; what is left of the face.

    Args:
        image: the photograph.
        box: of the face.
        share: of its width or height.
        edge: 0 to 3: left, top, right, bottom.
    """
    window = [0.0, 0.0, float(image.width), float(image.height)]
    start, end = box[edge % 2], box[edge % 2 + 2]
    window[edge] = start + share * (end - start) if edge < 2 else end - share * (end - start)
    window = [round(side) for side in window]
    part = image.crop(window)
    return part, clip(shift(box, -window[0], -window[1]), *part.size)


def _is_found(faces: list[FacePrediction], rest: Box) -> bool:
    return any(iou(tuple(face.box), rest) > MIN_IOU for face in faces)
