"""A detector's network on ONNX Runtime: loaded on first use, safe between threads, after a fork and when pickled."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer_hub.forking import leave, renew_after_fork
from fer_hub.results import Face

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "face_detection"
"""Where the model files are."""

CLOSED = "the face detector must be open, but is closed; create a new FaceDetector."


class OnnxNetwork:
    """A network with one input. Runs need no lock, and other threads go on meanwhile.

    Args:
        file: its name in `FOLDER`.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._session: Any = None
        self._closed = False
        renew_after_fork(self)

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Name of an output → its values.

        Raises:
            RuntimeError: it is closed.
        """
        session, source, names = self._loaded()
        return dict(zip(names, session.run(None, {source: pixels}), strict=True))

    def close(self) -> None:
        """Free the network; a second call does nothing."""
        with self._lock:
            self._session, self._closed = None, True

    def _loaded(self) -> tuple[Any, str, list[str]]:
        """The session with the names of its input and outputs."""
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            if self._session is None:
                self._session = _load(FOLDER / self.file)
            return self._session

    def _renew(self) -> None:
        self._lock = threading.Lock()
        if self._session is not None:
            leave(self._session)
            self._session = None

    def __getstate__(self) -> dict:
        return {"file": self.file, "_closed": self._closed}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["file"])  # type: ignore[misc]
        self._closed = state["_closed"]


class OnnxDetector:
    """A detector whose network is an `OnnxNetwork`: loaded on first use, thread-safe.

    Args:
        min_score: faces with a lower score are left out, 0 to 1, on the network's own scale.
    """

    file: str

    def __init__(self, min_score: float) -> None:
        self.min_score = min_score
        self._network = OnnxNetwork(self.file)

    def find(self, image: Image.Image) -> list[Face]:
        """Faces of an RGB image, the best first, boxes and keypoints in pixels of the image.

        Raises:
            RuntimeError: it is closed.
        """
        return self.find_all([image])[0]

    def find_all(self, images: Sequence[Image.Image]) -> list[list[Face]]:
        """The same for several images at once."""
        raise NotImplementedError

    def close(self) -> None:
        """Free the network; a second call does nothing."""
        self._network.close()


def _load(file: Path) -> tuple[Any, str, list[str]]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which is when it is read
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several photographs at a time use several cores better than one does
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name, [output.name for output in session.get_outputs()]
