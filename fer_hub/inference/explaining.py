"""Why a network names an expression: what of a face its probability depends on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from fer_hub.detection.framing import face_crop
from fer_hub.extras import missing
from fer_hub.images import ImageSource, load_image
from fer_hub.inference.forward import softmax
from fer_hub.inference.onnx_classifier import OnnxClassifier
from fer_hub.results import Face, FacePrediction

WINDOW, STEPS = 0.2, 2
"""Side of the square that is covered, in sides of the crop, and in how many steps it moves by its own side. With 3 a
heat map takes 2.4 times as long, and covering what it marks changes the probability no more."""

WHAT_IT_SHOWS = (
    "Red: covering this place lowers the probability; blue: covering it raises it. It shows what the network's answer "
    "depends on in this picture. It does not show that the answer is right, nor what the person feels."
)
"""What a heat map says and what it does not."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the probability of an expression depends on in a face.

    Attributes:
        emotion: the expression that is explained.
        probability: its probability, 0 to 1.
        crop: what the network sees, stretched to the full range; "L" or RGB.
        heat: float32 array (height, width) of the crop: by how much the probability falls, on average, when a square
            over that pixel is covered with the mean grey; negative where it rises.
    """

    emotion: str
    probability: float
    crop: Image.Image
    heat: np.ndarray

    def picture(self, side: int = 224) -> Image.Image:
        """The crop with the heat over it as an RGB image: red where covering lowers the probability, blue where it
        raises it, the more the stronger."""
        base = np.asarray(self.crop.convert("L").resize((side, side)), np.float32)[..., None].repeat(3, -1)
        strength = self.heat / max(float(np.abs(self.heat).max()), 1e-6)
        strength = np.asarray(Image.fromarray(strength.astype(np.float32)).resize((side, side)))[..., None]
        colour = np.where(strength > 0, np.array([213, 40, 0], np.float32), np.array([0, 90, 200], np.float32))
        share = 0.65 * np.abs(strength)
        return Image.fromarray((base * (1 - share) + colour * share).round().clip(0, 255).astype(np.uint8))


def available() -> bool:
    """Whether captum and PyTorch are installed, which heat maps need."""
    return missing("explain", "captum", "torch") is None


def explain(pipeline: Any, image: ImageSource, face: Face | FacePrediction, emotion: str | None = None) -> Explanation:
    """What of a face the probability of an expression depends on, by occlusion.

    A square is moved over the crop, and what the probability loses is counted for all pixels that it covers: the method
    of Zeiler and Fergus (2014, arXiv:1311.2901) as captum implements it. It works with any network.

    Args:
        pipeline: a `FERPipeline`, or anything with its `model` and `image_processor`.
        image: the photo, anything that `load_image` accepts.
        face: a face of that photo.
        emotion: the expression to explain; `None` takes the most probable one.

    Raises:
        ModuleNotFoundError: captum is not installed; it is in the extra "explain".
        ValueError: the network has no such expression.

    Example:
        >>> from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor, FERPipeline
        >>> pipeline = FERPipeline(FERForImageClassification(FERConfig()), FERImageProcessor())
        >>> explain(pipeline, Image.new("RGB", (99, 99)), Face((9, 9, 90, 90), 1.0), "sad").heat.shape
        (48, 48)
    """
    size = dict(getattr(pipeline.image_processor, "size", None) or {}).get("height")
    crop = face_crop(load_image(image), Face(face.box, 1.0, angle=face.angle), size)
    pixel_values = pixel_values_of(pipeline.image_processor, crop)
    labels = [pipeline.model.config.id2label[index] for index in range(pipeline.model.config.num_labels)]
    if emotion is not None and emotion not in labels:
        raise ValueError(f"emotion must be one of {', '.join(labels)}, got {emotion!r}; choose one of these.")
    [probabilities] = probabilities_of(pipeline.model, pixel_values)
    index = int(probabilities.argmax()) if emotion is None else labels.index(emotion)
    heat = occlusion(pipeline.model, pixel_values, index)
    return Explanation(labels[index], float(probabilities[index]), seen(pixel_values), heat)


def occlusion(model: Any, pixel_values: np.ndarray, index: int) -> np.ndarray:
    """By how much the probability of a label falls when a square over a pixel is covered, averaged over the squares.

    Args:
        model: an `OnnxClassifier`, or an image classifier of PyTorch in evaluation mode.
        pixel_values: (1, channels, height, width), of its image processor.
        index: of the label.

    Returns:
        float32 array (height, width).
    """
    if absent := missing("explain", "captum", "torch"):
        raise absent
    import torch
    from captum.attr import Occlusion  # type: ignore[import-untyped]

    channels, height, _ = pixel_values.shape[1:]
    window = max(1, round(WINDOW * height))
    step = max(1, window // STEPS)
    with torch.inference_mode():
        heat = Occlusion(lambda values: torch.from_numpy(probabilities_of(model, values.numpy()))).attribute(
            torch.from_numpy(pixel_values),
            strides=(channels, step, step),
            sliding_window_shapes=(channels, window, window),
            baselines=float(pixel_values.mean()),
            target=index,
            perturbations_per_eval=32,
        )
    return heat[0].mean(0).float().numpy()


def probabilities_of(model: Any, pixel_values: np.ndarray) -> np.ndarray:
    """Probabilities (images, labels) of `pixel_values` (images, channels, height, width), float64."""
    if isinstance(model, OnnxClassifier):
        return softmax(model(pixel_values).logits.astype(np.float64))
    import torch

    with torch.inference_mode():
        values = torch.from_numpy(pixel_values)
        if (device := getattr(model, "device", None)) is not None:
            values = values.to(device, model.dtype)
        return model(pixel_values=values).logits.double().softmax(-1).cpu().numpy()


def pixel_values_of(image_processor: Any, crop: Image.Image) -> np.ndarray:
    """What a network is given of a crop: float32 array (1, channels, height, width)."""
    return np.asarray(image_processor(images=[crop], return_tensors="np")["pixel_values"], np.float32)


def seen(pixel_values: np.ndarray) -> Image.Image:
    """What a network sees, stretched to the full range, as a picture: "L" for one channel, otherwise RGB.

    Args:
        pixel_values: (1, channels, height, width).
    """
    values = pixel_values[0]
    values = (values - values.min()) / max(float(np.ptp(values)), 1e-6)
    pixels = np.moveaxis((255 * values).round().astype(np.uint8), 0, -1)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
