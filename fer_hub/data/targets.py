"""Training targets: the classes of a data set, or the FER+ annotators' votes for FER-2013."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from fer_hub.data.ferplus import FERPLUS_VOTES, ferplus_majority, has_clear_majority
from fer_hub.data.names import FERPLUS_EMOTIONS
from fer_hub.model.configuration_fer import EMOTIONS

#: Values of `labels` in `targets` besides "auto", with the classes of each.
LABELS = {"fer2013": EMOTIONS, "ferplus": FERPLUS_EMOTIONS, "ferplus_votes": FERPLUS_EMOTIONS, "both": FERPLUS_EMOTIONS}


NO_FACE = FERPLUS_VOTES.index("NF")
"""Position of the votes for "not a face"."""


@dataclass(frozen=True)
class Targets:
    """The images of a split that are used, with their labels.

    Attributes:
        names: class names, indexed by class.
        rows: positions of the used images in the split, int64 (images,), ascending.
        classes: class index of each of them, int64 (images,).
        votes: distribution of the annotators' votes, or for `both` its weighted mean with FER-2013's label, float32
            (images, classes), rows sum to 1; None without FER+.
        clear: whether more than half of the annotators agree, bool (images,), see `has_clear_majority`; None without
            FER+.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    classes: np.ndarray
    votes: np.ndarray | None = None
    clear: np.ndarray | None = None

    def only(self, positions: np.ndarray) -> Targets:
        """The targets of the images at these `positions`."""
        votes, clear = (None if values is None else values[positions] for values in (self.votes, self.clear))
        return Targets(self.names, self.rows[positions], self.classes[positions], votes, clear)


def targets(split: Dataset, labels: str = "fer2013", label_share: float = 0.5) -> Targets:
    """The images of a split that are used, with their classes.

    For `ferplus` and `ferplus_votes` the class is the one with the most of the ten votes, images whose majority is
    `unknown` or `NF` (not a face) are left out, and votes are normalised over the eight expressions (Barsoum et
    al. 2016, arXiv:1608.01041). For `both` the target is a weighted mean of FER-2013's label and the votes over the
    eight classes, and the class is the most probable one; only images without votes, or with at least half of the
    votes for "not a face", are left out. If nobody voted for an expression, FER-2013's label is used alone.

    Args:
        split: with a column `label` (`ClassLabel`), for FER+ also `ferplus_votes`.
        labels: one of `LABELS`, or "auto" for the classes of the split.
        label_share: weight of FER-2013's label for `both`, 0 to 1.

    Raises:
        ValueError: `labels` is unknown, is fer2013 for a split with other classes, or is FER+ for one without votes;
            `label_share` is outside 0 to 1.
    """
    if labels not in ("auto", *LABELS):
        raise ValueError(f"labels must be auto or one of {', '.join(LABELS)}, got {labels!r}; choose one of these.")
    if labels in ("auto", "fer2013"):
        names = tuple(split.features["label"].names)
        if labels == "fer2013" and names != EMOTIONS:
            raise ValueError(
                f"labels fer2013 need the classes {', '.join(EMOTIONS)}, but the {split.split or 'unnamed'} split has "
                f"{', '.join(names)}; use auto, which keeps the classes."
            )
        return Targets(names, np.arange(len(split)), np.asarray(split["label"][:], dtype=np.int64))
    if "ferplus_votes" not in split.column_names:
        raise ValueError(
            f"labels {labels} need FER+ votes, but the {split.split or 'unnamed'} split has none; pass fer2013new.csv "
            "with --ferplus-csv, use a data set that contains them, or choose --labels fer2013."
        )
    votes = split["ferplus_votes"][:]
    if labels == "both":
        return _both(split, votes, label_share)
    majorities = [ferplus_majority(row) for row in votes]
    rows = np.array([row for row, majority in enumerate(majorities) if majority is not None], dtype=np.int64)
    counts = np.array([votes[row][: len(FERPLUS_EMOTIONS)] for row in rows], dtype=np.float32)
    classes = np.array([majorities[row] for row in rows], dtype=np.int64)
    clear = np.array([has_clear_majority(votes[row]) for row in rows], dtype=bool)
    return Targets(FERPLUS_EMOTIONS, rows, classes, counts / counts.sum(1, keepdims=True), clear)


def _both(split: Dataset, votes: list, label_share: float) -> Targets:
    """`targets` for `both`."""
    if not 0 <= label_share <= 1:
        raise ValueError(f"label_share must be from 0 to 1, got {label_share:g}; with 0.5 both count the same.")
    own = targets(split, "fer2013").classes
    rows = np.array([row for row, each in enumerate(votes) if each and 2 * each[NO_FACE] < sum(each)], np.int64)
    expressions = len(FERPLUS_EMOTIONS)
    counts = np.array([votes[row][:expressions] for row in rows], np.float32)
    names = [FERPLUS_EMOTIONS.index(name) for name in EMOTIONS]
    label = np.eye(expressions, dtype=np.float32)[names][own[rows]]
    voted = counts.sum(1, keepdims=True)
    mean = label_share * label + (1 - label_share) * counts / np.maximum(voted, 1)
    shares = np.where(voted > 0, mean, label)
    return Targets(FERPLUS_EMOTIONS, rows, shares.argmax(1), shares)
