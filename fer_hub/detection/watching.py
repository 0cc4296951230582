"""Face detection in consecutive frames of a video or camera: near the last positions, with periodic full searches."""

from PIL import Image

from fer_hub.detection.detector import FaceDetector
from fer_hub.own_numbers import is_whole
from fer_hub.results import Face

SEARCH_EVERY = 5
"""Interval, in frames, of searches of the whole frame for new faces."""


class Watcher:
    """A detector for consecutive frames of one video or camera; not thread-safe.

    Args:
        detector: the detector; it can be shared, and the caller closes it.
        min_score: faces with a lower score are left out; `None` uses that of the detector.
        every: the whole frame is searched at least every `every` frames.

    Raises:
        ValueError: `every` is not a whole number above 0.
    """

    def __init__(self, detector: FaceDetector, min_score: float | None = None, every: int = SEARCH_EVERY) -> None:
        if not is_whole(every) or every < 1:
            raise ValueError(f"every must be a whole number above 0, got {every!r}; {SEARCH_EVERY} is the default.")
        self._detector, self._min_score, self._every = detector, min_score, every
        self._faces: list[Face] = []
        self._since = 0

    def detect(self, image: Image.Image, min_score: float | None = None) -> list[Face]:
        """The faces of the next frame, the most prominent first.

        The whole frame is searched periodically, when there were no faces, and when a face has disappeared, as after a
        scene cut.

        Args:
            image: the frame.
            min_score: minimum score for this frame, instead of the watcher's own.
        """
        least = self._min_score if min_score is None else min_score
        known, self._since = self._faces, self._since + 1
        faces = []
        if known and self._since < self._every:
            faces = self._detector.follow(image, known, least)
        if not faces or len(faces) < len(known):
            faces, self._since = self._detector.detect(image, least), 0
        self._faces = faces
        return faces

    def forget(self) -> None:
        """Search the whole next frame."""
        self._faces = []
