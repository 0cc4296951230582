"""Probabilities for many decoded face crops: the one forward loop that evaluation and reports share."""

import numpy as np
import torch
from tqdm.auto import tqdm

from fer_hub.model import FERForImageClassification, FERImageProcessor


@torch.inference_mode()
def predict_probabilities(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    *,
    batch_size: int = 256,
    progress: str | None = None,
) -> np.ndarray:
    """Classify face crops with one forward pass each.

    Args:
        model: on any device; is put into evaluation mode.
        images: uint8 array (images, size, size), grey, of the size that the model takes.
        batch_size: images per forward pass.
        progress: text beside a progress bar; no bar if `None`.

    Returns:
        float32 array (images, labels), softmax of the logits, rows sum to 1.
    """
    model.eval()
    parts = []
    with tqdm(total=len(images), desc=progress, disable=progress is None, unit="img") as bar:
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(images[start : start + batch_size])[:, None].to(model.device)
            logits = model(pixel_values=image_processor.normalize_batch(batch)).logits
            parts.append(logits.float().softmax(1).cpu().numpy())
            bar.update(len(batch))
    return np.concatenate(parts) if parts else np.zeros((0, model.config.num_labels), np.float32)
