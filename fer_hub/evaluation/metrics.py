"""Metrics of a classifier: accuracy, per-class precision, recall and F1, calibration, confusion matrix."""

from collections.abc import Sequence

import numpy as np

CALIBRATION_BINS = 15

SCORES = ("precision", "recall", "f1")

SUM_TOLERANCE = 0.01
"""How far from 1 the sum of a row of probabilities may be, which half precision needs."""

CHANCE_DRAWS = 500
"""Number of draws for `calibration_error_by_chance`; with 500 its relative error is about 1 %, or 3 % if all images are
in one bin."""

BOOTSTRAP_SAMPLES = 1000
"""Number of bootstrap samples for an interval; with 1,000 its ends vary by about a tenth of its width."""


def classification_metrics(
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    votes: np.ndarray | None = None,
    clear: np.ndarray | None = None,
) -> dict:
    """Compare predicted probabilities with labels.

    Args:
        probabilities: float array (images, classes), rows sum to 1.
        labels: integer array (images,), values 0 to classes - 1.
        names: class names, in the order of the columns.
        votes: distribution of the annotators' votes, float array (images, classes), rows sum to 1; for data sets with
            several annotators per image, such as FER+.
        clear: whether more than half of the annotators agree, bool array (images,).

    Returns:
        JSON-ready dict; fractions and scores are in [0, 1]:

        - `images`: their number
        - `accuracy`, `top2_accuracy`, `balanced_accuracy` (mean recall of the classes that occur)
        - `accuracy_interval`, `macro_f1_interval`: [low, high], 95 % percentile bootstrap over the images
          (Efron and Tibshirani 1993, chapter 13), seeded
        - `loss`: mean cross-entropy, natural logarithm
        - `macro_precision`, `macro_recall`, `macro_f1`, `weighted_precision`, `weighted_recall`, `weighted_f1`
        - `precision`, `recall`, `f1`: per class name; 0 where undefined
        - `calibration_error` and `calibration_bins`: see `calibration`; `calibration_error_by_chance`: see there
        - `confusion`: counts, rows are labels, columns are predictions
        - `vote_cross_entropy`, `vote_mean_absolute_error`, if there are votes: see `vote_metrics`
        - `clear_majority_images` (count) and `clear_majority_accuracy`, if `clear` is given and true for any image

    Raises:
        ValueError: shapes do not match, there is no image, a label is no class, or rows are not probabilities.

    Example:
        >>> result = classification_metrics(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), ["a", "b"])
        >>> result["accuracy"], result["recall"]
        (0.5, {'a': 1.0, 'b': 0.0})
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if probabilities.shape != (len(labels), len(names)) or len(labels) == 0:
        raise ValueError(
            f"probabilities must have one row per label and one column per name, ({len(labels)}, {len(names)}) and at "
            f"least one row, got {probabilities.shape}; predict every image of the split once."
        )
    _check_values(probabilities, labels, len(names))
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, labels=range(len(names)))
    error, bins = calibration(probabilities, labels)
    result = {
        "images": len(labels),
        "accuracy": float((predicted == labels).mean()),
        "top2_accuracy": float((np.argsort(-probabilities, axis=1)[:, :2] == labels[:, None]).any(1).mean()),
        "balanced_accuracy": float((np.diag(confusion) / np.maximum(confusion.sum(1), 1))[confusion.sum(1) > 0].mean()),
        "loss": float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean()),
        "calibration_error": error,
        "calibration_error_by_chance": calibration_error_by_chance(probabilities),
    }
    for average in ("macro", "weighted"):
        scores = precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        result |= {f"{average}_{name}": float(value) for name, value in zip(SCORES, scores[:3], strict=True)}
    result["accuracy_interval"], result["macro_f1_interval"] = _intervals(labels, predicted, len(names))
    each = precision_recall_fscore_support(labels, predicted, labels=range(len(names)), average=None, zero_division=0)
    for name, values in zip(SCORES, each[:3], strict=True):
        result[name] = dict(zip(names, values.tolist(), strict=True))
    result |= {} if votes is None else vote_metrics(probabilities, votes)
    if clear is not None and clear.any():
        shown = (predicted == labels)[clear]
        result |= {"clear_majority_images": len(shown), "clear_majority_accuracy": float(shown.mean())}
    return result | {"calibration_bins": bins, "confusion": confusion.tolist()}


def _check_values(probabilities: np.ndarray, labels: np.ndarray, classes: int) -> None:
    """Raise a `ValueError` for labels and rows that would give figures without a meaning."""
    wrong = labels[(labels < 0) | (labels >= classes) | (labels != np.floor(labels))]
    if len(wrong):
        raise ValueError(
            f"labels must be class indices from 0 to {classes - 1}, got {wrong[0]}; leave out images without a label."
        )
    unknown = ~np.isfinite(probabilities).all(1)
    if unknown.any():
        raise ValueError(
            f"probabilities must be finite numbers, got {unknown.sum()} rows with NaN or infinity, the first is row "
            f"{unknown.argmax()}; check the network that gave them."
        )
    apart = np.abs(probabilities.sum(1) - 1)
    if (probabilities < 0).any() or apart.max() > SUM_TOLERANCE:
        raise ValueError(
            "every row of probabilities must be at least 0 and sum to 1, got the sum "
            f"{probabilities[apart.argmax()].sum():.4g} and the lowest value {probabilities.min():.4g}; give logits "
            "through a softmax first."
        )


def vote_metrics(probabilities: np.ndarray, votes: np.ndarray) -> dict[str, float]:
    """Distance of predicted probabilities from the distribution of the annotators' votes.

    Args:
        probabilities: float array (images, classes), rows sum to 1.
        votes: distribution of the annotators' votes, of the same shape, rows sum to 1.

    Returns:
        `vote_cross_entropy`: mean over the images of -Σ votes·ln(probabilities), in nats, the loss that Barsoum et
        al. 2016 (arXiv:1608.01041) train with; for a perfect prediction it is the entropy of the votes.
        `vote_mean_absolute_error`: mean over images and classes of |votes - probabilities|, in [0, 2 / classes].

    Raises:
        ValueError: the two have different shapes.

    Example:
        >>> vote_metrics(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]]))["vote_mean_absolute_error"]
        0.30000000000000004
    """
    probabilities, votes = np.asarray(probabilities, dtype=np.float64), np.asarray(votes, dtype=np.float64)
    if probabilities.shape != votes.shape:
        raise ValueError(
            f"votes must have the shape of the probabilities, {probabilities.shape}, got {votes.shape}; give every "
            "image the shares of its votes for all classes."
        )
    return {
        "vote_cross_entropy": float(-(votes * np.log(np.maximum(probabilities, 1e-12))).sum(1).mean()),
        "vote_mean_absolute_error": float(np.abs(votes - probabilities).mean()),
    }


def calibration(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS
) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error of the top class (Guo et al. 2017, arXiv:1706.04599, equation 3).

    Images are divided into `bins` equal-width bins by their highest probability; the error is the mean over the
    images of |accuracy of the bin - mean highest probability of the bin|, in [0, 1].

    Returns:
        The error, and for each bin `images` (count), `confidence` and `accuracy` (means; 0 if empty).

    Example:
        >>> error, _ = calibration(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1]))
        >>> round(error, 6)  # confidence 0.8, accuracy 0.5
        0.3
    """
    confidence, interval = _confidence(probabilities, bins)
    correct = np.asarray(probabilities).argmax(1) == labels
    count, said, right = (
        np.bincount(interval, weights=weights, minlength=bins) for weights in (None, confidence, correct)
    )
    error = float(np.abs(right - said).sum() / len(labels))
    filled = np.maximum(count, 1)
    rows = [
        {"images": int(n), "confidence": float(c), "accuracy": float(a)}
        for n, c, a in zip(count, said / filled, right / filled, strict=True)
    ]
    return error, rows


def calibration_error_by_chance(probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """The expected calibration error, for this number of images, of a perfectly calibrated network of equal confidence.

    The absolute value in the error makes it biased: with few images it is above 0 even for perfect calibration. Here
    every image is correct with its predicted probability, drawn 500 times with a fixed seed; the mean of the errors is
    returned, in [0, 1]. (Bröcker and Smith 2007, doi:10.1175/WAF993.1, use the same draws for consistency bars.)

    Args:
        probabilities: float array (images, classes), rows sum to 1.

    Example:
        >>> few, many = (calibration_error_by_chance(np.full((images, 2), 0.5)) for images in (25, 2500))
        >>> round(few, 2), round(many, 3)  # the mean distance of a fraction of heads from one half
        (0.08, 0.008)
    """
    confidence, interval = _confidence(probabilities, bins)
    random = np.random.default_rng(0)
    total = 0.0
    for _ in range(CHANCE_DRAWS):
        apart = (random.random(len(confidence)) < confidence) - confidence
        total += np.abs(np.bincount(interval, weights=apart, minlength=bins)).sum()
    return float(total / CHANCE_DRAWS / len(confidence))


def _confidence(probabilities: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """The highest probability of every image, and the index of its bin, from 0."""
    confidence = np.asarray(probabilities, dtype=np.float64).max(1)
    return confidence, np.minimum((confidence * bins).astype(int), bins - 1)


def _intervals(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[list[float], list[float]]:
    """95 % intervals of accuracy and macro-F1, resampling the images with replacement."""
    # images with the same label and prediction are interchangeable, so it suffices to resample the confusion matrix
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    draws = np.random.default_rng(0).multinomial(len(labels), cells / len(labels), size=BOOTSTRAP_SAMPLES)
    confusions = draws.reshape(-1, classes, classes)
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    either = confusions.sum(1) + confusions.sum(2)
    f1 = 2 * hits / np.maximum(either, 1)
    macro_f1 = f1.sum(1) / np.maximum((either > 0).sum(1), 1)  # as scikit-learn: classes that occur on either side
    return tuple(np.percentile(values, [2.5, 97.5]).tolist() for values in (hits.sum(1) / len(labels), macro_f1))
