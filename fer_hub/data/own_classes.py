"""Columns and classes of a data set that is not FER-2013: columns found by type, class names kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Dataset, Image, Value

from fer_hub.data.names import expression_name, known_classes, natural_order, plain_name
from fer_hub.data.problems import Problems, shortened
from fer_hub.image_sources import COLUMNS

logger = logging.getLogger(__name__)

_BINARY = ("binary", "large_binary")
_LABEL_COLUMNS = ("label", "labels", "emotion", "expression", "class", "target", "cls", "txt")


def name_columns(dataset: Dataset, where: str, image: str | None = None, label: str | None = None) -> Dataset:
    """The data set with its image and class columns renamed to `image` and `label`.

    Args:
        dataset: with one column of images and one of classes, among any others.
        where: name of the data set in errors.
        image: name of the image column; by default the column `image`, or the only `datasets.Image`, or one of
            `image_sources.COLUMNS` that holds the bytes of files.
        label: name of the class column; by default the first of label, labels, emotion, expression, class and
            target, or the only `ClassLabel`.

    Raises:
        ValueError: there is no such column, or more than one.
    """
    image = image_column_of(dataset, where, image)
    known = [name for name in _LABEL_COLUMNS if name in dataset.column_names]
    found = [name for name, feature in dataset.features.items() if isinstance(feature, ClassLabel)]
    label = _chosen(dataset, where, label, known[:1] or found, "label", "a ClassLabel")
    for wanted, name in (("image", image), ("label", label)):
        if name != wanted:
            if wanted in dataset.column_names:
                dataset = dataset.remove_columns(wanted)
            dataset = dataset.rename_column(name, wanted)
    return dataset


def image_column_of(dataset: Dataset, where: str, wish: str | None = None) -> str:
    """The name of the column of images, see `name_columns`."""
    found = [name for name, feature in dataset.features.items() if isinstance(feature, Image)]
    found = found or [name for name in COLUMNS if _holds_files(dataset.features.get(name))][:1]
    return _chosen(dataset, where, wish, ["image"] if "image" in found else found, "image", "a datasets.Image")


def _holds_files(feature: Any) -> bool:
    """Whether a column holds the bytes of files, as pandas writes a column of images."""
    return "bytes" in feature if isinstance(feature, dict) else getattr(feature, "dtype", "") in _BINARY


def class_names(splits: dict[str, Dataset], where: str, numbered: Sequence[str] = ()) -> dict[str, str]:
    """The class of every name in the data, in the order of the classes' indices.

    Names of a `ClassLabel` keep its order, names of text columns are in natural order (`natural_order`). Names that
    differ only in case, or are two usual names of one expression, are one class; a log line tells so. If the classes
    are exactly those of FER-2013 or FER+, under any of their usual names, they get the names and the order of
    `fer_hub.data.LABELS`.

    Args:
        splits: data sets with a column `label` (see `name_columns`).
        where: name of the source in errors.
        numbered: the names of classes that are whole numbers in the data, in the order of the numbers.

    Raises:
        ValueError: the classes are whole numbers and `numbered` does not name them, or they have names and it does;
            two names differ only in spaces, hyphens and underscores; or there are fewer than two classes.
    """
    order: dict[str, None] = {}
    used: set[str] = set()
    for split, dataset in splits.items():
        if isinstance(feature := dataset.features["label"], ClassLabel):
            order |= dict.fromkeys(feature.names)
        elif not (isinstance(feature, Value) and re.match("(large_)?string|u?int|bool", feature.dtype)):
            raise ValueError(
                f"{where} ({split}): column 'label' must be names or whole numbers, got {feature}; cast it."
            )
        used |= {name for name in _names(dataset) if name is not None}
    order |= dict.fromkeys(sorted(used - set(order), key=natural_order))
    whole = known_classes(list({expression_name(name) for name in order}))  # then classes without images are kept
    names = [name for name in order if whole or name in used]
    if unused := [name for name in order if name not in names]:
        logger.warning("%s: classes without images are left out: %s", where, shortened(", ".join(unused), 400))
    classes = _named_numbers(names, where, numbered) or _one_spelling(names, where)
    distinct = list(dict.fromkeys(classes.values()))
    if len(distinct) < 2:
        raise ValueError(
            f"{where}: there must be images of at least two classes, got {', '.join(distinct) or 'none'}; a classifier "
            "needs at least two."
        )
    if known := known_classes(distinct):
        classes = {name: expression_name(each) for name, each in classes.items()}
        return dict(sorted(classes.items(), key=lambda item: known.index(item[1])))
    return classes


def _named_numbers(names: list[str], where: str, numbered: Sequence[str]) -> dict[str, str]:
    """Whole number → class; nothing where classes have names."""
    are_numbers = bool(names) and all(name.isdecimal() for name in names)
    if not are_numbers and numbered and not {name.casefold() for name in names} <= {n.casefold() for n in numbered}:
        raise ValueError(
            f"{where}: --label-names are for classes that are whole numbers, got classes with names, "
            f"{shortened(', '.join(names))}; leave them out."
        )
    if not are_numbers:
        return {}
    ordered = sorted(names, key=int)
    if not numbered:
        raise ValueError(
            f"{where}: the labels are whole numbers, {shortened(', '.join(ordered))}, which do not name classes; name "
            "them in their order, as with --label-names angry disgust fear (label_names in Python)."
        )
    if len(ordered) == len(numbered):
        classes = dict(zip(ordered, numbered, strict=True))
    elif int(ordered[-1]) < len(numbered):
        classes = {number: numbered[int(number)] for number in ordered}
    else:
        raise ValueError(
            f"{where}: there must be one name for each of the {len(ordered)} labels {shortened(', '.join(ordered))}, "
            f"got {len(numbered)}: {shortened(', '.join(numbered))}; give as many."
        )
    logger.info("%s: %s", where, ", ".join(f"{number} is {name}" for number, name in classes.items()))
    return classes


def _one_spelling(names: list[str], where: str) -> dict[str, str]:
    """Name → class, the same for names that differ only in case and for two usual names of an expression."""
    groups: dict[str, list[str]] = {}
    alike: dict[str, str] = {}
    for name in names:
        key = expression_name(name).casefold()
        groups.setdefault(key, []).append(name)
        other = alike.setdefault(re.sub(r"[\s_-]+", " ", key), name)
        if expression_name(other).casefold() != key:
            raise ValueError(
                f"{where}: the classes {other!r} and {name!r} differ only in spaces, hyphens or underscores; give them "
                "one name if they are one class, and clearer names if they are two."
            )
    classes = {}
    for same in groups.values():
        chosen = plain_name(same[0]) if len(same) == 1 else expression_name(same[0])
        if len(same) > 1:
            logger.warning("%s: one class, %s: %s", where, chosen, ", ".join(map(repr, same)))
        classes |= dict.fromkeys(same, chosen)
    return classes


def labels_by_name(dataset: Dataset, where: str, classes: Mapping[str, str]) -> Dataset:
    """The data set with labels as positions among the classes.

    Args:
        dataset: with the columns `image` and `label`.
        where: name of the data set in errors.
        classes: the result of `class_names`.

    Raises:
        ValueError: images are without label, naming the rows (counted from 0).
    """
    names = list(dict.fromkeys(classes.values()))
    problems = Problems(where, unit="row")
    indices = np.zeros(len(dataset), dtype=np.int64)
    for row, name in enumerate(_names(dataset)):
        if name is None:
            problems.add(row, "no label")
        else:
            indices[row] = names.index(classes[name])
    problems.raise_if_any("every image needs a class, so remove these rows (rows count from 0)")
    dataset = dataset.remove_columns("label").add_column("label", pa.array(indices), feature=ClassLabel(names=names))
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
