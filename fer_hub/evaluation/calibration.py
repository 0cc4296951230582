"""Fitting the temperature of a network and the class prior of its probabilities, and the effect on calibration."""

import numpy as np

from fer_hub.evaluation.corruptions import mixed_corruptions
from fer_hub.evaluation.metrics import calibration
from fer_hub.evaluation.temperature import fit_temperature
from fer_hub.inference.logits import predict_logits, softmax
from fer_hub.model import FERForImageClassification, FERImageProcessor

LEAST_IMAGES = 100
"""Minimum number of validation images for fitting a temperature: with fewer, chance could make it overconfident."""

LEAST_SHARE = 1e-6
"""Least class prior: it must be above 0, as it is divided by."""


def before_and_after(logits: np.ndarray, labels: np.ndarray, temperature: float) -> dict[str, dict]:
    """The effect of a temperature on the calibration of a split.

    Args:
        logits: float array (images, classes), without temperature.
        labels: integer array (images,).

    Returns:
        `before` and `after`, each with `loss`, `calibration_error` and `calibration_bins` as in
        `classification_metrics`.
    """
    result = {}
    for name, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(np.asarray(logits, dtype=np.float64) / divisor)
        error, bins = calibration(probabilities, labels)
        chosen = probabilities[np.arange(len(labels)), labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        result[name] = {"loss": loss, "calibration_error": error, "calibration_bins": bins}
    return result


def fit_calibration(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    logits: dict[str, np.ndarray],
    labels: dict[str, np.ndarray],
    *,
    degraded: bool = False,
) -> dict:
    """Fit a network's temperature on validation and set it in its config, with the class prior that results.

    The class prior (`class_shares`) is the mean of the calibrated probabilities. That is what another prior has to
    replace (`fer_hub.inference.priors`): the frequencies of soft training labels are not, since a temperature that fits
    a network to hard labels moves probability from rare classes to common ones.

    Args:
        images: validation images, uint8 array (images, size, size); used only with `degraded`.
        logits: split → logits at temperature 1, float array (images, classes).
        labels: split → integer array (images,).
        degraded: fit on the original and the corrupted images together, each corrupted in one of thirteen ways at
            medium strength (`fer_hub.evaluation.corruptions`).

    Returns:
        The entry `calibration` of metrics.json (see `measure_trained`).
    """
    fitted, known = logits["validation"], labels["validation"]
    if degraded:
        bad = predict_logits(model, image_processor, mixed_corruptions(images), progress="evaluate corrupted images")
        fitted, known = np.concatenate([fitted, bad]), np.concatenate([known, known])
    temperature = fit_temperature(fitted, known)
    model.config.temperature = temperature
    model.config.class_shares = mean_probabilities(logits["validation"] / temperature)
    compared = {split: before_and_after(logits[split], labels[split], temperature) for split in logits}
    return {"temperature": temperature, "split": "validation", "images": len(images), "degraded": degraded, **compared}


def mean_probabilities(logits: np.ndarray) -> list[float]:
    """The mean probability of each class; the sum is 1.

    Args:
        logits: float array (images, classes), divided by the temperature.

    Example:
        >>> mean_probabilities(np.array([[0.0, 0.0], [0.0, 0.0]]))
        [0.5, 0.5]
    """
    mean = softmax(np.asarray(logits, dtype=np.float64)).mean(0).clip(min=LEAST_SHARE)
    return (mean / mean.sum()).tolist()


def summary(entry: dict) -> str:
    """The entry `calibration` of metrics.json as one line."""
    figures = ", ".join(
        f"{split} {100 * entry[split]['before']['calibration_error']:.1f} → "
        f"{100 * entry[split]['after']['calibration_error']:.1f} %"
        for split in ("validation", "test")
        if split in entry
    )
    return f"temperature: {entry['temperature']:.3f}, calibration error {figures}"
