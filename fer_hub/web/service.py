"""Shared by page and API: loaded checkpoints, face detectors, and the JSON of results."""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from PIL import Image

from fer_hub.detection.detector import DEFAULT_MIN_SCORE, MODELS, FaceDetector
from fer_hub.detection.framing import face_crop
from fer_hub.detection.watching import Watcher
from fer_hub.hub.away import hub_options
from fer_hub.hub.names import split_revision
from fer_hub.hub.shipped import DEVICE
from fer_hub.inference.explaining import Explanation, explain, pixel_values_of, seen
from fer_hub.inference.priors import TRAINING, Prior
from fer_hub.pipeline import FERPipeline
from fer_hub.results import Face, FacePrediction
from fer_hub.web import zero_gpu

VERSION = 2
"""Version of the JSON of `report`; incremented when a field changes its meaning or is removed."""

CROP_SIZE = 96
"""Side of the crops that are made for the page, before a network's image processor resizes them."""

LOWEST_SCORE = 0.3
"""Lowest threshold that a request may set for the detection score."""


class Service:
    """Checkpoints by name, loaded on first use, with face detectors shared by all requests.

    A `search` is "normal"; "thorough", which also finds very small and turned faces and takes several times as long; or
    "live", which is twice as fast, for the large faces of a webcam. A `detection_model` is one of
    `fer_hub.detection.detector.MODELS`.

    Args:
        checkpoints: name → checkpoint folder or Hub id, also as owner/name@revision; the first is the default.

    Raises:
        ValueError: no checkpoint is given.
    """

    def __init__(self, checkpoints: Mapping[str, str | Path]):
        if not checkpoints:
            raise ValueError("checkpoints must name at least one checkpoint folder or Hub id, got none; add one.")
        self.checkpoints = dict(checkpoints)
        self._detectors = {
            "normal": FaceDetector(),
            "thorough": FaceDetector(search="thorough"),
            "live": FaceDetector(search="fast", runtime="mediapipe"),
        }
        # which load their models on first use
        self._other_detectors = {
            (name, search): FaceDetector(name, search=search)
            for name in MODELS[1:]
            for search in ("normal", "thorough")
        }
        self._pipelines: dict[str, dict[str, FERPipeline]] = {}  # by checkpoint and search
        # one for each checkpoint: while one is loaded, requests for the others go on
        self._locks = {name: threading.Lock() for name in self.checkpoints}

    @property
    def names(self) -> list[str]:
        """Names of the checkpoints, the default first."""
        return list(self.checkpoints)

    def loaded(self, model: str) -> bool:
        """Whether a checkpoint need not be loaded first, which can take seconds."""
        return model in self._pipelines

    def pipeline(self, model: str, search: str = "normal") -> FERPipeline:
        """The pipeline of a checkpoint.

        Raises:
            ValueError: the name is unknown.
        """
        if model not in self.checkpoints:
            raise ValueError(f"model must be one of {', '.join(self.names)}, got {model!r}; choose one of these.")
        with self._locks[model]:
            if model not in self._pipelines:
                self._pipelines[model] = self._loaded(model)
            return self._pipelines[model][search]

    def _loaded(self, model: str) -> dict[str, FERPipeline]:
        """The pipelines of a checkpoint by search, "video" for the frames of one."""
        where, borrow = self.checkpoints[model], zero_gpu.is_on()
        options = {"runtime": "torch"} if borrow else {"device": os.environ.get(DEVICE) or None}
        loaded = FERPipeline.from_pretrained(split_revision(where)[0], **options, **hub_options(where))
        loaded.close()  # its own detector; the shared ones are used instead
        # for every frame a GPU would have to be borrowed anew, which takes longer than the CPU
        photos = zero_gpu.OnBorrowedGPU(model, loaded.model) if borrow else loaded.model
        networks = {"normal": photos, "thorough": photos, "live": loaded.model, "video": loaded.model}
        return {
            name: FERPipeline(network, loaded.image_processor, self._detectors.get(name, self._detectors["normal"]))
            for name, network in networks.items()
        }

    def video_pipeline(self, model: str, min_score: float) -> FERPipeline:
        """A pipeline for one video, which detects only faces with a score of at least `min_score`.

        Raises:
            ValueError: the name is unknown.
        """
        known = self.pipeline(model, "video")
        return known.for_frames(min_score)

    def watcher(self) -> Watcher:
        """What finds the faces of one visitor's camera, frame after frame."""
        return Watcher(self._detectors["live"])

    def live_faces(self, frame: Image.Image, model: str, min_score: float, watcher: Watcher) -> list[FacePrediction]:
        """Faces of the next frame of a visitor's camera, the most prominent first."""
        known = self.pipeline(model, "live")
        return FERPipeline(known.model, known.image_processor, watcher)(frame, min_score)

    def faces(
        self,
        image: Image.Image,
        model: str,
        min_score: float = DEFAULT_MIN_SCORE,
        search: str = "normal",
        prior: Prior = TRAINING,
        detection_model: str = MODELS[0],
    ) -> list[FacePrediction]:
        """Faces of a photo with a detection score of at least `min_score`, the most prominent first.

        Raises:
            ValueError: the model, the prior or the detection model is unknown, or model and prior do not fit together.
        """
        if detection_model not in MODELS:
            raise ValueError(
                f"detection_model must be one of {', '.join(MODELS)}, got {detection_model!r}; default {MODELS[0]}."
            )
        pipeline = self.pipeline(model, search)
        detector = self._other_detectors.get((detection_model, search), pipeline.detector)
        if prior != TRAINING or detector is not pipeline.detector:
            pipeline = FERPipeline(pipeline.model, pipeline.image_processor, detector, prior=prior)
        return pipeline(image, min_score)

    def labels(self, model: str) -> list[str]:
        """Names of a checkpoint's expressions, in the order of its probabilities."""
        return list(self.pipeline(model).model.config.id2label.values())

    def crops(self, image: Image.Image, faces: Sequence[FacePrediction], model: str) -> list[Image.Image]:
        """What a network sees of each face: the crop after its image processor, stretched to the full range."""
        known, pictures = self.pipeline(model).image_processor, []
        for face in faces:
            cut = face_crop(image, Face(face.box, 1.0, angle=face.angle), CROP_SIZE)
            pictures.append(seen(pixel_values_of(known, cut)))
        return pictures

    def explanation(self, image: Image.Image, face: FacePrediction, model: str) -> Explanation:
        """What of a face the probability of its expression depends on.

        Raises:
            ValueError: the network has no such expression: the face is another one's result.
        """
        return explain(self.pipeline(model, "video"), image, face, face.emotion)

    def report(self, image: Image.Image, faces: list[FacePrediction], model: str) -> dict:
        """The result of `/predict`, see `schema.json`: size of the photo in pixels, and faces, most prominent first."""
        return {
            "version": VERSION,
            "model": model,
            "labels": self.labels(model),
            "width": image.width,
            "height": image.height,
            "faces": [face.to_dict() for face in faces],
        }

    def close(self) -> None:
        """Close the detectors; requests after that fail."""
        for detector in (*self._detectors.values(), *self._other_detectors.values()):
            detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
