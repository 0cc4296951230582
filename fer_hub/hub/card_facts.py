"""Facts for the model card computed from metrics.json: confidence intervals, confusions, rejection."""

import math
from collections.abc import Mapping, Sequence

NAMED_SHARE, NAMED_IMAGES, NAMED_COUNT = 0.1, 10, 6
"""Confusions listed in the card: smallest fraction of the class's images, smallest number of images, and how many."""

THRESHOLDS = (0.6, 0.8)
"""Thresholds of the highest probability below which a user may reject a prediction. Multiples of 1/15, the width of the
calibration bins in metrics.json."""


def wilson(right: float, images: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        right: number of successes.
        images: number of images, at least 1.

    Example:
        >>> [round(end, 3) for end in wilson(45, 55)]
        [0.697, 0.898]
        >>> wilson(0, 10)[0]
        0.0
    """
    z = 1.959964
    share = right / images
    middle = share + z * z / (2 * images)
    half = z * math.sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    return max(0.0, (middle - half) / (1 + z * z / images)), min(1.0, (middle + half) / (1 + z * z / images))


def per_class(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict]:
    """Recall and precision of every class with their intervals, and how often it is predicted.

    Args:
        names: class names.
        confusion: images of true class (row) that were predicted as (column).

    Returns:
        For each class `name`, `images`, `predicted` (counts), `recall`, `precision` (`None` if undefined),
        `recall_interval`, `precision_interval` (pairs or `None`), in [0, 1].
    """
    rows = []
    for index, name in enumerate(names):
        images, predicted = sum(confusion[index]), sum(row[index] for row in confusion)
        right = confusion[index][index]
        rows.append({"name": name, "images": images, "predicted": predicted})
        for kind, whole in (("recall", images), ("precision", predicted)):
            rows[-1][kind] = right / whole if whole else None
            rows[-1][f"{kind}_interval"] = wilson(right, whole) if whole else None
    return rows


def confusions(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict]:
    """The most frequent confusions, as fractions of the true class: `true`, `predicted`, `share`, `images`, `of`.

    Example:
        >>> confusions(["sad", "neutral"], [[60, 40], [5, 95]])
        [{'true': 'sad', 'predicted': 'neutral', 'share': 0.4, 'images': 40, 'of': 100}]
    """
    found = [
        {"true": names[row], "predicted": names[column], "share": count / sum(counts), "images": count,
         "of": sum(counts)}
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if row != column and count >= max(NAMED_IMAGES, NAMED_SHARE * sum(counts))
    ]  # fmt: skip
    return sorted(found, key=lambda each: -each["share"])[:NAMED_COUNT]


def rejection(bins: Sequence[Mapping]) -> list[dict]:
    """What rejecting unsure predictions leaves: `threshold`, `kept` (share of the images), `accuracy` and `interval`.

    Args:
        bins: `calibration_bins` of metrics.json, equal intervals of the highest probability.
    """
    rows, whole = [], sum(each["images"] for each in bins)
    for threshold in THRESHOLDS:
        above = bins[round(threshold * len(bins)) :]
        images = sum(each["images"] for each in above)
        right = round(sum(each["images"] * each["accuracy"] for each in above))
        if images:
            accuracy, interval = right / images, wilson(right, images)
            rows.append({"threshold": threshold, "kept": images / whole, "accuracy": accuracy, "interval": interval})
    return rows


def card_facts(names: Sequence[str], test: Mapping) -> dict:
    """All of the above for the test split of a metrics.json, for the card's template."""
    classes = per_class(names, test["confusion"])
    return {
        "classes": classes,
        "confusions": confusions(names, test["confusion"]),
        "never": [each for each in classes if each["images"] and each["recall"] == 0],
        "seldom": [each for each in classes if each["images"] and 0 < each["predicted"] < 0.8 * each["images"]],
        "often": [each for each in classes if each["images"] and each["predicted"] > 1.25 * each["images"]],
        "rejection": rejection(test.get("calibration_bins", [])),
    }
