"""Facial expression recognition: face detection, classification, training and publishing.

The names below are imported on first use, so that `import fer_hub` is instant:

- `FERPipeline`: photo → a list of `FacePrediction` (box, detection score, emotion, probabilities).
- `FERConfig`, `FERImageProcessor`, `FERForImageClassification`: the network as a transformers model; `FERModel`: its
  features.
- `FaceDetector`: face detection by YuNet and MediaPipe's BlazeFace. `load_image`: anything → an upright RGB image.
- `load_fer2013`: FER-2013 from the Hub, parquet, the Kaggle CSV or an image folder.
- `explain`: a heat map of what in a face the probability of an expression depends on.
- `draw`: photo + predictions → annotated copy.
- `analyse_video`: video → annotated video, CSV, JSON and plot; `FaceTracker` → `TrackedFace`: faces with stable ids.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors see; a test compares it with `_HOMES`
    from fer_hub.data import load_fer2013 as load_fer2013
    from fer_hub.detection.detector import FaceDetector as FaceDetector
    from fer_hub.drawing import draw as draw
    from fer_hub.images import load_image as load_image
    from fer_hub.inference.explaining import Explanation as Explanation
    from fer_hub.inference.explaining import explain as explain
    from fer_hub.inference.onnx_classifier import OnnxClassifier as OnnxClassifier
    from fer_hub.model import EMOTIONS as EMOTIONS
    from fer_hub.model import FERConfig as FERConfig
    from fer_hub.model import FERForImageClassification as FERForImageClassification
    from fer_hub.model import FERImageProcessor as FERImageProcessor
    from fer_hub.model import FERModel as FERModel
    from fer_hub.pipeline import FERPipeline as FERPipeline
    from fer_hub.results import Face as Face
    from fer_hub.results import FacePrediction as FacePrediction
    from fer_hub.video.analysis import analyse_video as analyse_video
    from fer_hub.video.tracking import FaceTracker as FaceTracker
    from fer_hub.video.tracking import TrackedFace as TrackedFace

__version__ = "0.1.0"

# Nothing leaves this computer but what was asked for: ONNX Runtime, Gradio and the Hub's client read these when they
# are imported, and report home unless told otherwise. Whoever sets one of them decides for himself.
for _variable, _value in (
    ("ORT_DISABLE_TELEMETRY", "1"),
    ("GRADIO_ANALYTICS_ENABLED", "False"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_variable, _value)

_HOMES = {
    "EMOTIONS": "fer_hub.model",
    "FERConfig": "fer_hub.model",
    "FERImageProcessor": "fer_hub.model",
    "FERForImageClassification": "fer_hub.model",
    "FERModel": "fer_hub.model",
    "FERPipeline": "fer_hub.pipeline",
    "FaceDetector": "fer_hub.detection.detector",
    "Face": "fer_hub.results",
    "FacePrediction": "fer_hub.results",
    "OnnxClassifier": "fer_hub.inference.onnx_classifier",
    "explain": "fer_hub.inference.explaining",
    "Explanation": "fer_hub.inference.explaining",
    "load_image": "fer_hub.images",
    "load_fer2013": "fer_hub.data",
    "draw": "fer_hub.drawing",
    "FaceTracker": "fer_hub.video.tracking",
    "TrackedFace": "fer_hub.video.tracking",
    "analyse_video": "fer_hub.video.analysis",
}

__all__ = ["__version__", *_HOMES]


if not TYPE_CHECKING:  # to a type checker a misspelt name would exist

    def __getattr__(name: str) -> Any:
        """Import the module of a public name on first use (PEP 562): importing torch eagerly takes seconds."""
        if name not in _HOMES:
            raise AttributeError(f"module 'fer_hub' has no attribute {name!r}.")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
