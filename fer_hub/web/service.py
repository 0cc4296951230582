"""What the page and the API share: loaded checkpoints, one detector, and answers in a stable form."""

import threading
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from fer_hub.faces import DEFAULT_MIN_SCORE, FaceDetector
from fer_hub.pipeline import FERPipeline
from fer_hub.results import FacePrediction

VERSION = 1
"""Version of the JSON that `report` makes; raised when a field changes its meaning or goes away."""

LOWEST_SCORE = 0.3
"""The detectors look for faces down to this score; each request then keeps those above its own limit."""


class Service:
    """Checkpoints by name, loaded when they are first asked for, on face detectors that all requests share.

    Args:
        checkpoints: name → checkpoint folder or Hub id; the first is the default.

    Raises:
        ValueError: no checkpoint is given.
    """

    def __init__(self, checkpoints: Mapping[str, str | Path]):
        if not checkpoints:
            raise ValueError("checkpoints must name at least one checkpoint folder or Hub id, got none; add one.")
        self.checkpoints = dict(checkpoints)
        self.detector = FaceDetector("both", LOWEST_SCORE)
        self.live_detector = FaceDetector("short_range", LOWEST_SCORE)  # a webcam's faces are large: twice as fast
        self._pipelines: dict[str, tuple[FERPipeline, FERPipeline]] = {}  # for photographs, for a webcam
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the checkpoints, the default first."""
        return list(self.checkpoints)

    def pipeline(self, model: str, *, live: bool = False) -> FERPipeline:
        """The pipeline of a checkpoint; `live` has the faster detector for large faces, as a webcam has them.

        Raises:
            ValueError: the name is unknown.
        """
        if model not in self.checkpoints:
            raise ValueError(f"model must be one of {', '.join(self.names)}, got {model!r}; choose one of these.")
        with self._lock:
            if model not in self._pipelines:
                loaded = FERPipeline.from_pretrained(self.checkpoints[model])
                loaded.close()  # its own detector; ours serves all
                self._pipelines[model] = tuple(
                    FERPipeline(loaded.model, loaded.image_processor, detector)
                    for detector in (self.detector, self.live_detector)
                )
            return self._pipelines[model][live]

    def faces(
        self, image: Image.Image, model: str, min_score: float = DEFAULT_MIN_SCORE, *, live: bool = False
    ) -> list[FacePrediction]:
        """Faces of a photograph whose detection score is at least `min_score`, the largest first."""
        return [face for face in self.pipeline(model, live=live)(image) if face.score >= min_score]

    def report(self, image: Image.Image, faces: list[FacePrediction], model: str) -> dict:
        """What `/predict` answers, see `schema.json`: photograph's size in pixels and its faces, the largest first."""
        return {
            "version": VERSION,
            "model": model,
            "labels": list(self.pipeline(model).model.config.id2label.values()),
            "width": image.width,
            "height": image.height,
            "faces": [face.to_dict() for face in faces],
        }

    def close(self) -> None:
        """Close the detectors; requests after that fail."""
        self.detector.close()
        self.live_detector.close()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
