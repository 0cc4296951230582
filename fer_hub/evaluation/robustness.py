"""Robustness of a network: metrics on original and corrupted face crops, and the selection rule based on them.

The rule, written down before the networks that it selected were trained: the mean of

- (a) macro recall over neutral, happy, angry and sad on labelled press photos,
- (b) macro recall on FER-2013's validation split, seven classes,
- (c) macro recall on FER+'s validation split, the eight classes of the majority votes,

each the mean of its value on the original crops and of its mean over thirteen corruptions at medium strength.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_hub.evaluation.class_map import map_classes
from fer_hub.evaluation.corruptions import CORRUPTIONS, MEDIUM, corrupt
from fer_hub.evaluation.metrics import calibration
from fer_hub.inference.logits import predict_probabilities

CLEAN = "as they are"
"""The kind of uncorrupted crops; their strength is 0."""

PART = ", in part"
"""What stands behind the name of a set of which only some images are measured; the rule leaves it out."""

PRESS_CLASSES = ("neutral", "happy", "angry", "sad")
"""Classes with enough press photos to be counted."""


@dataclass(frozen=True)
class Judged:
    """Labelled face crops.

    Attributes:
        name: name of the set in tables.
        images: uint8 array (images, size, size).
        names: class names.
        labels: class index of each image, int64 (images,); -1 for images that do not count.
        counted: the classes averaged in macro recall; all of `names` that occur if empty.
    """

    name: str
    images: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    counted: tuple[str, ...] = ()


def measure(model: Any, image_processor: Any, sets: Sequence[Judged], kind: str, strength: int) -> list[dict]:
    """A network's metrics on every set under one corruption.

    Sets with the same images are classified once.

    Args:
        model: an image classification model; its classes are matched by name, and images of classes that it lacks
            count as errors.
        kind: a key of `CORRUPTIONS`, or `CLEAN`.
        strength: 1 to 5; 0 for `CLEAN`.

    Returns:
        For each set `data`, `kind`, `strength`, `images` (those that count), `accuracy`, `macro_recall`,
        `calibration_error`, `mean_probability` of the predictions, and `recalls`: class → recall.
    """
    theirs = list(model.config.id2label.values())
    seen: dict[int, np.ndarray] = {}
    rows = []
    for judged in sets:
        if id(judged.images) not in seen:
            crops = judged.images if kind == CLEAN else corrupt(judged.images, kind, strength)
            seen[id(judged.images)] = predict_probabilities(model, image_processor, crops)
        counts = judged.labels >= 0
        probabilities = map_classes(theirs, judged.names).apply(seen[id(judged.images)][counts])
        rows.append({"data": judged.name, "kind": kind, "strength": strength} | figures(judged, probabilities))
    return rows


def figures(judged: Judged, probabilities: np.ndarray) -> dict:
    """The metrics of one set, from the probabilities (images that count, classes of the set)."""
    labels = judged.labels[judged.labels >= 0]
    predicted = probabilities.argmax(1)
    present = [index for index in range(len(judged.names)) if (labels == index).any()]
    recalls = {judged.names[index]: float((predicted[labels == index] == index).mean()) for index in present}
    return {
        "images": len(labels),
        "accuracy": float((predicted == labels).mean()),
        "macro_recall": float(np.mean([recalls[name] for name in judged.counted or recalls])),
        "calibration_error": calibration(probabilities.astype(np.float64), labels)[0],
        "mean_probability": float(probabilities.max(1).mean()),
        "recalls": recalls,
    }


def all_kinds(strengths: Iterable[int] = (MEDIUM,)) -> list[tuple[str, int]]:
    """The original crops, and every corruption at some strengths."""
    return [(CLEAN, 0), *((kind, strength) for kind in CORRUPTIONS for strength in strengths)]


def rule(rows: Iterable[Mapping]) -> dict[str, float]:
    """The value of the rule for one network.

    Args:
        rows: results of `measure`, at least those of `all_kinds()`.

    Returns:
        For each set the mean of its macro recall on the original crops and of that over the corruptions at medium
        strength, and `rule`, the mean over the sets.

    Example:
        >>> rows = [{"data": "a", "kind": CLEAN, "strength": 0, "macro_recall": 0.8}]
        >>> rows += [{"data": "a", "kind": kind, "strength": 3, "macro_recall": 0.6} for kind in CORRUPTIONS]
        >>> {name: round(value, 3) for name, value in rule(rows).items()}
        {'a': 0.7, 'rule': 0.7}
    """
    clean: dict[str, float] = {}
    bad: dict[str, list[float]] = {}
    for row in rows:
        if row["data"].endswith(PART):
            continue
        if row["kind"] == CLEAN:
            clean[row["data"]] = row["macro_recall"]
        elif row["strength"] == MEDIUM:
            bad.setdefault(row["data"], []).append(row["macro_recall"])
    means = {name: (value + float(np.mean(bad[name]))) / 2 for name, value in clean.items()}
    return means | {"rule": float(np.mean(list(means.values())))}
