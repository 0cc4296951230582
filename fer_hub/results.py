"""Results of detection and classification: immutable values, ready for JSON."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fer_hub.boxes import Box, area, check_box
from fer_hub.own_numbers import is_number

Value = TypeVar("Value")

KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")
"""MediaPipe's names of its six face keypoints; right and left are from the person's view, so the right eye of
somebody who faces the camera is on the left of the image."""


class ReadOnly(dict[str, Value]):
    """A dict that nobody can change: hashable where its values are, and it can be copied and pickled.

    Equal to a dict with the same keys and values, whatever their order, and JSON takes it for one.

    Example:
        >>> values = ReadOnly({"happy": 0.75, "sad": 0.25})
        >>> values["sad"], values == {"sad": 0.25, "happy": 0.75}, hash(values) == hash(ReadOnly(dict(values)))
        (0.25, True, True)
        >>> values
        ReadOnly({'happy': 0.75, 'sad': 0.25})
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a ReadOnly cannot be changed; copy it with dict() and change the copy.")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"ReadOnly({dict(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadOnly, (dict(self),)


def earlier_name(old: str, new: str) -> Any:
    """A property with the earlier name of an attribute: the same value, and a `DeprecationWarning`.

    Args:
        old: the earlier name.
        new: the attribute's name now.
    """

    def value(self: Any) -> Any:
        warnings.warn(f"{type(self).__name__}.{old} is now {new}.", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(value, doc=f"Earlier name of `{new}`; deprecated.")


@dataclass(frozen=True)
class Face:
    """A detected face.

    Attributes:
        box: (x0, y0, x1, y1) in pixels of the upright photo, with fractions. It spans roughly from the eyebrows to
            the chin and may extend beyond the photo (`boxes.clip` clips it).
        detection_score: the detector's confidence that this is a face, 0 to 1.
        keypoints: name (of `KEYPOINTS`) → (x, y) in pixels of the upright photo, read-only; may be empty.
        angle: in-plane rotation of the head in degrees, clockwise as seen in the photo, -180 to 180; 0 for a head
            that is upright or nearly so. The box is axis-aligned in any case.
        quality: how visible the face is, 0 to 1, see `detection.quality`; `None` if not measured.

    Raises:
        ValueError: the box is not four finite numbers with x0 < x1 and y0 < y1, the detection score or the quality is
            outside 0 to 1, a keypoint is not two finite numbers, or the angle is outside -180 to 180.
    """

    box: Box
    detection_score: float
    keypoints: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    angle: float = 0.0
    quality: float | None = None
    score = earlier_name("score", "detection_score")

    def __post_init__(self) -> None:
        object.__setattr__(self, "angle", _check_angle(self.angle))
        object.__setattr__(self, "box", check_box(self.box))
        object.__setattr__(self, "detection_score", _unit("detection_score", self.detection_score))
        if self.quality is not None:
            object.__setattr__(self, "quality", _unit("quality", self.quality))
        object.__setattr__(self, "keypoints", _check_keypoints(self.keypoints))

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return area(self.box)


@dataclass(frozen=True)
class FacePrediction:
    """A face with its emotion.

    Attributes:
        box: (x0, y0, x1, y1) in pixels of the upright photo; the pipeline gives whole pixels inside the photo.
        detection_score: the detector's confidence that this is a face, 0 to 1; unrelated to the emotion.
        emotion: the label with the highest probability.
        probabilities: label → probability, every label in the order of the model, summing to 1; read-only.
        keypoints: name → (x, y) in pixels of the upright photo, read-only; may be empty.
        quality: how visible the face is, 0 to 1, see `detection.quality`: below its `TOO_POOR` the probabilities are
            unreliable; `None` if not measured.
        angle: in-plane rotation of the head in degrees, see `Face`.

    Raises:
        ValueError: a field is invalid.

    Example:
        >>> FacePrediction((10, 20, 50, 60), 0.9, "happy", {"happy": 0.75, "sad": 0.25}).to_dict()["box"]
        {'xmin': 10, 'ymin': 20, 'xmax': 50, 'ymax': 60}
    """

    box: Box
    detection_score: float
    emotion: str
    probabilities: Mapping[str, float]
    keypoints: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quality: float | None = None
    angle: float = 0.0
    score = earlier_name("score", "detection_score")

    def __post_init__(self) -> None:
        object.__setattr__(self, "angle", _check_angle(self.angle))
        object.__setattr__(self, "box", check_box(self.box))
        object.__setattr__(self, "detection_score", _unit("detection_score", self.detection_score))
        if self.quality is not None:
            object.__setattr__(self, "quality", _unit("quality", self.quality))
        object.__setattr__(self, "keypoints", _check_keypoints(self.keypoints))
        if not isinstance(self.probabilities, Mapping) or not self.probabilities:
            raise ValueError(f"probabilities must map every label to its probability, got {self.probabilities!r}.")
        probabilities = {str(name): _unit(f"the probability of {name!r}", p) for name, p in self.probabilities.items()}
        total = math.fsum(probabilities.values())
        if abs(total - 1) > 1e-3:
            raise ValueError(f"probabilities must sum to 1, got a sum of {total:.4g}; apply softmax to logits first.")
        if self.emotion not in probabilities or probabilities[self.emotion] < max(probabilities.values()):
            best = max(probabilities, key=probabilities.__getitem__)
            raise ValueError(f"emotion must be the most probable label, {best!r} here, got {self.emotion!r}.")
        object.__setattr__(self, "probabilities", ReadOnly(probabilities))

    def to_dict(self) -> dict:
        """Plain numbers, strings and dicts, ready for `json.dumps`; the box as in transformers' object detection.

        Returns:
            `{"box": {"xmin", "ymin", "xmax", "ymax"}, "detection_score", "quality", "angle", "keypoints": {name:
            {"x", "y"}}, "emotion", "probabilities": {label: probability}}`
        """
        return {
            "box": dict(zip(("xmin", "ymin", "xmax", "ymax"), self.box, strict=True)),
            "detection_score": self.detection_score,
            "quality": self.quality,
            "angle": self.angle,
            "keypoints": {name: {"x": x, "y": y} for name, (x, y) in self.keypoints.items()},
            "emotion": self.emotion,
            "probabilities": dict(self.probabilities),
        }


def _unit(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}.")
    return number


def _check_angle(angle: float) -> float:
    if not is_number(angle) or not -180 <= angle <= 180:
        raise ValueError(f"angle must be a number of degrees from -180 to 180, got {angle!r}.")
    return float(angle)


def _check_keypoints(keypoints: Mapping[str, tuple[float, float]]) -> Mapping[str, tuple[float, float]]:
    try:
        checked = {str(name): (float(x), float(y)) for name, (x, y) in dict(keypoints).items()}
    except (TypeError, ValueError):
        checked = {"": (math.nan, math.nan)}
    if not all(math.isfinite(value) for point in checked.values() for value in point):
        raise ValueError(f"keypoints must map names to two finite numbers (x, y) in pixels, got {keypoints!r}.")
    return ReadOnly(checked)


def percent(share: float) -> str:
    """A probability as people read it, in whole per cent.

    Example:
        >>> percent(0.6214), percent(0.004), percent(0)
        ('62 %', '0 %', '0 %')
    """
    return f"{100 * share:.0f} %"
