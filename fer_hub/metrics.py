"""What is reported about a classifier: accuracy, macro-F1, recall of every emotion, calibration, confusions."""

from collections.abc import Sequence

import numpy as np

CALIBRATION_BINS = 15


def classification_metrics(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict:
    """Measure predicted probabilities against labels.

    Args:
        probabilities: float array (images, classes), rows sum to 1.
        labels: integer array (images,), values 0 to classes - 1.
        names: class names, in the order of the columns.

    Returns:
        JSON-ready dict: `images` (count), `accuracy`, `macro_f1`, `loss` (mean cross-entropy, natural logarithm),
        `calibration_error` (see `calibration_error`), `recall` and `f1` (per class name) in [0, 1], and
        `confusion` (rows: label, columns: prediction, counts). A class without an image in `labels` has recall 0
        and counts in macro-F1 unless it is never predicted either, as scikit-learn does it.

    Raises:
        ValueError: shapes or values do not fit together.

    Example:
        >>> result = classification_metrics(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), ["a", "b"])
        >>> result["accuracy"], result["recall"]
        (0.5, {'a': 1.0, 'b': 0.0})
    """
    from sklearn.metrics import confusion_matrix, f1_score, recall_score

    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    classes = list(range(len(names)))
    if probabilities.shape != (len(labels), len(names)) or len(labels) == 0:
        raise ValueError(
            f"probabilities must have one row per label and one column per name, ({len(labels)}, {len(names)}) and at "
            f"least one row, got {probabilities.shape}; predict every image of the split once."
        )
    predicted = probabilities.argmax(1)
    recall = recall_score(labels, predicted, labels=classes, average=None, zero_division=0)
    f1 = f1_score(labels, predicted, labels=classes, average=None, zero_division=0)
    likelihood = probabilities[np.arange(len(labels)), labels]
    return {
        "images": len(labels),
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "calibration_error": calibration_error(probabilities, labels),
        "recall": dict(zip(names, recall.tolist(), strict=True)),
        "f1": dict(zip(names, f1.tolist(), strict=True)),
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error of the top class (Guo et al. 2017, arXiv:1706.04599, equation 3).

    Images are sorted into `bins` equal intervals of their highest probability; the result is the mean over the
    images of |accuracy of the interval - mean highest probability of the interval|, in [0, 1].

    Example:
        >>> calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1]))  # says 0.8, is right half the time
        0.30000000000000004
    """
    confidence = np.asarray(probabilities, dtype=np.float64).max(1)
    correct = np.asarray(probabilities).argmax(1) == labels
    interval = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(interval, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
