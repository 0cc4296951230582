"""Arithmetic on boxes.

A box is `(x0, y0, x1, y1)` in pixels: left, top, right and bottom edge, x to the right and y downwards, with
x0 <= x1 and y0 <= y1. Edges are positions between pixels, so the whole of a 640x480 image is `(0, 0, 640, 480)`.
The numbers may be fractions and may lie outside the image.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

Box = tuple[float, float, float, float]


def check_box(box: Sequence[float], name: str = "box") -> Box:
    """The box as a tuple of four plain numbers; integers stay integers.

    Raises:
        ValueError: it is not four finite numbers with x0 < x1 and y0 < y1.

    Example:
        >>> check_box([10, 20, 30.5, 60])
        (10, 20, 30.5, 60)
    """
    try:
        values = tuple(map(_plain, box))
        finite = all(map(math.isfinite, values))
    except (TypeError, ValueError, OverflowError):
        values, finite = (), False
    if len(values) != 4 or not finite:
        raise ValueError(f"{name} must be four finite numbers (x0, y0, x1, y1) in pixels, got {box!r}.")
    if values[0] >= values[2] or values[1] >= values[3]:
        raise ValueError(f"{name} must have x0 < x1 and y0 < y1, got {values}; the order is left, top, right, bottom.")
    return values


def _plain(number: Any) -> float:
    """An `int` or a `float`; tensors of fractions have `__index__` too, and only refuse when it is called."""
    try:
        return operator.index(number)
    except TypeError:
        return float(number)


def area(box: Box) -> float:
    """Width times height in square pixels; 0 for a box that is a line or a point.

    >>> area((10, 20, 30, 50))
    600
    """
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def centre(box: Box) -> tuple[float, float]:
    """The middle of the box, (x, y) in pixels.

    >>> centre((10, 20, 30, 50))
    (20.0, 35.0)
    """
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def intersection(a: Box, b: Box) -> float:
    """Area of the intersection in square pixels.

    >>> intersection((0, 0, 10, 10), (5, 5, 20, 20))
    25
    """
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def iou(a: Box, b: Box) -> float:
    """Intersection over union (Jaccard index), 0 (disjoint) to 1 (equal); 0 if both are empty.

    >>> iou((0, 0, 10, 10), (0, 0, 10, 20))
    0.5
    """
    common = intersection(a, b)
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0


def containment(a: Box, b: Box) -> float:
    """The fraction of the smaller box that lies inside the other one, 0 to 1; 0 if one is empty.

    >>> containment((0, 0, 10, 10), (2, 2, 4, 4))
    1.0
    """
    smaller = min(area(a), area(b))
    return intersection(a, b) / smaller if smaller > 0 else 0.0


def shift(box: Box, dx: float, dy: float) -> Box:
    """The box moved by dx to the right and dy downwards, in pixels.

    >>> shift((0, 0, 10, 10), 5, -2)
    (5, -2, 15, 8)
    """
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def scale(box: Box, factor: float) -> Box:
    """All coordinates times `factor`: the same box in the image resized by that factor.

    >>> scale((1, 2, 3, 4), 10)
    (10, 20, 30, 40)
    """
    return box[0] * factor, box[1] * factor, box[2] * factor, box[3] * factor


def square(box: Box, side: float | None = None) -> Box:
    """The square with the same centre; its side is the longer side of the box by default.

    >>> square((0, 0, 10, 20))
    (-5.0, 0.0, 15.0, 20.0)
    """
    half = (max(box[2] - box[0], box[3] - box[1]) if side is None else side) / 2
    x, y = centre(box)
    return x - half, y - half, x + half, y + half


def expand(box: Box, margin: float) -> Box:
    """The box expanded by `margin` times its width on the left and right, and times its height above and below.

    >>> expand((10, 10, 20, 30), 0.5)
    (5.0, 0.0, 25.0, 40.0)
    """
    dx, dy = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def clip(box: Box, width: float, height: float) -> Box:
    """The part of the box inside an image of width x height pixels; degenerate (a line or a point) if there is none.

    >>> clip((-5, 10, 50, 70), 40, 60)
    (0, 10, 40, 60)
    """
    return (
        min(max(box[0], 0), width),
        min(max(box[1], 0), height),
        min(max(box[2], 0), width),
        min(max(box[3], 0), height),
    )


def move_inside(box: Box, width: float, height: float) -> Box:
    """The box moved by the smallest amount that puts it inside an image of width x height pixels.

    Its size does not change; along an axis where it is larger than the image, it is centred.

    >>> move_inside((-5, 10, 15, 30), 100, 100)
    (0, 10, 20, 30)
    """
    moves = []
    for low, high, limit in ((box[0], box[2], width), (box[1], box[3], height)):
        if high - low > limit:
            moves.append(limit / 2 - (low + high) / 2)
        else:
            moves.append(max(0, -low) + min(0, limit - high))
    return shift(box, *moves)


def nms(
    boxes: Sequence[Box], scores: Sequence[float], *, max_iou: float = 0.3, max_containment: float = 0.7
) -> list[int]:
    """Greedy non-maximum suppression.

    The box with the highest score is kept and suppresses every other box whose intersection over union with it is
    above `max_iou`, or whose `containment` is above `max_containment`; then the best of the rest, and so on.

    Returns:
        Indices of the kept boxes, highest score first; of equal scores the earlier one first.

    >>> nms([(0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60)], [0.8, 0.9, 0.7])
    [1, 2]
    """
    if len(boxes) < 2:
        return list(range(len(boxes)))
    corners = np.asarray(boxes, np.float64)
    areas = (corners[:, 2:] - corners[:, :2]).clip(0).prod(1)
    left, kept = np.argsort(-np.asarray(scores, np.float64), kind="stable"), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        common = np.minimum(corners[best, 2:], corners[left, 2:]) - np.maximum(corners[best, :2], corners[left, :2])
        common = common.clip(0).prod(1)
        smaller, union = np.minimum(areas[best], areas[left]), areas[best] + areas[left] - common
        left = left[(common <= max_iou * union) & ((common <= max_containment * smaller) | (smaller == 0))]
    return kept
