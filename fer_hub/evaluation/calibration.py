"""Fitting the temperature of a network, and what that does to its calibration."""

from collections.abc import Mapping

import numpy as np

from fer_hub.evaluation.matrix_scaling import MatrixScaling, fit_matrix_scaling
from fer_hub.evaluation.metrics import calibration
from fer_hub.evaluation.temperature import fit_temperature
from fer_hub.inference.logits import softmax
from fer_hub.model import FERForImageClassification

LEAST_IMAGES = 100
"""With fewer validation images no temperature is fitted: a few lucky guesses would make the network too sure."""


def before_and_after(
    logits: np.ndarray, labels: np.ndarray, temperature: float, mapped: np.ndarray | None = None
) -> dict[str, dict]:
    """What a temperature, and matrix scaling if there is any, do to the calibration of a split.

    Args:
        logits: float array (images, classes), not divided by any temperature.
        labels: integer array (images,).
        mapped: the logits after matrix scaling.

    Returns:
        `before` and `after`, each with `loss`, `calibration_error` and `calibration_bins` as in
        `classification_metrics`.
    """
    result = {}
    after = logits if mapped is None else mapped
    for name, values, divisor in (("before", logits, 1.0), ("after", after, temperature)):
        probabilities = softmax(np.asarray(values, dtype=np.float64) / divisor)
        error, bins = calibration(probabilities, labels)
        chosen = probabilities[np.arange(len(labels)), labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        result[name] = {"loss": loss, "calibration_error": error, "calibration_bins": bins}
    return result


def before_again(entry: Mapping, logits: np.ndarray, labels: np.ndarray) -> dict[str, dict]:
    """`before_and_after` for a network that is calibrated already.

    Args:
        entry: what its metrics.json says of its calibration.
        logits: what it says now, divided by its temperature, float array (images, classes).
        labels: integer array (images,).
    """
    mapped = np.asarray(logits, dtype=np.float64) * entry["temperature"]
    known = entry.get("matrix_scaling")
    before = MatrixScaling.from_entry(known).undo(mapped) if known else mapped
    return before_and_after(before, labels, entry["temperature"], mapped)


def fit_calibration(
    model: FERForImageClassification,
    logits: dict[str, np.ndarray],
    labels: dict[str, np.ndarray],
    *,
    matrix_scaling: bool = False,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Fit a network's temperature, and matrix scaling if wanted, and put them into it.

    Args:
        model: gets `config.temperature` and the linear map, in its last layer.
        logits: split → what it says at temperature 1, float array (images, classes); fitted on `validation`.
        labels: split → integer array (images,).

    Returns:
        The entry `calibration` of metrics.json (see `measure_trained`), and the logits after matrix scaling, not
        divided by the temperature.
    """
    mapped = logits
    entry = {"split": "validation", "images": len(logits["validation"])}
    if matrix_scaling:
        scaling = fit_matrix_scaling(logits["validation"], labels["validation"])
        scaling.put_into(model)
        mapped = {split: scaling(values) for split, values in logits.items()}
        entry = {"matrix_scaling": scaling.entry()} | entry
    temperature = fit_temperature(mapped["validation"], labels["validation"])
    model.config.temperature = temperature
    compared = {split: before_and_after(logits[split], labels[split], temperature, mapped[split]) for split in logits}
    return {"temperature": temperature} | entry | compared, mapped


def summary(entry: dict) -> str:
    """The entry `calibration` of metrics.json as one line."""
    figures = ", ".join(
        f"{split} {100 * entry[split]['before']['calibration_error']:.1f} → "
        f"{100 * entry[split]['after']['calibration_error']:.1f} %"
        for split in ("validation", "test")
        if split in entry
    )
    also = f"; matrix scaling with penalty {entry['matrix_scaling']['penalty']:g}" if "matrix_scaling" in entry else ""
    return f"temperature: {entry['temperature']:.3f}, calibration error {figures}{also}"
