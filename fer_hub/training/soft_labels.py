"""Labels as probabilities, label smoothing, and class weights."""

import numpy as np
import torch
from torch.nn import functional as F

CLASS_WEIGHTS = ("none", "balanced", "effective")
"""Kinds of `class_weights`."""

EFFECTIVE_BETA = 0.999
"""β of the effective number of samples; the larger, the closer to `balanced`. Its authors tried 0.9, 0.99, 0.999 and
0.9999. On FER-2013 disgust, a sixteenth as frequent as happy, gets 2.8 times its weight with this value."""


def to_probabilities(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Class indices (images,) or probabilities (images, classes) → probabilities (images, classes), float32."""
    return F.one_hot(labels, classes).float() if labels.ndim == 1 else labels


def class_shares(labels: np.ndarray, classes: int) -> list[float]:
    """Class frequencies of labels; classes that do not occur count as half an image.

    Args:
        labels: class indices, integer array (images,), or probabilities, float array (images, classes).
        classes: number of classes.

    Example:
        >>> class_shares(np.array([0, 0, 0, 1]), 2)
        [0.75, 0.25]
    """
    counts = to_probabilities(torch.as_tensor(labels), classes).double().sum(0).clamp(min=0.5)
    return (counts / counts.sum()).tolist()


def smooth_labels(labels: torch.Tensor, classes: int, smoothing: float) -> torch.Tensor:
    """Class indices (images,) or probabilities (images, classes) → smoothed probabilities (images, classes).

    Label smoothing as in Szegedy et al. 2015, arXiv:1512.00567, section 7. Without smoothing labels do not change.

    Example:
        >>> smooth_labels(torch.tensor([1]), 2, 0.1)
        tensor([[0.0500, 0.9500]])
    """
    if not smoothing:
        return labels
    return to_probabilities(labels, classes) * (1 - smoothing) + smoothing / classes


def class_weights(labels: torch.Tensor, classes: int, kind: str) -> torch.Tensor | None:
    """One weight per class, so that rare classes count as much as common ones.

    With n_c training images of class c (a soft label adds its probabilities to several classes) the weights are
    proportional to

    - `balanced`: 1 / n_c;
    - `effective`: (1 - β) / (1 - β^n_c), the inverse of the effective number of samples (Cui et al. 2019,
      arXiv:1901.05555, equation 2) with β = `EFFECTIVE_BETA`,

    and such that their mean over the training images is 1: losses, and with them the learning rate, keep their scale.

    Args:
        labels: labels of the training images: class indices (images,) or probabilities (images, classes).
        classes: number of classes.
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
            f"class_weights {kind} needs training images of every class, but class {empty[0]} has none; leave "
            "--class-weights out, or remove the class from the data set."
        )
    weights = 1 / counts if kind == "balanced" else (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**counts)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def training_labels(
    labels: torch.Tensor, classes: int, *, smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """The targets of the loss of a training batch.

    With class weights w an image whose label is the distribution p has the weight Σ_c w_c p_c: the weight of its
    class, or the mean over its votes or over the two images it was mixed from. The weight multiplies the image's whole
    row and is computed before smoothing. Weights inside the sum of the cross-entropy, as in torch's `weight`, would
    multiply the small smoothing probability of a rare class by its large weight, and bias the network towards that
    class.

    Args:
        labels: class indices (images,) or probabilities (images, classes).
        smoothing: amount of label smoothing.
        weights: result of `class_weights`, on the device of the labels.

    Returns:
        The labels unchanged without smoothing and weights; otherwise float32 (images, classes), each row summing to
        the image's weight.

    Example:
        >>> training_labels(torch.tensor([0, 1]), 2, weights=torch.tensor([0.5, 2.0]))
        tensor([[0.5000, 0.0000],
                [0.0000, 2.0000]])
    """
    smoothed = smooth_labels(labels, classes, smoothing)
    if weights is None:
        return smoothed
    return to_probabilities(smoothed, classes) * (to_probabilities(labels, classes) @ weights)[:, None]
