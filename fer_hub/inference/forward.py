"""One forward pass of a network over face crops, on PyTorch or on ONNX Runtime, which needs no torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from fer_hub.inference.onnx_classifier import OnnxClassifier


def logits_of_crops(
    model: Any, image_processor: Any, crops: Sequence[Image.Image], flip_average: bool = False
) -> np.ndarray:
    """Logits of face crops.

    Args:
        model: an `OnnxClassifier`, or an image classification model of transformers; put into evaluation mode.
        image_processor: its image processor.
        crops: RGB images.
        flip_average: the mean of the logits of every crop and its mirror image.

    Returns:
        float64 array (crops, labels), already divided by the temperature.
    """
    if isinstance(model, OnnxClassifier):
        pixel_values = _pixel_values(image_processor, crops)
        if not flip_average:
            return model(pixel_values).logits.astype(np.float64)
        both = model(np.concatenate([pixel_values, pixel_values[..., ::-1]])).logits
        return both.reshape(2, len(crops), -1).mean(0).astype(np.float64)
    import torch

    from fer_hub.inference.logits import logits_of

    model.eval()
    with torch.inference_mode():
        logits = logits_of(model, _tensor(model, image_processor, crops), flip_average)
        return logits.double().cpu().numpy()


def features_of_crops(model: Any, image_processor: Any, crops: Sequence[Image.Image]) -> np.ndarray:
    """Feature vectors of face crops: what the network's last layer computes its logits from.

    Args:
        model, image_processor, crops: as for `logits_of_crops`.

    Returns:
        float32 array (crops, features).

    Raises:
        ValueError: the ONNX file was exported without them, or the network does not end in a linear layer.
    """
    if isinstance(model, OnnxClassifier):
        return model.features(_pixel_values(image_processor, crops))
    import torch

    from fer_hub.inference.logits import features_of

    model.eval()
    with torch.inference_mode():
        return features_of(model, _tensor(model, image_processor, crops)).float().cpu().numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (images, labels) → probabilities whose rows sum to 1.

    Example:
        >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _pixel_values(image_processor: Any, crops: Sequence[Image.Image]) -> np.ndarray:
    return np.asarray(image_processor(images=list(crops), return_tensors="np")["pixel_values"])


def _tensor(model: Any, image_processor: Any, crops: Sequence[Image.Image]) -> Any:
    pixel_values = image_processor(images=list(crops), return_tensors="pt")["pixel_values"]
    return pixel_values.to(model.device, model.dtype)
