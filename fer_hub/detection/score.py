"""Calibration of detection scores, and the order of faces.

Scores of different detectors are not comparable: a box with 0.7 is nearly always a face for one, and half of the time
for another. So every score of `FaceDetector` is calibrated: it is the fraction of such boxes that are faces. The curves
were fitted by

    python -m benchmarks.detection_score

on half of a set of group photos with every face marked, and of images without people; results/detection_score.json
reports on the other half. Unmarked small faces count as errors there, so scores tend to be too low rather than too
high.
"""

import math
from dataclasses import replace

from fer_hub.results import Face

CURVES = {"yunet": (2.48, -1.21), "mediapipe": (2.89, -0.02)}
"""Which network scored → slope and intercept: the log odds of a face are slope * log odds of its score + intercept."""

EDGE = 1e-4
"""A detector's score counts as at least this and at most one minus this, where log odds have no end."""


def calibrated(score: float, scorer: str) -> float:
    """The fraction of boxes with this score that are faces.

    Args:
        score: the detector's own score, 0 to 1.
        scorer: the network that gave it, a key of `CURVES`.

    Example:
        >>> calibrated(0.9, "yunet") > 0.9 > 0.1 > calibrated(0.3, "yunet")
        True
    """
    slope, intercept = CURVES[scorer]
    return 1 / (1 + math.exp(-slope * _log_odds(score) - intercept))


def own_score(share: float, scorer: str) -> float:
    """The inverse of `calibrated`: the detector's own score for a calibrated score `share`.

    >>> round(calibrated(own_score(0.6, "yunet"), "yunet"), 6)
    0.6
    """
    if share <= 0:
        return 0.0
    slope, intercept = CURVES[scorer]
    return 1 / (1 + math.exp(-(_log_odds(share) - intercept) / slope))


def prominence(face: Face, size: tuple[int, int]) -> float:
    """How prominent a face is in a photo, which determines the order of faces.

    The product of its side as a fraction of the photo's shorter side, its score, and one minus a third of the distance
    of its centre from the photo's, as a fraction of the distance to a corner. So of two equal faces the one nearer the
    centre comes first, and an uncertain face must be correspondingly larger.

    Args:
        face: a face with a calibrated score.
        size: size of the photo, (width, height) in pixels.

    Returns:
        A number above 0, about the size of the face in the photo.
    """
    x0, y0, x1, y1 = face.box
    side = math.sqrt(max(0.0, min(x1, size[0]) - max(x0, 0)) * max(0.0, min(y1, size[1]) - max(y0, 0)))
    away = math.hypot((x0 + x1) / size[0] - 1, (y0 + y1) / size[1] - 1) / math.sqrt(2)
    return side / min(size) * face.detection_score * (1 - min(away, 1) / 3)


def in_order(faces: list[Face], size: tuple[int, int], scorer: str) -> list[Face]:
    """Faces of a photo of that size with calibrated scores, the most prominent first."""
    faces = [replace(face, detection_score=calibrated(face.detection_score, scorer)) for face in faces]
    return sorted(faces, key=lambda face: -prominence(face, size))


def _log_odds(score: float) -> float:
    score = min(max(score, EDGE), 1 - EDGE)
    return math.log(score / (1 - score))
