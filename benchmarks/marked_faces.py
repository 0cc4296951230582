"""Photographs in which every face is marked, and how detections are matched with them.

The data are not part of the repository. `group` is a folder with a parquet file of photographs from WIDER FACE's
validation split (columns image, boxes as x, y, width, height, blur, occlusion, odd_pose, odd_light, invalid); `nobody`
one of pictures without people (column image).
"""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from fer_hub.boxes import Box
from fer_hub.results import Face

DATA = Path(os.environ.get("FACES_DIR") or Path(__file__).resolve().parents[2] / "shared" / "data")
"""The folder of the folders `group_photographs` and `no_faces`."""

WITH_PEOPLE = frozenset((28, 54, 101, 251, 272, 284))
"""Positions of pictures "without people" that hold some in the background, as a look at them shows; left out."""

MIN_IOU = 0.4
"""From this overlap (intersection over union) on, a detection is the marked face."""

LEAST_HEIGHT = 10
"""Marked faces of fewer pixels count neither way, as those do that their authors call invalid."""

BANDS = ((24, 32), (32, 48), (48, 64), (64, 96), (96, 100_000))
"""Heights of faces in pixels, from and below."""


@dataclass(frozen=True)
class Marked:
    """A photograph with its faces: boxes (faces, 4) as x0, y0, x1, y1; attributes by name, each (faces,)."""

    image: Image.Image
    boxes: np.ndarray
    attributes: dict[str, np.ndarray]

    @property
    def heights(self) -> np.ndarray:
        """(faces,) in pixels."""
        return self.boxes[:, 3] - self.boxes[:, 1]

    @property
    def counts(self) -> np.ndarray:
        """(faces,) whether a face counts."""
        return (self.heights >= LEAST_HEIGHT) & (self.attributes["invalid"] == 0)


def rows(folder: Path) -> Iterator[dict]:
    """The rows of the parquet files of a folder, in the order of their names."""
    for path in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(16):
            yield from batch.to_pylist()


def marked_photographs(folder: Path) -> Iterator[Marked]:
    """Photographs of groups with their marked faces."""
    for row in rows(folder):
        boxes = np.array(row["boxes"], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        names = ("blur", "occlusion", "odd_pose", "odd_light", "odd_expression", "invalid")
        yield Marked(image_of(row), boxes, {name: np.array(row[name], int) for name in names})


def pictures_of_nobody(folder: Path) -> Iterator[tuple[int, Image.Image]]:
    """(position, picture) of those without people."""
    for position, row in enumerate(rows(folder)):
        if position not in WITH_PEOPLE:
            yield position, image_of(row)


def match(faces: Sequence[Face], photo: Marked) -> tuple[np.ndarray, np.ndarray]:
    """Which marked face each detection is, greedily from the highest score.

    Returns:
        (detections,) index of the marked face, -1 for none; (detections,) whether the detection counts, which one of a
        face that does not count does not.
    """
    overlaps = overlap([face.box for face in faces], photo.boxes)
    which, free = np.full(len(faces), -1), np.ones(len(photo.boxes), bool)
    for index in sorted(range(len(faces)), key=lambda i: -faces[i].detection_score):
        left = np.where(free, overlaps[index], 0.0)
        if left.size and left.max() >= MIN_IOU:
            which[index] = left.argmax()
            free[which[index]] = False
    return which, np.array([index < 0 or photo.counts[index] for index in which], bool)


def overlap(a: Sequence[Box], b: Sequence[Box]) -> np.ndarray:
    """Intersection over union of all pairs, (a, b)."""
    a, b = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (a, b))
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    common = sides.clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return common / (areas[0][:, None] + areas[1][None] - common)


def image_of(row: dict) -> Image.Image:
    return Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")
