"""Train, validation and test from the splits of a source."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from datasets import Dataset, DatasetDict, NamedSplit

from fer_hub.data.names import SPLITS, split_name
from fer_hub.data.problems import Problems

logger = logging.getLogger(__name__)

_USAGE_COLUMNS = ("Usage", "usage", "split")


def name_splits(splits: Mapping[str, Dataset], where: str, *, others: str = "refused") -> dict[str, Dataset]:
    """The datasets under the names train, validation and test.

    A single dataset with a `Usage` or `split` column is divided by that column; a single dataset with an unknown name
    and without such a column counts as train.

    Args:
        others: what happens to splits of unknown name next to train: "refused", or "left out" with a log line.

    Raises ValueError for an unknown split name or value, for two datasets of one split, and for no split at all.
    """
    if not splits:
        raise ValueError(f"{where}: there are no images; pass the folder or file that contains them.")
    if len(splits) == 1:
        ((name, dataset),) = splits.items()
        column = next((c for c in _USAGE_COLUMNS if c in dataset.column_names), None)
        if column is not None:
            return _split_by_column(dataset, column, where)
        return {split_name(name) or "train": dataset}
    named: dict[str, Dataset] = {}
    for name, dataset in splits.items():
        split = split_name(name)
        if split is None and others == "left out" and any(split_name(other) == "train" for other in splits):
            logger.warning("%s: the split %r is ignored, as it is not train, validation or test", where, name)
            continue
        if split is None:
            raise ValueError(
                f"{where}: unknown split {name!r}; splits must be train, validation and test "
                f"(or Training, PublicTest and PrivateTest), so rename it or leave it out."
            )
        if split in named:
            raise ValueError(f"{where}: {name!r} is a second {split} split; merge the two or remove one.")
        named[split] = dataset
    return named


def _split_by_column(dataset: Dataset, column: str, where: str) -> dict[str, Dataset]:
    rows: dict[str, list[int]] = {}
    problems = Problems(where, unit="row")
    for row, value in enumerate(dataset[column][:]):
        split = split_name(value) if isinstance(value, str) else None
        if split is None:
            problems.add(row, f"unknown {column} {value!r}")
        else:
            rows.setdefault(split, []).append(row)
    problems.raise_if_any(f"{column} must be Training, PublicTest or PrivateTest (rows count from 0)")
    return {split: dataset.select(indices) for split, indices in rows.items()}


def cut(labels: np.ndarray, parts: list[str], fraction: float, seed: int) -> dict[str, np.ndarray]:
    """A stratified split: row numbers of `train` and of each of `parts`.

    Args:
        labels: class indices, int, shape (rows,).
        parts: names of the parts to cut from the rows; each gets `fraction` of every class, rounded to a
            whole image, and at least one image of each class that has more images than there are parts.
        fraction: fraction of each part, between 0 and 0.5.
        seed: random seed; the same labels and seed give the same parts on every machine.

    Returns:
        Row numbers, int64, ascending; each row appears in exactly one part.
    """
    generator = np.random.default_rng(seed)
    rows: dict[str, list[np.ndarray]] = {part: [] for part in ("train", *parts)}
    for label in np.unique(labels):
        shuffled = generator.permutation(np.flatnonzero(labels == label))
        share = round(len(shuffled) * fraction)
        if len(shuffled) > len(parts):
            share = max(share, 1)
        for position, part in enumerate(parts):
            rows[part].append(shuffled[position * share : (position + 1) * share])
        rows["train"].append(shuffled[len(parts) * share :])
    empty = np.zeros(0, dtype=np.int64)
    return {part: np.sort(np.concatenate([empty, *chunks])) for part, chunks in rows.items()}


def complete_splits(splits: Mapping[str, Dataset], fraction: float, seed: int, where: str) -> DatasetDict:
    """Train, validation and test, in that order; splits that are missing are cut from train.

    Logs which splits were cut. Raises ValueError without a train split and for an empty split.
    """
    if "train" not in splits:
        raise ValueError(
            f"{where}: there is no train split, only {', '.join(splits)}; name the training images 'train'."
        )
    refuse_empty(splits, where)
    missing = [split for split in SPLITS if split not in splits]
    complete = dict(splits)
    if missing:
        train = splits["train"]
        parts = cut(np.asarray(train["label"][:]), missing, fraction, seed)
        for part, rows in parts.items():
            complete[part] = train.select(rows)
        logger.warning(
            "%s: no %s split; cut from train, %g of every class each, seed %d: %s",
            where,
            " and no ".join(missing),
            fraction,
            seed,
            ", ".join(f"{part} {len(rows)} images" for part, rows in parts.items()),
        )
        refuse_empty(complete, where)
    return DatasetDict({split: _named(complete[split], split) for split in SPLITS})


def refuse_empty(splits: Mapping[str, Dataset], where: str) -> None:
    """Raise ValueError for a split without images."""
    for split, dataset in splits.items():
        if len(dataset) == 0:
            raise ValueError(
                f"{where}: the {split} split has no images; every split needs at least one, "
                f"so add images to it or more images to train."
            )


def _named(dataset: Dataset, split: str) -> Dataset:
    """The same rows with `dataset.split == split`, so that later errors can name it."""
    if dataset.split == split:
        return dataset
    flat = dataset.flatten_indices()
    return Dataset(flat.data, info=flat.info, split=NamedSplit(split))
