"""Fits the temperature that calibrates a network."""

import numpy as np

from fer_hub.inference.logits import softmax

BOUNDS = (0.05, 20.0)
"""Lowest and highest fitted temperature; image classifiers typically need 0.5 to 5."""


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature by which logits must be divided so that their softmax fits the labels best.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2): minimises the mean cross-entropy. As a
    function of 1 / temperature it is convex, so bisection of its derivative always finds the minimum.

    Args:
        logits: float array (images, classes), of images that the network was not trained on.
        labels: integer array (images,), values 0 to classes - 1.

    Returns:
        The temperature, within `BOUNDS`; the lowest if every image is classified correctly, the highest if the logits
        are uninformative.

    Raises:
        ValueError: there is no image, shapes or labels are invalid, or a logit is not finite.

    Example:
        >>> logits = np.array([[4.0, 0.0]] * 4)  # confidence 98 %, accuracy 75 %
        >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 3)  # 4 / ln(3): confidence 75 %
        3.641
    """
    logits, labels = check_logits(logits, labels)
    labelled = logits[np.arange(len(labels)), labels].mean()

    def slope(inverse: float) -> float:  # of the cross-entropy by 1 / temperature
        return float((softmax(logits * inverse) * logits).sum(1).mean() - labelled)

    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    if slope(low) >= 0:
        return BOUNDS[1]
    if slope(high) <= 0:
        return BOUNDS[0]
    for _ in range(60):  # well beyond the precision of the logits
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def check_logits(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, the logits as float64; raises a `ValueError` if no calibration can be fitted on them."""
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if logits.ndim != 2 or len(logits) != len(labels) or len(labels) == 0:
        raise ValueError(
            f"logits must be of shape (images, classes) with one label each and at least one image, got {logits.shape} "
            f"and {labels.shape[:1]} labels; predict every image of the validation split once."
        )
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite numbers, but some are not; the network's weights may be damaged.")
    if not (labels.min() >= 0 and labels.max() < logits.shape[1]):
        raise ValueError(
            f"labels must be from 0 to {logits.shape[1] - 1}, got {labels.min()} to {labels.max()}; they are positions "
            "in the logits."
        )
    return logits, labels
