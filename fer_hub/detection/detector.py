"""Face detection: one interface to all detectors, with comparable scores."""

from dataclasses import replace
from typing import Self

from PIL import ExifTags, Image

from fer_hub.detection.fused_search import FusedSearch
from fer_hub.detection.mediapipe_search import MediaPipeSearch
from fer_hub.detection.onnx_network import CLOSED
from fer_hub.detection.quality import face_quality
from fer_hub.detection.score import in_order, own_score
from fer_hub.images import load_image
from fer_hub.own_numbers import is_number
from fer_hub.results import Face

MODELS = ("fused", "yunet", "mediapipe", "short_range", "full_range")
"""Values of `FaceDetector(model=...)`."""

EARLIER_NAMES = {"both": "mediapipe"}
"""Earlier values → their new names."""

SEARCHES = ("fast", "normal", "thorough")
"""Values of `FaceDetector(search=...)`."""

RUNTIMES = ("onnx", "mediapipe")
"""Values of `FaceDetector(runtime=...)`."""

DEFAULT_MIN_SCORE = 0.8
"""The lowest score threshold with a precision of 98 % on group photos. Of the boxes with exactly this score, 80 % are
faces."""


class FaceDetector:
    """Detects the faces of a photo. Thread-safe; close it after use, or use it as a context manager.

    Args:
        model: "fused" combines YuNet, for small and many faces, with MediaPipe's BlazeFace, for tilted ones; "yunet" is
            YuNet alone; "mediapipe" combines both models of BlazeFace: "short_range" for faces of at least an eighth of
            the photo's longer side (webcam, portraits), and "full_range" for smaller ones too, down to about a
            fifteenth (a thirtieth in photos of more than 1280 pixels), but poor for faces that fill the photo. "both"
            is the earlier name of "mediapipe".
        min_score: faces with a lower score are left out, 0 to 1; a score of 0.5 means that half of such boxes are
            faces, see `fer_hub.detection.score`.
        search: "fast" searches only a small copy of the photo, "normal" the photo at its own resolution (MediaPipe's
            models search overlapping tiles of large photos), "thorough" also an enlarged copy and the rotated photo,
            for very small faces and tilted heads. `python -m benchmarks.detection` prints recall and cost of each.
        runtime: what runs the BlazeFace of "fused": "onnx", ONNX Runtime, or "mediapipe"; the weights are the same. The
            models of the other names are run by MediaPipe.

    Raises:
        ValueError: an argument is invalid.

    Example:
        >>> with FaceDetector() as detector:
        ...     [face] = detector.detect(load_image("examples/astronaut.jpg"))
        >>> x0, y0, x1, y1 = face.box
        >>> round((x0 + x1) / 20) * 10, round((y0 + y1) / 20) * 10, round(face.detection_score, 1)
        (220, 120, 1.0)
    """

    def __init__(
        self,
        model: str = "fused",
        min_score: float = DEFAULT_MIN_SCORE,
        search: str = "normal",
        *,
        runtime: str = "onnx",
    ) -> None:
        model = EARLIER_NAMES.get(model, model)
        if model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model!r}; fused is the default.")
        if search not in SEARCHES:
            raise ValueError(f"search must be one of {', '.join(SEARCHES)}, got {search!r}; normal is the default.")
        if runtime not in RUNTIMES:
            raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {runtime!r}; onnx is the default.")
        self.model = model
        self.runtime = runtime
        self.min_score = _checked(min_score)
        self.search = search
        self._closed = False
        self._search: FusedSearch | MediaPipeSearch
        if model in ("fused", "yunet"):
            self._search = FusedSearch(search, tilted=model == "fused", runtime=runtime)
        else:
            self._search = MediaPipeSearch("both" if model == "mediapipe" else model, search)

    def detect(self, image: Image.Image, min_score: float | None = None) -> list[Face]:
        """All faces of a photo, the most prominent first (see `score.prominence`); an empty list if there is none.

        Args:
            image: an upright RGB photo; any other input is loaded with `load_image`.
            min_score: minimum score for this photo, instead of the detector's own.

        Raises:
            ValueError: `min_score` is not a number from 0 to 1.
            RuntimeError: the detector is closed, or MediaPipe failed twice in a row.
        """
        image, least = self._begin(image, min_score)
        return self._finish(image, self._search.faces(image, least))

    def follow(self, image: Image.Image, faces: list[Face], min_score: float | None = None) -> list[Face]:
        """Locate the faces of a video's previous frame in the next one: fast, but new faces are not detected.

        Args:
            image: the next frame.
            faces: the faces of the previous frame, from `detect` or this method.
            min_score: as for `detect`.

        Returns:
            The faces that are still there. Models other than "fused" and "yunet" search the whole frame.
        """
        image, least = self._begin(image, min_score)
        if not isinstance(self._search, FusedSearch):
            return self._finish(image, self._search.faces(image, least))
        return self._finish(image, self._search.near(image, faces, least))

    def for_frames(self) -> "FaceDetector":
        """The same detector for the frames of videos and cameras, on MediaPipe's own runtime; closed with this one.

        Raises:
            RuntimeError: it is closed.
        """
        if self._closed:
            raise RuntimeError(CLOSED)
        if self.model != "fused" or self.runtime == "mediapipe":
            return self
        frames = FaceDetector(self.model, self.min_score, self.search, runtime="mediapipe")
        return self.__dict__.setdefault("_frames", frames)  # the same one for all threads

    def close(self) -> None:
        """Free the models; a second call has no effect."""
        self._closed = True
        self._search.close()
        if "_frames" in self.__dict__:
            self.__dict__["_frames"].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _scored_by(self) -> str:
        return "yunet" if isinstance(self._search, FusedSearch) else "mediapipe"

    def _begin(self, image: Image.Image, min_score: float | None) -> tuple[Image.Image, float]:
        if self._closed:
            raise RuntimeError(CLOSED)
        least = own_score(self.min_score if min_score is None else _checked(min_score), self._scored_by)
        return (image if _is_upright_rgb(image) else load_image(image)), least

    def _finish(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        faces = in_order(faces, image.size, self._scored_by)
        return [replace(face, quality=face_quality(image, face)) for face in faces]


def _checked(min_score: float) -> float:
    if not is_number(min_score) or not 0 <= min_score <= 1:
        raise ValueError(
            f"min_score must be a number from 0 to 1, got {min_score!r}; the default is {DEFAULT_MIN_SCORE}."
        )
    return float(min_score)


def _is_upright_rgb(image: object) -> bool:
    return (
        isinstance(image, Image.Image)
        and image.mode == "RGB"
        and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    )
