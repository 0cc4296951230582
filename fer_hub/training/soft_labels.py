"""Labels as probabilities, and what is done to them in training: smoothing, and weights against imbalance."""

import numpy as np
import torch
from torch.nn import functional as F

CLASS_WEIGHTS = ("none", "balanced", "effective")
"""What `class_weights` can weigh classes by."""

EFFECTIVE_BETA = 0.999
"""Beta of the effective number of samples; the larger, the closer to `balanced`. 0.9, 0.99, 0.999 and 0.9999 were
tried by its authors. On FER-2013 disgust, a sixteenth of happy, gets 2.8 times happy's weight with this one."""


def to_probabilities(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Class indices (images,) or probabilities (images, classes) → probabilities (images, classes), float32."""
    return F.one_hot(labels, classes).float() if labels.ndim == 1 else labels


def class_shares(labels: np.ndarray, classes: int) -> list[float]:
    """How common each class is among labels; classes that never occur count as half an image.

    Args:
        labels: class indices, integer array (images,), or probabilities, float array (images, classes).
        classes: how many there are.

    Example:
        >>> class_shares(np.array([0, 0, 0, 1]), 2)
        [0.75, 0.25]
    """
    counts = to_probabilities(torch.as_tensor(labels), classes).double().sum(0).clamp(min=0.5)
    return (counts / counts.sum()).tolist()


def smooth_labels(labels: torch.Tensor, classes: int, smoothing: float) -> torch.Tensor:
    """Class indices (images,) or probabilities (images, classes) → smoothed probabilities (images, classes).

    Label smoothing as in Szegedy et al. 2015, arXiv:1512.00567, section 7. Without smoothing labels stay as they are.

    Example:
        >>> smooth_labels(torch.tensor([1]), 2, 0.1)
        tensor([[0.0500, 0.9500]])
    """
    if not smoothing:
        return labels
    return to_probabilities(labels, classes) * (1 - smoothing) + smoothing / classes


def class_weights(labels: torch.Tensor, classes: int, kind: str) -> torch.Tensor | None:
    """One weight for each class, so that rare classes count as much as common ones.

    With n_c training images of class c (a soft label adds its probabilities to several classes) the weights are
    proportional to

    - `balanced`: 1 / n_c;
    - `effective`: (1 - β) / (1 - β^n_c), the inverse of the effective number of samples (Cui et al. 2019,
      arXiv:1901.05555, equation 2) with β = `EFFECTIVE_BETA`,

    and such that their mean over the training images is 1: losses, and with them the learning rate, keep their scale.

    Args:
        labels: of the training images: class indices (images,) or probabilities (images, classes).
        classes: how many classes there are.
        kind: one of `CLASS_WEIGHTS`.

    Returns:
        float32 tensor (classes,), or `None` for `none`.

    Raises:
        ValueError: unknown `kind`, or a class without any training image.

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 1]), 2, "balanced")
        tensor([0.6667, 2.0000])
    """
    if kind not in CLASS_WEIGHTS:
        raise ValueError(f"class_weights must be one of {', '.join(CLASS_WEIGHTS)}, got {kind!r}; choose one of these.")
    if kind == "none":
        return None
    counts = to_probabilities(labels, classes).double().sum(0)
    if (empty := (counts == 0).nonzero().flatten().tolist()) != []:
        raise ValueError(
            f"class_weights {kind} needs training images of every class, class {empty[0]} has none; leave "
            "--class_weights out, or take the class out of the data set."
        )
    weights = 1 / counts if kind == "balanced" else (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**counts)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def training_labels(
    labels: torch.Tensor, classes: int, *, smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """What the loss of a training batch is computed from.

    With class weights w an image whose label is the distribution p counts Σ_c w_c p_c times: its own class's weight,
    or the mean over its votes or over the two images it was mixed from. The weight is a factor of the image's whole
    row, taken before smoothing. Weights inside the sum of the cross-entropy, as torch's `weight` has them, would
    give the little probability that smoothing spends on a rare class that class's great weight, and teach the network
    to see it everywhere.

    Args:
        labels: class indices (images,) or probabilities (images, classes).
        smoothing: share of each label spread over all classes.
        weights: of `class_weights`, on the device of the labels.

    Returns:
        The labels as they are without smoothing and weights; else float32 (images, classes), each row summing to the
        image's weight.

    Example:
        >>> training_labels(torch.tensor([0, 1]), 2, weights=torch.tensor([0.5, 2.0]))
        tensor([[0.5000, 0.0000],
                [0.0000, 2.0000]])
    """
    smoothed = smooth_labels(labels, classes, smoothing)
    if weights is None:
        return smoothed
    return to_probabilities(smoothed, classes) * (to_probabilities(labels, classes) @ weights)[:, None]
