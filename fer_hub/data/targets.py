"""What a network is to learn from FER-2013: its own seven labels, or what the FER+ annotators saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from fer_hub.data.ferplus import ferplus_majority
from fer_hub.model.configuration_fer import EMOTIONS

#: The eight expressions of FER+ in the order of its votes, in this project's words.
FERPLUS_EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")

#: What `targets` can take as `labels`, and the classes of each.
LABELS = {"fer2013": EMOTIONS, "ferplus": FERPLUS_EMOTIONS, "ferplus_votes": FERPLUS_EMOTIONS}


@dataclass(frozen=True)
class Targets:
    """Which images of a split count, and what each of them shows.

    Attributes:
        names: class names; a class index is a position here.
        rows: positions in the split of the images that count, int64 (images,), ascending.
        classes: class index of each of them, int64 (images,).
        votes: share of the annotators for each class, float32 (images, classes), rows sum to 1; None without FER+.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    classes: np.ndarray
    votes: np.ndarray | None = None


def targets(split: Dataset, labels: str = "fer2013") -> Targets:
    """The images of a split that count, with their classes.

    For `ferplus` and `ferplus_votes` the class is the one with most of the ten votes, an image whose majority is
    `unknown` or `NF` (not a face) is left out, and votes are shared over the eight expressions alone (Barsoum et
    al. 2016, arXiv:1608.01041).

    Args:
        split: with a column `label`, for FER+ also `ferplus_votes`.
        labels: one of `LABELS`.

    Raises:
        ValueError: unknown `labels`, or FER+ is wanted of a split without votes.
    """
    if labels not in LABELS:
        raise ValueError(f"labels must be one of {', '.join(LABELS)}, got {labels!r}; choose one of these.")
    if labels == "fer2013":
        return Targets(EMOTIONS, np.arange(len(split)), np.asarray(split["label"][:], dtype=np.int64))
    if "ferplus_votes" not in split.column_names:
        raise ValueError(
            f"labels {labels} need FER+ votes, and the {split.split or 'unnamed'} split has none; name fer2013new.csv "
            "with --ferplus_csv, or take a data set that carries them."
        )
    votes = split["ferplus_votes"][:]
    majorities = [ferplus_majority(row) for row in votes]
    rows = np.array([row for row, majority in enumerate(majorities) if majority is not None], dtype=np.int64)
    counts = np.array([votes[row][: len(FERPLUS_EMOTIONS)] for row in rows], dtype=np.float32)
    classes = np.array([majorities[row] for row in rows], dtype=np.int64)
    return Targets(FERPLUS_EMOTIONS, rows, classes, counts / counts.sum(1, keepdims=True))


def labels_of(names: Sequence[str]) -> str:
    """Which of `LABELS` a network with these class names is measured by.

    Raises:
        ValueError: the names belong to neither.

    >>> labels_of(EMOTIONS)
    'fer2013'
    """
    for labels, known in LABELS.items():
        if tuple(names) == known:
            return labels
    raise ValueError(
        f"the classes must be those of FER-2013 ({', '.join(EMOTIONS)}) or FER+ ({', '.join(FERPLUS_EMOTIONS)}) in "
        f"that order, got {', '.join(names)}; FER-2013 cannot measure other classes."
    )
