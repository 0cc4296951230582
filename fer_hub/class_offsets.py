"""Offsets that make a network name every class as often as it should, fitted on the validation split.

A network that learnt from soft labels and augmented views names common classes too often: on FER-2013 neutral, at the
price of disgust, fear and surprise. A constant that is added to the logit of each class mends that, fitted together
with the temperature (bias-corrected temperature scaling: Alexandari et al. 2020, arXiv:1901.06852, section 4). It goes
into the last layer, so that it costs nothing and needs no code where the network is used.
"""

import numpy as np
import torch
from torch.nn import functional as F

from fer_hub.fine_tuning import last_layer
from fer_hub.model import FERForImageClassification
from fer_hub.temperature import BOUNDS, check_logits, fit_temperature


def fit_class_offsets(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What must be added to the logits so that, divided by a fitted temperature, their softmax fits the labels best.

    Minimises the mean cross-entropy, which is convex, with a penalty as if the offsets of the divided logits came from
    a normal distribution of variance 1: half the sum of their squares, divided by the number of images. So a class with
    few validation images, or none, is not moved far.

    Args:
        logits: float array (images, classes), of images that the network was not trained on.
        labels: integer array (images,), values 0 to classes - 1.

    Returns:
        float64 array (classes,), whose mean is 0, in the unit of the logits.

    Raises:
        ValueError: as `fit_temperature`.

    Example:
        >>> logits = np.zeros((4000, 2))  # undecided, but one class is three times as frequent
        >>> offsets = fit_class_offsets(logits, np.arange(4000) % 4 // 3)
        >>> temperature = fit_temperature(logits + offsets, np.arange(4000) % 4 // 3)
        >>> ratio = np.exp((offsets[0] - offsets[1]) / temperature)
        >>> round(float(ratio), 2)
        3.0
    """
    logits, labels = check_logits(logits, labels)
    values, wanted = torch.from_numpy(logits), torch.from_numpy(labels.astype(np.int64))
    inverse = torch.tensor(1 / fit_temperature(logits, labels), dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)

    def minimise(*variables: torch.Tensor) -> None:
        optimizer = torch.optim.LBFGS(
            variables, max_iter=200, tolerance_grad=1e-9, tolerance_change=1e-12, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = F.cross_entropy(inverse * values + offsets, wanted) + offsets.square().sum() / 2 / len(wanted)
            value.backward()
            return value

        optimizer.step(loss)

    minimise(inverse, offsets)
    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    if not low <= inverse.item() <= high:  # all images are classified right, or logits say nothing
        inverse = inverse.detach().clamp(low, high)
        minimise(offsets)
    found = (offsets / inverse).detach().numpy()
    return found - found.mean()


@torch.no_grad()
def add_to_last_layer(model: FERForImageClassification, offsets: np.ndarray) -> None:
    """Add offsets to the bias of the layer that gives the logits, in place.

    Args:
        offsets: array (classes,), in the order of the model's labels.
    """
    bias = last_layer(model)[1].bias
    bias += torch.as_tensor(np.asarray(offsets), dtype=bias.dtype, device=bias.device)
