"""Logits for many face crops: the forward loop shared by evaluation, calibration and reports."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from fer_hub.images import load_image
from fer_hub.inference.single_label import check_single_label

CPU_BATCH, BATCH = 32, 256
"""Images per forward pass on the CPU, into whose caches more would not fit, and elsewhere. With 256 the shipped
networks take half as long again."""

if hasattr(os, "register_at_fork"):
    # of OpenMP's threads a forked process has none, and waits for them for ever where it asks for more than its own
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@torch.inference_mode()
def predict_logits(
    model: PreTrainedModel,
    image_processor: Any,
    images: np.ndarray | Sequence[Image.Image],
    *,
    batch_size: int | None = None,
    progress: str | None = None,
) -> np.ndarray:
    """Classify face crops with one forward pass each.

    Args:
        model: an image classification model on any device; is put into evaluation mode.
        image_processor: the image processor of the model; a `FERImageProcessor` for arrays.
        images: for fer_hub networks a grey uint8 array (images, size, size) in the model's input size; for any
            model PIL images, which are rotated upright and converted to RGB first.
        batch_size: images per forward pass; `None` means what is fast on the model's device.
        progress: label of a progress bar; no bar if `None`.

    Returns:
        float32 array (images, labels), already divided by the model's temperature.

    Raises:
        ValueError: from `check_single_label`.
    """
    check_single_label(model)
    model.eval()
    parts = []
    if batch_size is None:
        batch_size = CPU_BATCH if torch.device(model.device).type == "cpu" else BATCH
    with tqdm(total=len(images), desc=progress, disable=progress is None, unit="img") as bar:
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            if isinstance(batch, np.ndarray):
                pixels = torch.from_numpy(batch)[:, None].to(model.device)
                pixel_values = image_processor.normalize_batch(pixels)
            else:
                batch = [load_image(image) for image in batch]
                pixel_values = image_processor(images=batch, return_tensors="pt")["pixel_values"].to(model.device)
            parts.append(model(pixel_values=pixel_values).logits.float().cpu().numpy())
            bar.update(len(batch))
    return np.concatenate(parts) if parts else np.zeros((0, model.config.num_labels), np.float32)


def logits_of(model: Any, pixel_values: torch.Tensor, flip_average: bool = False) -> torch.Tensor:
    """Logits (images, labels) for `pixel_values` (images, channels, height, width).

    Args:
        flip_average: test-time flip averaging: the mean of the logits of every image and its mirror image, computed in
            one batch. An expression does not change in a mirror, but the two errors differ. Doubles the compute.

    Example:
        >>> from fer_hub import FERConfig, FERForImageClassification
        >>> model, image = FERForImageClassification(FERConfig()).eval(), torch.rand(1, 1, 48, 48)
        >>> a, b = (logits_of(model, view, flip_average=True) for view in (image, image.flip(-1)))
        >>> torch.allclose(a, b, atol=1e-6)
        True
    """
    if not flip_average:
        return model(pixel_values=pixel_values).logits
    logits = model(pixel_values=torch.cat([pixel_values, pixel_values.flip(-1)])).logits
    return logits.unflatten(0, (2, -1)).mean(0)


def features_of(model: PreTrainedModel, pixel_values: torch.Tensor) -> torch.Tensor:
    """Feature vectors (images, features): the input of the linear layer that gives the logits.

    Raises:
        ValueError: the network has no such layer.
    """
    layers = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
    head = next((each for each in reversed(layers) if each.out_features == model.config.num_labels), None)
    if head is None:
        raise ValueError(
            f"the network must end in a linear layer to give feature vectors, but {type(model).__name__} does not; "
            "call the model with output_hidden_states=True instead."
        )
    seen, here = [], threading.get_ident()

    def keep(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if threading.get_ident() == here:  # others may use the same network meanwhile
            seen.append(inputs[0])

    handle = head.register_forward_pre_hook(keep)
    try:
        model(pixel_values=pixel_values)
    finally:
        handle.remove()
    return seen[0].flatten(1)


def predict_probabilities(model, image_processor, images, *, batch_size=None, progress=None) -> np.ndarray:
    """The softmax of `predict_logits`, with the same arguments; rows sum to 1."""
    return softmax(predict_logits(model, image_processor, images, batch_size=batch_size, progress=progress))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (images, labels) → probabilities of the same shape and type.

    Example:
        >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    return torch.from_numpy(np.asarray(logits)).softmax(1).numpy()
