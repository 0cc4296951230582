"""FER+ votes: labels of ten annotators for every FER-2013 image (Barsoum et al. 2016, arXiv:1608.01041)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset

from fer_hub.data.columns import VOTES, set_column
from fer_hub.data.csv_rows import read_header, read_rows, require_columns
from fer_hub.data.names import USAGES, emotion_index
from fer_hub.data.problems import Problems

logger = logging.getLogger(__name__)

#: Names of the ten vote columns, in their order; NF is "not a face".
FERPLUS_VOTES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
_CLASSES = 8  # the first eight are expressions, unknown and NF are not

# Majority and label agree on 63 % of the training images, and on 18 % when the votes are shifted by one row.
_LEAST_AGREEMENT = 0.4
_ENOUGH_IMAGES = 500


def ferplus_majority(votes: Sequence[int] | None) -> int | None:
    """The FER+ class, 0 to 7 in the order of `FERPLUS_VOTES`, with the most of the ten votes.

    Ties go to the first class in that order, so an expression also wins a tie with `unknown` or `NF`.

    Returns:
        The class, or None if `unknown` or `NF` has the most votes, if nobody voted, or if `votes` is None: the
        images that the 8-class protocol of FER+ excludes.

    Raises:
        ValueError: `votes` is not ten numbers of 0 or more.

    >>> FERPLUS_VOTES[ferplus_majority([0, 1, 0, 4, 4, 0, 1, 0, 0, 0])]
    'sadness'
    >>> ferplus_majority([0, 1, 0, 0, 0, 0, 0, 0, 9, 0]) is None
    True
    """
    if votes is None:
        return None
    if len(votes) != len(FERPLUS_VOTES) or min(votes) < 0:
        raise ValueError(
            f"votes must be {len(FERPLUS_VOTES)} numbers of 0 or more, in the order "
            f"{', '.join(FERPLUS_VOTES)}, got {list(votes)}; take them from ferplus_votes."
        )
    most = max(votes)
    first = list(votes).index(most)
    return first if most > 0 and first < _CLASSES else None


def has_clear_majority(votes: Sequence[int]) -> bool:
    """Whether one class has more than half of the votes; single votes, which nobody else shares, do not count.

    The authors of FER+ measure on such images only: their 85.0 % (Barsoum et al. 2016, arXiv:1608.01041) refers to
    them, according to their published code (github.com/microsoft/FERPlus, src/ferplus.py, mode `majority`, which
    src/train.py uses for validation and test).

    Args:
        votes: ten numbers in the order of `FERPLUS_VOTES`.

    >>> has_clear_majority([5, 1, 0, 1, 2, 0, 1, 0, 0, 0])  # 5 of 7
    True
    >>> has_clear_majority([4, 0, 0, 4, 1, 0, 1, 0, 0, 0])  # 4 of 8
    False
    """
    shared = [count if count > 1 else 0 for count in votes]
    return max(shared) > sum(shared) / 2


def read_ferplus(path: Path) -> tuple[list[str], list[list[int] | None]]:
    """Usage and votes of every row of `fer2013new.csv`, in the same order as fer2013.csv.

    Votes are None where `Image name` is empty: the images that FER+ excluded.

    Raises ValueError, naming file and lines (from 1), for missing columns, truncated rows, an unknown Usage
    and votes that are not integers from 0 to 255.
    """
    header = read_header(path)
    require_columns(path, header, ("Usage", "Image name", *FERPLUS_VOTES))
    usages: list[str] = []
    votes: list[list[int] | None] = []
    problems = Problems(str(path), unit="line")
    for line, fields in read_rows(path, header, problems):
        texts = [fields[name.lower()] for name in FERPLUS_VOTES]
        if fields["usage"] not in USAGES.values():
            problems.add(line, f"Usage {fields['usage']!r}, must be Training, PublicTest or PrivateTest")
        elif not all(text.isascii() and text.isdigit() and int(text) <= 255 for text in texts):
            problems.add(line, f"votes {' '.join(texts)}, must be ten whole numbers from 0 to 255")
        else:
            usages.append(fields["usage"])
            votes.append([int(text) for text in texts] if fields["image name"] else None)
    problems.raise_if_any("correct these lines or download the file again")
    return usages, votes


def join_ferplus(splits: Mapping[str, Dataset], path: Path, where: str) -> dict[str, Dataset]:
    """`splits` with the votes of `fer2013new.csv` as `ferplus_votes`, joined by each image's `row`.

    Existing votes of the source are replaced; row -1 gets null.

    Raises ValueError if a split has no column `row`, if a row is beyond the end of the file or has another Usage
    there, and if votes and labels agree so rarely that they cannot belong to the same images.
    """
    usages, votes = read_ferplus(path)
    joined: dict[str, Dataset] = {}
    for split, dataset in splits.items():
        if "row" not in dataset.column_names:
            raise ValueError(
                f"{where}: FER+ votes are joined by the row of fer2013.csv, but the {split} split has no column "
                "'row'; load fer2013.csv itself (with its Usage column), or leave out ferplus_csv."
            )
        problems = Problems(f"{path} and {where} ({split})", unit="row")
        found: list[list[int] | None] = []
        for row in dataset["row"][:]:
            if row >= len(votes):
                problems.add(row, f"not among the {len(votes)} rows of the votes")
            elif row >= 0 and usages[row] != USAGES[split]:
                problems.add(row, f"{usages[row]} in the votes, {USAGES[split]} in the images")
            found.append(votes[row] if 0 <= row < len(votes) else None)
        problems.raise_if_any("both files must list the same images in the same order (rows count from 0)")
        if "ferplus_votes" in dataset.column_names:
            logger.info("%s (%s): FER+ votes replaced by those of %s", where, split, path)
        joined[split] = set_column(dataset, "ferplus_votes", pa.array(found, pa.list_(pa.uint8())), VOTES)
    _refuse_strangers(joined, path, where)
    return joined


def _refuse_strangers(splits: Mapping[str, Dataset], path: Path, where: str) -> None:
    """Usage does not reveal a shuffled file, as each Usage is one long run of rows; the labels do."""
    emotions = [emotion_index(name) for name in FERPLUS_VOTES]
    agree = []
    for dataset in splits.values():
        pairs = zip(dataset["label"][:], dataset["ferplus_votes"][:], strict=True)
        majorities = ((label, ferplus_majority(votes)) for label, votes in pairs)
        agree += [
            label == emotions[majority]
            for label, majority in majorities
            if majority is not None and emotions[majority] is not None
        ]
    if len(agree) >= _ENOUGH_IMAGES and np.mean(agree) < _LEAST_AGREEMENT:
        raise ValueError(
            f"{path} and {where}: the votes agree with the labels of only {np.mean(agree):.0%} of {len(agree)} "
            f"images, but must agree with at least {_LEAST_AGREEMENT:.0%}; the two files do not list the same images "
            "in the same order, so take both from their original sources."
        )
