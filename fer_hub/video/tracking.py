"""Face tracking with smoothed probabilities, for videos and live cameras.

Faces are matched by predicted position, not by appearance. Roboflow's `trackers` and `supervision` install a second
OpenCV, which breaks the first, `norfair` needs numpy 1, and scipy's assignment solver would add 143 MB; greedy
matching, closest pair first, does as well for the handful of faces in a frame.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fer_hub.boxes import Box, area, centre
from fer_hub.own_numbers import is_whole
from fer_hub.results import FacePrediction, earlier_name

NEAR, SPEED, FAR = 0.8, 1.5, 2.0
"""How far from its predicted position a face may be, in face sizes: `NEAR`, plus `SPEED` for every second since it was
last seen, at most `FAR`."""

VELOCITY_SECONDS = 0.3
"""Time constant, in seconds, of the moving average of a face's velocity."""


@dataclass(frozen=True)
class TrackedFace(FacePrediction):
    """A face of one frame with an id that is stable across frames.

    Attributes:
        face_id: 1 for the first face, 2 for the next, and so on; stays with the person and is never reused.
        probabilities: smoothed over time; `emotion` is the most probable label among these.

    Raises:
        ValueError: a field is not what it must be, see `FacePrediction`.

    Example:
        >>> TrackedFace((10, 20, 50, 60), 0.9, "happy", {"happy": 0.75, "sad": 0.25}, face_id=1).to_dict()["face_id"]
        1
    """

    face_id: int = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.face_id) or self.face_id < 1:
            raise ValueError(f"face_id must be a whole number above 0, got {self.face_id!r}.")
        object.__setattr__(self, "face_id", int(self.face_id))

    def to_dict(self) -> dict:
        """As `FacePrediction.to_dict`, with the key `face_id` before the others."""
        return {"face_id": self.face_id, **super().to_dict()}


@dataclass
class _Track:
    """The state of one track: the last box, its velocity, and the smoothed probabilities."""

    face_id: int
    box: Box
    time: float
    probabilities: Mapping[str, float]
    velocity: tuple[float, float] = (0.0, 0.0)  # pixels per second

    def distance(self, box: Box, time: float) -> float:
        """How far a box is from where this face is predicted at that time.

        Returns:
            Distance of the centres in face sizes (square root of the area, mean of both), plus the absolute natural
            logarithm of the ratio of the sizes: a face twice as large counts 0.69.
        """
        (x, y), (now_x, now_y) = centre(self.box), centre(box)
        passed = time - self.time
        apart = math.hypot(now_x - x - self.velocity[0] * passed, now_y - y - self.velocity[1] * passed)
        side, now_side = math.sqrt(area(self.box)), math.sqrt(area(box))
        return apart / ((side + now_side) / 2) + abs(math.log(now_side / side))

    def reach(self, time: float) -> float:
        """The largest distance at which a box still matches this face."""
        return min(NEAR + SPEED * (time - self.time), FAR)

    def see(self, prediction: FacePrediction, time: float, smoothing: float) -> None:
        """Update the track with a matched detection."""
        passed = time - self.time
        if passed > 0:
            weight = 1 - math.exp(-passed / VELOCITY_SECONDS)
            (x, y), (now_x, now_y) = centre(self.box), centre(prediction.box)
            along, down = self.velocity
            self.velocity = (
                along + weight * ((now_x - x) / passed - along),
                down + weight * ((now_y - y) / passed - down),
            )
        self.probabilities = _blend(self.probabilities, prediction.probabilities, passed, smoothing)
        self.box, self.time = prediction.box, time


class FaceTracker:
    """Gives faces an id that stays with the person, and smooths their probabilities over time.

    Pass the faces of one frame after the other to `update`. A face is matched to the track whose predicted position
    (at constant velocity) is nearest and whose size is similar. So people who walk past each other keep their ids,
    even while one briefly hides the other. Two people who meet and turn back behind each other can be swapped. After
    a scene cut somebody else may appear in the same place: call `forget` there.

    Use one tracker per video or visitor; it is not thread-safe. It can be copied and pickled.

    Args:
        max_gap: seconds after which a face that was not seen is forgotten; if it returns later, it gets a new id.
        smoothing: time constant of the exponential moving average in seconds, independent of the frame rate: after
            this time, 63 % of a change is visible. 0 turns smoothing off.

    Raises:
        ValueError: an argument is not a finite number of seconds from 0 up.

    Example:
        >>> tracker = FaceTracker(smoothing=0)
        >>> left = FacePrediction((10, 20, 50, 60), 0.9, "happy", {"happy": 0.75, "sad": 0.25})
        >>> right = FacePrediction((80, 20, 120, 60), 0.8, "sad", {"happy": 0.25, "sad": 0.75})
        >>> [face.face_id for face in tracker.update([left, right], 0.0)]
        [1, 2]
        >>> [face.face_id for face in tracker.update([right, left], 0.04)]
        [2, 1]
    """

    def __init__(self, max_gap: float = 1.0, smoothing: float = 0.5) -> None:
        self.max_gap = _seconds("max_gap", max_gap)
        self.smoothing = smoothing
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._time: float | None = None

    @property
    def smoothing(self) -> float:
        """Time constant in seconds; may be changed at any time."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, seconds: float) -> None:
        self._smoothing = _seconds("smoothing", seconds)

    @property
    def face_count(self) -> int:
        """Number of ids given so far."""
        return self._next_id - 1

    faces = earlier_name("faces", "face_count")

    def update(self, predictions: Iterable[FacePrediction], time_seconds: float) -> list[TrackedFace]:
        """The faces of the next frame with their ids and smoothed probabilities.

        If the labels of a face differ from before because the model was changed, smoothing starts again.

        Args:
            predictions: what `FERPipeline` returned for the frame; may be empty.
            time_seconds: when the frame was taken, on any monotonic clock.

        Returns:
            One value per prediction, in the order of the predictions. The ids do not depend on that order.

        Raises:
            TypeError: a prediction is not a `FacePrediction`.
            ValueError: the time is not a finite number or is before the last one; the tracker is then unchanged.
        """
        predictions = list(predictions)
        for prediction in predictions:
            if not isinstance(prediction, FacePrediction):
                raise TypeError(
                    "predictions must be the FacePrediction values of one frame, got "
                    f"{type(prediction).__name__}; pass what FERPipeline returns for it."
                )
        time = _number(time_seconds)
        if time is None:
            raise ValueError(f"time_seconds must be a finite number of seconds, got {time_seconds!r}.")
        if self._time is not None and time < self._time:
            raise ValueError(
                f"time_seconds must not go back, got {time:g} after {self._time:g}; use a new FaceTracker for "
                "another video."
            )
        self._time = time
        self._tracks = [track for track in self._tracks if time - track.time <= self.max_gap]
        found = self._match(predictions, time)
        # new ids go to the largest face first, whatever the order of the list
        for index in sorted(range(len(predictions)), key=lambda i: _rank(predictions[i])):
            prediction, track = predictions[index], found.get(index)
            if track is None:
                track = _Track(self._next_id, prediction.box, time, prediction.probabilities)
                self._next_id += 1
                self._tracks.append(track)
                found[index] = track
            else:
                track.see(prediction, time, self.smoothing)
        return [_tracked(prediction, found[index]) for index, prediction in enumerate(predictions)]

    def forget(self) -> None:
        """Drop all tracks, as after a scene cut: every face of the next frame gets a new id; ids are never reused."""
        self._tracks = []

    def _match(self, predictions: list[FacePrediction], time: float) -> dict[int, _Track]:
        """Index of a prediction → the face that it shows, the closest pair first."""
        pairs = []
        for index, prediction in enumerate(predictions):
            for track in self._tracks:
                distance = track.distance(prediction.box, time)
                if distance <= track.reach(time):
                    pairs.append((distance, track.face_id, _rank(prediction), index, track))
        found: dict[int, _Track] = {}
        taken: set[int] = set()
        for _, face_id, _, index, track in sorted(pairs, key=lambda pair: pair[:4]):
            if index not in found and face_id not in taken:
                found[index] = track
                taken.add(face_id)
        return found


def _rank(prediction: FacePrediction) -> tuple:
    """Sort key that does not depend on the order of the list: the largest face first, then the leftmost."""
    return -area(prediction.box), prediction.box, -prediction.detection_score, tuple(prediction.probabilities.values())


def _blend(old: Mapping[str, float], new: Mapping[str, float], passed: float, smoothing: float) -> Mapping[str, float]:
    """Exponential moving average after `passed` seconds: the old value has the weight exp(-passed / smoothing)."""
    if smoothing == 0 or list(old) != list(new):
        return new
    kept = math.exp(-passed / smoothing)
    mixed = {name: kept * old[name] + (1 - kept) * new[name] for name in new}
    total = math.fsum(mixed.values())  # rounding errors must not add up over hours
    return {name: value / total for name, value in mixed.items()}


def _tracked(prediction: FacePrediction, track: _Track) -> TrackedFace:
    probabilities = track.probabilities
    emotion = max(probabilities, key=probabilities.__getitem__)
    return TrackedFace(
        prediction.box, prediction.detection_score, emotion, probabilities, prediction.keypoints, prediction.quality,
        prediction.angle, face_id=track.face_id,
    )  # fmt: skip


def _number(value: Any) -> float | None:
    """The value as a float; `None` if it is not a finite number."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _seconds(name: str, value: float) -> float:
    number = _number(value)
    if number is None or number < 0:
        raise ValueError(f"{name} must be a number of seconds from 0 up, got {value!r}.")
    return number
