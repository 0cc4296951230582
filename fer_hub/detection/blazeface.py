"""MediaPipe's BlazeFace detectors, tamed; with `reports` the only file that knows MediaPipe.

The two models (Bazarevsky et al. 2019, arXiv:1907.05047) are shipped in `fer_hub/assets/face_detection/`.
"""

import atexit
import os
import re
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from fer_hub.detection.onnx_network import CLOSED, FOLDER
from fer_hub.detection.reports import stop_reports
from fer_hub.forking import renew_after_fork
from fer_hub.importing import later
from fer_hub.results import KEYPOINTS, Face

FILES = {
    "short_range": "face_detection_short_range.tflite",
    "full_range": "face_detection_full_range_sparse.tflite",
}
"""Name of a model → its file in `FOLDER`."""

SYSTEM_PACKAGES = "libegl1 libgles2 libgl1 libglib2.0-0"
"""Debian's packages with the libraries that MediaPipe loads, the same as in packages.txt."""

UNUSED = (
    "mediapipe.tasks.python.audio",
    "mediapipe.tasks.python.text",
    "mediapipe.tasks.python.vision.drawing_styles",
    "mediapipe.tasks.python.vision.drawing_utils",
)
"""Parts of MediaPipe that its package imports and a detector does not use; they import pyplot, OpenCV and a driver of
microphones, which is most of the time and memory of the import. Whoever uses them still can."""


class BlazeFace:
    """One MediaPipe face detector: loaded on first use, silent, safe between threads, renewed when it breaks.

    Args:
        model: a key of `FILES`.
        min_score: faces with a lower score are left out, 0 to 1.
    """

    def __init__(self, model: str, min_score: float) -> None:
        self.model = model
        self.min_score = min_score
        self._lock = threading.Lock()
        self._native: Any = None
        self._used = False
        self._closed = False
        renew_after_fork(self)

    def find(self, image: Image.Image) -> list[Face]:
        """Faces of an RGB image as the model sees them, boxes and keypoints in pixels of the image.

        Raises:
            OSError: MediaPipe lacks a library of the system.
            RuntimeError: it is closed, or MediaPipe failed twice in a row.
        """
        # MediaPipe misreads arrays that are not contiguous without a word
        pixels = np.ascontiguousarray(np.asarray(image), dtype=np.uint8)
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            try:
                result = self._detect(pixels)
            except RuntimeError:  # a broken MediaPipe detector stays broken; not even closing it works
                self._abandon()
                try:
                    result = self._detect(pixels)
                except RuntimeError as error:
                    self._abandon()
                    raise RuntimeError(f"MediaPipe failed to search an image: {error}") from None
        faces = (_to_face(detection, image.size) for detection in result.detections)
        return [face for face in faces if face is not None]

    def find_all(self, images: Sequence[Image.Image]) -> list[list[Face]]:
        """The same for several images, one after the other."""
        return [self.find(image) for image in images]

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        with self._lock:
            self._closed = True
            if self._native is not None:
                with _quiet():
                    self._native.close()
                self._native = None

    def __del__(self) -> None:
        if self._native is not None and self._native._handle:  # left without close: MediaPipe would be loud
            self.close()

    def _detect(self, pixels: np.ndarray) -> Any:
        with _libraries():
            mediapipe = _mediapipe()
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        if self._used:
            return self._native.detect(image)
        with _quiet(), _libraries():  # creation and first use print dozens of lines
            self._native = self._create()
            result = self._native.detect(image)
        self._used = True
        return result

    def _create(self) -> Any:
        from mediapipe.tasks.python import BaseOptions, vision

        stop_reports()  # the library was loaded for the image
        native = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(
                # the content, because a path that Python can open is not always one that MediaPipe can
                base_options=BaseOptions(model_asset_buffer=(FOLDER / FILES[self.model]).read_bytes()),
                running_mode=vision.RunningMode.IMAGE,
                min_detection_confidence=self.min_score,
            )
        )
        _alive.add(native)
        return native

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._abandon()

    def __getstate__(self) -> dict:
        return {"model": self.model, "min_score": self.min_score, "_closed": self._closed}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["model"], state["min_score"])
        self._closed = state["_closed"]

    def _abandon(self) -> None:
        if self._native is not None:
            self._native._handle = None
        self._native, self._used = None, False


def _mediapipe() -> Any:
    """MediaPipe, imported when the first photo comes, and without what a detector does not use."""
    if "mediapipe" not in sys.modules:
        with later(*UNUSED):
            import mediapipe
    import mediapipe

    return mediapipe


@contextmanager
def _libraries() -> Iterator[None]:
    """Say what to install where MediaPipe or its OpenCV lacks a library of the system."""
    try:
        yield
    except (ImportError, OSError) as error:
        if ".so" not in str(error) and ".dll" not in str(error):
            raise
        raise OSError(
            f"MediaPipe must find the graphics libraries of the system, but one is missing ({error}); install them, on "
            f"Debian and Ubuntu with: apt-get install {SYSTEM_PACKAGES}."
        ) from None


def _to_face(detection: Any, size: tuple[int, int]) -> Face | None:
    box = detection.bounding_box
    if box.width <= 0 or box.height <= 0:  # a face of less than one pixel
        return None
    corners = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
    points = zip(KEYPOINTS, detection.keypoints, strict=True)
    points = {name: (point.x * size[0], point.y * size[1]) for name, point in points}
    return Face(corners, min(1.0, detection.categories[0].score), points)


_alive: weakref.WeakSet = weakref.WeakSet()


@atexit.register
def _let_go() -> None:
    """Detectors still open at exit: MediaPipe's own clean-up would fail by then and print a TypeError."""
    for native in list(_alive):
        native._handle = None


QUIET = "FER_HUB_QUIET"
"""Environment variable; "1" keeps from standard error what native code says while a model is loaded or closed."""

_NATIVE_LINE = re.compile(
    rb"((INFO|WARNING|ERROR): (\[\w+\.cc:|Logging before|All log messages before|Created TensorFlow)"
    rb"|[IWEF]\d{4} \d\d:\d\d:\S+ +\d+ \S+\.cc:)"
)
"""What native code writes names its source file; what the web server and others write does not, and is passed on."""


class _Redirection:
    """Standard error of the process in a file, from the first that asks for it to the last."""

    def __init__(self) -> None:
        # held for a moment only; a thread may take it twice, as the garbage collector can close a detector meanwhile
        self._lock, self._users = threading.RLock(), 0
        self._saved, self._held = -1, None

    def begin(self) -> None:
        with self._lock:
            if not self._users:
                self._saved, self._held = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
                os.dup2(self._held.fileno(), 2)
            self._users += 1

    def end(self, keep_all: bool) -> None:
        with self._lock:
            self._users = max(0, self._users - 1)
            if not self._users and self._held is not None:
                os.dup2(self._saved, 2)
                os.close(self._saved)
                with self._held as held:
                    held.seek(0)
                    os.write(2, b"".join(line for line in held if keep_all or not _NATIVE_LINE.match(line)))
                self._held = None

    def undo_in_child(self) -> None:
        """A process forked meanwhile has its own standard error, and none of the threads that would end this."""
        if self._users:
            os.dup2(self._saved, 2)
        self.__init__()


_redirection = _Redirection()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_redirection.undo_in_child)


@contextmanager
def _quiet() -> Iterator[None]:
    """Where `QUIET` asks for it, keep what native code writes on standard error from the terminal, unless it fails."""
    try:
        if os.environ.get(QUIET) != "1":
            raise OSError
        _redirection.begin()
    except OSError:  # not asked for, or standard error is closed, as in a service without a terminal
        yield
        return
    failed = True
    try:
        yield
        failed = False
    finally:
        _redirection.end(failed)
