"""What a detection score means, and which face stands first.

A detector's own number says little: 0.7 of one is a face as a rule, of another one time in two. So every score that
leaves `FaceDetector` is the share of such boxes that are faces: 0.5 where half of them are. The curves were fitted by

    python -m benchmarks.detection_score

on photographs of groups, in which every face is marked, and on pictures without people, half of them; the other half
is what results/detection_score.json reports. Small faces that nobody marked count as wrong there, so that a score is
rather too low than too high.
"""

import math
from dataclasses import replace

from fer_hub.results import Face

CURVES = {"yunet": (2.48, -1.21), "mediapipe": (2.89, -0.02)}
"""Which detector scored → slope and intercept: the log odds of a face are slope * log odds of its score + intercept."""

EDGE = 1e-4
"""A detector's score counts as at least this and at most one minus this, where log odds have no end."""


def calibrated(score: float, detector: str) -> float:
    """The share of boxes with this score that are faces.

    Args:
        score: the detector's own, 0 to 1.
        detector: a key of `CURVES`.

    Example:
        >>> calibrated(0.9, "yunet") > 0.9 > 0.1 > calibrated(0.3, "yunet")
        True
    """
    slope, intercept = CURVES[detector]
    return 1 / (1 + math.exp(-slope * _log_odds(score) - intercept))


def own_score(share: float, detector: str) -> float:
    """The detector's own score at which that share of boxes are faces: what `calibrated` turns into `share`.

    >>> round(calibrated(own_score(0.6, "yunet"), "yunet"), 6)
    0.6
    """
    if share <= 0:
        return 0.0
    slope, intercept = CURVES[detector]
    return 1 / (1 + math.exp(-(_log_odds(share) - intercept) / slope))


def prominence(face: Face, size: tuple[int, int]) -> float:
    """How much a face is the subject of a photo: what decides who comes first.

    The product of its side as a share of the photo's shorter side, its score, and one minus a third of how far its
    middle lies from the photo's, as a share of the way to a corner. So of two equal faces the one nearer the middle
    comes first, and a doubtful one must be as much larger as it is less sure.

    Args:
        face: with its score calibrated.
        size: of the photo, (width, height) in pixels.

    Returns:
        A number above 0, about the size of the face in the photo.
    """
    x0, y0, x1, y1 = face.box
    side = math.sqrt(max(0.0, min(x1, size[0]) - max(x0, 0)) * max(0.0, min(y1, size[1]) - max(y0, 0)))
    away = math.hypot((x0 + x1) / size[0] - 1, (y0 + y1) / size[1] - 1) / math.sqrt(2)
    return side / min(size) * face.score * (1 - min(away, 1) / 3)


def in_order(faces: list[Face], size: tuple[int, int], detector: str) -> list[Face]:
    """Faces of a photo of that size with calibrated scores, the most prominent first."""
    faces = [replace(face, score=calibrated(face.score, detector)) for face in faces]
    return sorted(faces, key=lambda face: -prominence(face, size))


def _log_odds(score: float) -> float:
    score = min(max(score, EDGE), 1 - EDGE)
    return math.log(score / (1 - score))
