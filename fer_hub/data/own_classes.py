"""Columns and classes of a data set that is not FER-2013: columns found by type, class names kept."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Dataset, Image, Value

from fer_hub.data.names import known_classes, natural_order
from fer_hub.data.problems import Problems

logger = logging.getLogger(__name__)

_LABEL_COLUMNS = ("label", "labels", "emotion", "expression", "class", "target")
_TEXT = ("string", "large_string")


def name_columns(dataset: Dataset, where: str, image: str | None = None, label: str | None = None) -> Dataset:
    """The data set with its image and class columns renamed to `image` and `label`.

    Args:
        dataset: with one column of images and one of classes, among any others.
        where: name of the data set in errors.
        image: name of the image column; by default the column `image`, or the only `datasets.Image`.
        label: name of the class column; by default the first of label, labels, emotion, expression, class and
            target, or the only `ClassLabel`.

    Raises:
        ValueError: there is no such column, or more than one.
    """
    found = [name for name, feature in dataset.features.items() if isinstance(feature, Image)]
    image = _chosen(dataset, where, image, ["image"] if "image" in found else found, "image", "a datasets.Image")
    known = [name for name in _LABEL_COLUMNS if name in dataset.column_names]
    found = [name for name, feature in dataset.features.items() if isinstance(feature, ClassLabel)]
    label = _chosen(dataset, where, label, known[:1] or found, "label", "a ClassLabel")
    for wanted, name in (("image", image), ("label", label)):
        if name != wanted:
            if wanted in dataset.column_names:
                dataset = dataset.remove_columns(wanted)
            dataset = dataset.rename_column(name, wanted)
    return dataset


def class_names(splits: dict[str, Dataset], where: str) -> tuple[str, ...]:
    """The names of the classes that have images, in the order of their indices.

    Names of a `ClassLabel` keep its order, names of text columns are in natural order (`natural_order`). If the
    classes are exactly those of FER-2013 or FER+, under any of their usual names, the result is the complete list of
    `fer_hub.data.LABELS`, with its names and order.

    Args:
        splits: data sets with a column `label` (see `name_columns`).
        where: name of the source in errors.

    Raises:
        ValueError: the labels of a split are numbers without names, or there are fewer than two classes.
    """
    order: dict[str, None] = {}
    used: set[str] = set()
    for split, dataset in splits.items():
        feature = dataset.features["label"]
        if isinstance(feature, ClassLabel):
            order |= dict.fromkeys(feature.names)
        elif not (isinstance(feature, Value) and feature.dtype in _TEXT):
            raise ValueError(
                f"{where} ({split}): column 'label' must be a ClassLabel or class names, got {feature}; numbers alone "
                "do not name classes, so cast them first with dataset.cast_column('label', "
                "datasets.ClassLabel(names=[...])), the names in the order of your numbers."
            )
        used |= {name for name in _names(dataset) if name is not None}
    if known := known_classes(list(order)):
        return known
    order |= dict.fromkeys(sorted(used - set(order), key=natural_order))
    names = tuple(name for name in order if name in used)
    if unused := [name for name in order if name not in used]:
        logger.warning("%s: classes without images are left out: %s", where, ", ".join(unused))
    if len(names) < 2:
        raise ValueError(
            f"{where}: there must be images of at least two classes, got {', '.join(names) or 'none'}; a classifier "
            "needs at least two."
        )
    return known_classes(names) or names


def labels_by_name(dataset: Dataset, where: str, names: tuple[str, ...], alias=str) -> Dataset:
    """Only the columns `image` and `label`, with labels as positions in `names`.

    Args:
        dataset: with the columns `image` and `label`.
        where: name of the data set in errors.
        names: the result of `class_names`.
        alias: name in the data set → name in `names`.

    Raises:
        ValueError: images are without label, naming the rows (counted from 0).
    """
    positions = {name: index for index, name in enumerate(names)}
    problems = Problems(where, unit="row")
    indices = np.zeros(len(dataset), dtype=np.int64)
    for row, name in enumerate(_names(dataset)):
        if name is None:
            problems.add(row, "no label")
        else:
            indices[row] = positions[alias(name)]
    problems.raise_if_any("every image needs a class, so remove these rows (rows count from 0)")
    feature = ClassLabel(names=list(names))
    if others := [name for name in dataset.column_names if name not in ("image", "label")]:
        logger.info("%s: columns left out: %s", where, ", ".join(others))
    dataset = dataset.select_columns("image").add_column("label", pa.array(indices), feature=feature)
    return dataset if dataset.features["image"] == Image() else dataset.cast_column("image", Image())


def without_labels(dataset: Dataset) -> bool:
    """Whether no image has a label, as in the test splits of competitions."""
    return len(dataset) > 0 and all(name is None for name in _names(dataset))


def _names(dataset: Dataset) -> list[str | None]:
    """The class name of every row; None for a label that is missing, as null or, in a ClassLabel, below 0."""
    feature, labels = dataset.features["label"], dataset["label"][:]
    if not isinstance(feature, ClassLabel):
        return [label if label is None else str(label) for label in labels]
    return [feature.names[v] if v is not None and 0 <= v < feature.num_classes else None for v in labels]


def _chosen(dataset: Dataset, where: str, wish: str | None, found: list[str], kind: str, type_: str) -> str:
    columns = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in dataset.features.items())
    if wish is not None:
        if wish not in dataset.column_names:
            raise ValueError(f"{where}: there must be a column {wish!r}, got {columns}; name one of these.")
        return wish
    if len(found) != 1:
        raise ValueError(
            f"{where}: there must be one column of {kind}s, {type_}, got {', '.join(found) or 'none'} among {columns}; "
            f"name it with {kind}_column."
        )
    return found[0]
