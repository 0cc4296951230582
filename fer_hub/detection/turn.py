"""How far a head is turned to the side, from the positions of eyes and nose."""

import math

from fer_hub.results import Face

NOSE_DEPTH = 0.65
"""How far the tip of the nose stands before the eyes, in distances between the eyes: 4.1 of 6.3 cm in MediaPipe's
canonical face model (vertices 33, 133 and 4), an eye being the middle between its corners."""


def yaw(face: Face) -> float | None:
    """An estimate of the turn of a head to the side, in degrees from -90 to 90.

    With eyes a distance apart and the nose d before them, a turn by ψ shows the eyes at cos ψ of their distance and
    moves the nose by d sin ψ along the line of the eyes. The angle is above 0 where the nose points to the right of
    the image; a head tilted in the picture's plane has that of the upright one. It puts faces into groups and measures
    no pose: noses differ, and keypoints of far turned faces are guesses.

    Args:
        face: with keypoints.

    Returns:
        The angle; `None` without eyes and nose, or where the eyes are in one place.

    Example:
        >>> straight = {"right_eye": (40, 50), "left_eye": (80, 50), "nose_tip": (60, 70)}
        >>> turned = straight | {"nose_tip": (86, 70)}
        >>> [round(yaw(Face((20, 20, 100, 100), 1.0, points))) for points in (straight, turned)]
        [0, 45]
    """
    points = [face.keypoints.get(name) for name in ("right_eye", "left_eye", "nose_tip")]
    if any(point is None for point in points):
        return None
    (x0, y0), (x1, y1), (x, y) = points  # type: ignore[misc]
    across, down = x1 - x0, y1 - y0
    distance = across * across + down * down
    if distance == 0:
        return None
    aside = ((x - (x0 + x1) / 2) * across + (y - (y0 + y1) / 2) * down) / distance
    return math.degrees(math.atan(aside / NOSE_DEPTH))
