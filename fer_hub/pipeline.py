"""From photos to emotions: detect the faces, crop them as in FER-2013, classify them in batches."""

import copy
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, overload

import numpy as np
from PIL import Image

from fer_hub.boxes import Box, clip
from fer_hub.detection.detector import DEFAULT_MIN_SCORE, FaceDetector
from fer_hub.detection.framing import face_crop
from fer_hub.detection.watching import Watcher
from fer_hub.files import at_home
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.image_sources import each, is_several
from fer_hub.images import ImageSource, load_image
from fer_hub.inference.forward import features_of_crops, logits_of_crops, softmax
from fer_hub.inference.loading import load_network
from fer_hub.inference.onnx_classifier import OnnxClassifier
from fer_hub.inference.priors import TRAINING, Prior, logit_shift
from fer_hub.inference.single_label import check_single_label
from fer_hub.inference.streaming import at, in_batches, second
from fer_hub.own_numbers import is_whole
from fer_hub.results import Face, FacePrediction

if TYPE_CHECKING:  # torch and transformers are loaded where PyTorch runs the network only
    import torch
    from transformers import PreTrainedModel


class Detector(Protocol):
    """What finds faces: a `FaceDetector`, a `Watcher`, or one of your own.

    `min_score` is passed only where a call of the pipeline has one.
    """

    def detect(self, image: Image.Image, min_score: float | None = None) -> list[Face]: ...


class _Located(NamedTuple):
    """A photo of `size` (width, height) whose faces were found: their boxes in whole pixels, and their crops."""

    size: tuple[int, int]
    boxes: list[Box]
    faces: list[Face]
    crops: list[Image.Image]


class FERPipeline:
    """Photos in, a list of `FacePrediction` for each photo out.

    Close it after use, or use it as a context manager; it is thread-safe.

    Args:
        model: an image classification model of transformers; put into evaluation mode.
        image_processor: turns face crops into the model's `pixel_values`.
        detector: the face detector, anything with `detect(image) -> list[Face]`; the caller closes it. `None` creates
            a `FaceDetector()` for the first photo, which the pipeline closes.
        device: device of the model, such as "cuda" or "cpu"; `None` does not move it.
        batch_size: largest number of faces per forward pass.
        flip_average: test-time flip averaging: the mean of the logits of every face and its mirror image. Slightly
            higher accuracy at twice the cost of the network.
        prior: class prior of your photos: "training" for the class frequencies of the training labels; "uniform" for
            equal ones, which predicts rare emotions more often and common ones less; or label → probability. See
            `fer_hub.inference.priors`.

    Raises:
        ValueError: `batch_size` is not a whole number above 0, the prior does not fit the model, the model is a
            multi-label classifier, or this computer has no such device.

    Example:
        >>> from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
        >>> with FERPipeline(FERForImageClassification(FERConfig()), FERImageProcessor()) as pipeline:
        ...     [face] = pipeline("examples/astronaut.jpg")
        >>> face.emotion in face.probabilities, len(face.probabilities)
        (True, 7)
    """

    def __init__(
        self,
        model: "PreTrainedModel | OnnxClassifier",
        image_processor: Any,
        detector: Detector | None = None,
        device: "str | torch.device | None" = None,
        batch_size: int = 64,
        flip_average: bool = False,
        prior: Prior = TRAINING,
    ) -> None:
        if not is_whole(batch_size) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number above 0, got {batch_size!r}; 64 is the default.")
        check_single_label(model)
        self.model = (model if device is None else _moved(model, device)).eval()
        self.image_processor = image_processor
        self.batch_size, self.flip_average = int(batch_size), flip_average
        self._shift = logit_shift(self.model.config, prior)
        self._owns_detector = detector is None
        self.detector: Detector = FaceDetector() if detector is None else detector

    @classmethod
    def from_pretrained(
        cls,
        checkpoint: str | Path | None = None,
        *,
        revision: str | None = None,
        device: "str | torch.device | None" = None,
        min_score: float = DEFAULT_MIN_SCORE,
        detector: Detector | None = None,
        detection_model: str = "fused",
        search: str = "normal",
        batch_size: int = 64,
        flip_average: bool = False,
        trust_remote_code: bool = False,
        runtime: str = "auto",
        prior: Prior = TRAINING,
        **hub_options: Any,
    ) -> Self:
        """Load model and image processor, and unless one is given create a detector, which `close` closes.

        Checkpoints of fer_hub need no remote code. Any other image classification checkpoint of transformers
        works too, if the packages that its image processor needs are installed.

        Args:
            checkpoint: a folder with config.json, model.safetensors and preprocessor_config.json, or a Hub id; `None`
                loads the one that comes with fer_hub.
            revision: commit, branch or tag on the Hub.
            device: device of the model, such as "cuda", which PyTorch runs; `None` means the CPU.
            min_score: faces with a lower detection score are left out, 0 to 1.
            detector: the face detector, as for `FERPipeline`; the caller closes it, and it has its own `min_score`,
                `search` and model. `None` creates one from the three options here. A name is understood as
                `detection_model`, which is deprecated.
            detection_model: the `model` of a `FaceDetector`.
            search: "fast", "normal" or "thorough", see `FaceDetector`.
            batch_size: largest number of faces per forward pass.
            flip_average: test-time flip averaging, see `FERPipeline`.
            trust_remote_code: run the Python files of a checkpoint of unknown architecture.
            runtime: "torch", or "onnx" or "onnx-int8" for ONNX Runtime, which runs the files that `fer-hub export`
                writes next to the weights, starts in a fraction of the time and needs a third of the memory. "auto" is
                "onnx" where such a file was exported from the checkpoint's weights and the device is the CPU, else
                "torch".
            prior: class prior of your photos, see `FERPipeline`.
            hub_options: `token`, `cache_dir`, `local_files_only`, `force_download`, `subfolder`, `variant`, as for
                `from_pretrained` of transformers.

        Raises:
            TypeError: another option.
            FileNotFoundError: no such folder, or a file of the checkpoint is missing.
            ValueError: the architecture is unknown or not an image classifier, weights are missing, or an argument
                is invalid.
            OSError: the Hub cannot be reached or has no such checkpoint.
        """
        if isinstance(detector, str):
            warnings.warn("detector as a name is now detection_model.", DeprecationWarning, stacklevel=2)
            detector, detection_model = None, detector
        if detector is not None and (min_score, detection_model, search) != (DEFAULT_MIN_SCORE, "fused", "normal"):
            raise ValueError(
                "min_score, detection_model and search must be left out with a detector, which has its own; give them "
                "to the detector."
            )
        checkpoint = default_checkpoint() if checkpoint is None else at_home(checkpoint)
        options = {"revision": revision, "trust_remote_code": trust_remote_code, **hub_options}
        try:
            model, image_processor = load_network(checkpoint, runtime=runtime, device=device, **options)
        except (OSError, ValueError, ImportError) as error:
            if Path(checkpoint).exists():  # the sentences about folders are already our own
                raise
            from fer_hub.hub.loading import explain_load_error  # imports the client of the Hub

            raise explain_load_error(checkpoint, error, revision=revision) from None
        finder = FaceDetector(detection_model, min_score, search) if detector is None else detector
        pipeline = cls(model, image_processor, finder, device, batch_size, flip_average, prior)
        pipeline._owns_detector = detector is None
        return pipeline

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a path is a sequence of letters too; the first counts
        self, images: ImageSource, min_score: float | None = None
    ) -> list[FacePrediction]: ...

    @overload
    def __call__(self, images: Iterable[ImageSource], min_score: float | None = None) -> list[list[FacePrediction]]: ...

    def __call__(
        self, images: Any, min_score: float | None = None
    ) -> list[FacePrediction] | list[list[FacePrediction]]:
        """Detect and classify all faces.

        Args:
            images: a photo, in any form that `load_image` accepts; or several: a list or tuple, an iterator, a data
                set, or an array or tensor of 4 axes. `stream` is for more than fit into memory.
            min_score: minimum detection score of a face for this call; `None` leaves it to the detector.

        Returns:
            For one photo its faces, the most prominent first (see `detection.score.prominence`); an empty list if there
            is none. For several a list of such lists in the same order. Boxes are in whole pixels inside the upright
            photo.

        Raises:
            TypeError, ValueError, FileNotFoundError, ConnectionError, TimeoutError: from `load_image`; for several
                the sentence begins with the position of the photo, counted from 0.
        """
        if not is_several(images):
            [result] = self._predicted([self._located(images, min_score)])
            return result[1]
        located = []
        for position, source in enumerate(each(images)):
            try:
                located.append(self._located(source, min_score))
            except (TypeError, ValueError, OSError) as error:
                raise at(position, error) from None
        return [faces for _, faces in self._predicted(located)]

    def stream(
        self,
        images: Iterable[ImageSource],
        *,
        batch_size: int = 16,
        on_error: Literal["raise", "yield"] = "raise",
        threads: int | None = None,
        min_score: float | None = None,
    ) -> Generator[list[FacePrediction] | Exception, None, None]:
        """Detect and classify the faces of a stream of any length, on all cores and with constant memory.

        Threads read and search photos ahead of the network, which classifies `batch_size` photos at a time.

        Args:
            images: photos as for a call: an iterator, generator, data set or list. It is read in the thread of the
                caller, a few dozen photos ahead of the results.
            batch_size: photos whose results come together; 1 gives each as soon as it is there.
            on_error: "raise" ends the stream with the error of a photo that cannot be read; "yield" gives the error in
                its place and goes on.
            threads: how many photos are read and searched at once; all cores if `None`.
            min_score: as for a call.

        Yields:
            For each photo, in order, its faces, or its error.

        Raises:
            As for a call, with the position of the photo; ValueError: an argument is invalid.

        Example:
            >>> with FERPipeline.from_pretrained() as pipeline:
            ...     photos = (f"examples/{name}.jpg" for name in ("astronaut", "grace_hopper", "nobody"))
            ...     for faces in pipeline.stream(photos, on_error="yield"):
            ...         print(type(faces).__name__ if isinstance(faces, Exception) else len(faces))
            1
            1
            FileNotFoundError
        """
        results = self.stream_sized(
            images, batch_size=batch_size, on_error=on_error, threads=threads, min_score=min_score
        )
        return second(results)

    def stream_sized(
        self,
        images: Iterable[ImageSource],
        *,
        batch_size: int = 16,
        on_error: Literal["raise", "yield"] = "raise",
        threads: int | None = None,
        min_score: float | None = None,
    ) -> Generator[tuple[tuple[int, int], list[FacePrediction]] | Exception, None, None]:
        """As `stream`, with the size of every upright photo: ((width, height), faces)."""
        return in_batches(
            lambda image: self._located(image, min_score), self._predicted, images,
            batch_size=batch_size, on_error=on_error, threads=threads,
        )  # fmt: skip

    def classify_crops(self, crops: Sequence[ImageSource]) -> list[dict[str, float]]:
        """Classify images that already are face crops, without face detection.

        Args:
            crops: anything that `load_image` accepts; framed as in FER-2013 for best results.

        Returns:
            For each crop label → probability, in the order of the model's labels, summing to 1: the softmax of
            the logits.

        Raises:
            TypeError: `crops` is not a list or tuple; TypeError, ValueError, OSError: as `__call__` of a list.

        Example:
            >>> from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
            >>> pipeline = FERPipeline(FERForImageClassification(FERConfig()), FERImageProcessor())
            >>> [list(row) for row in pipeline.classify_crops([Image.new("L", (48, 48))])]
            [['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral']]
        """
        labels = self.model.config.id2label
        rows: list[dict[str, float]] = []
        for batch in self._batches(crops):
            logits = logits_of_crops(self.model, self.image_processor, batch, self.flip_average)
            if self._shift is not None:
                logits = logits + np.array(self._shift)
            rows += [{labels[index]: value for index, value in enumerate(row)} for row in softmax(logits).tolist()]
        return rows

    def embed(self, crops: Sequence[ImageSource]) -> np.ndarray:
        """Feature vectors of images that already are face crops: what the network's last layer decides by.

        Faces with similar expressions have similar vectors, so that they can be searched, clustered and classified
        anew. `FERModel`, which is what `AutoModel` loads, gives the same.

        Args:
            crops: as for `classify_crops`.

        Returns:
            float32 array (crops, features).

        Raises:
            As `classify_crops`; ValueError: the ONNX file was exported without this output.

        Example:
            >>> from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
            >>> pipeline = FERPipeline(FERForImageClassification(FERConfig()), FERImageProcessor())
            >>> pipeline.embed([Image.new("L", (48, 48))]).shape
            (1, 256)
        """
        vectors = [features_of_crops(self.model, self.image_processor, batch) for batch in self._batches(crops)]
        if not vectors:  # an array without rows has the network's columns too, so that others can be put below it
            return features_of_crops(self.model, self.image_processor, [Image.new("RGB", (48, 48))])[:0]
        return np.concatenate(vectors)

    def for_frames(self, min_score: float | None = None) -> Self:
        """A pipeline with the same network for the consecutive frames of one video or camera, see `Watcher`.

        A detector that is not a `FaceDetector` is used unchanged.
        """
        clone = copy.copy(self)
        clone._owns_detector = False
        if isinstance(self.detector, FaceDetector):
            clone.detector = Watcher(self.detector.for_frames(), min_score)
        return clone

    def close(self) -> None:
        """Close the detector if this pipeline created it; a second call has no effect."""
        if self._owns_detector and isinstance(self.detector, FaceDetector):
            self.detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _located(self, source: ImageSource, min_score: float | None) -> "_Located":
        """The faces of a photo and their crops; the photo itself is not kept."""
        image = load_image(source)
        found = self.detector.detect(image, *([] if min_score is None else [min_score]))
        boxes: list[Box] = [_whole_pixels(face.box, image.size) for face in found]
        return _Located(image.size, boxes, found, [self._cut_out(image, face) for face in found])

    def _predicted(self, photos: "Sequence[_Located]") -> list[tuple[tuple[int, int], list[FacePrediction]]]:
        rows = iter(self.classify_crops([crop for photo in photos for crop in photo.crops]))
        return [
            (
                photo.size,
                [_prediction(box, face, next(rows)) for box, face in zip(photo.boxes, photo.faces, strict=True)],
            )
            for photo in photos
        ]

    def _batches(self, crops: Sequence[ImageSource]) -> Iterator[list[Image.Image]]:
        if not isinstance(crops, (list, tuple)):
            raise TypeError(f"crops must be a list of images, got {type(crops).__name__}; put a single one in a list.")
        for start in range(0, len(crops), self.batch_size):
            batch = []
            for position, image in enumerate(crops[start : start + self.batch_size], start):
                try:
                    batch.append(load_image(image))
                except (TypeError, ValueError, OSError) as error:
                    raise at(position, error) from None
            yield batch

    def _cut_out(self, image: Image.Image, face: Face) -> Image.Image:
        """The face crop, directly in the input size of the network, as resampling twice would blur."""
        size = getattr(self.image_processor, "size", None) or {}
        height, width = (dict(size).get(name) for name in ("height", "width"))
        resample = getattr(self.image_processor, "resample", None)
        return face_crop(
            image,
            face,
            height if height == width else None,
            Image.Resampling.BILINEAR if resample is None else int(resample),
        )


def _moved(model: Any, device: Any) -> Any:
    if isinstance(model, OnnxClassifier):
        return model.to(device)
    from fer_hub.inference.devices import usable_device

    return model.to(usable_device(device))


def _prediction(box: Box, face: Face, probabilities: dict[str, float]) -> FacePrediction:
    emotion = max(probabilities, key=probabilities.__getitem__)
    return FacePrediction(box, face.detection_score, emotion, probabilities, face.keypoints, face.quality, face.angle)


def _whole_pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box clipped to the photo, in whole pixels, at least one pixel wide and high."""
    x0, y0, x1, y1 = (round(edge) for edge in clip(box, *size))
    x0, y0 = min(x0, size[0] - 1), min(y0, size[1] - 1)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
