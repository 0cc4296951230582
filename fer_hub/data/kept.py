"""Further columns of a data set, such as age or camera, as numbers or text alike in every split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Dataset, Value

from fer_hub.data.problems import shortened

TAKEN = ("image", "label")
"""Columns that every data set has."""


def keep_columns(splits: Mapping[str, Dataset], names: Sequence[str], where: str) -> dict[str, Dataset]:
    """The splits with these columns under exactly these names, as float64 or text.

    A column counts as numbers where every value in every split is one, also one written as text. Names of a
    `ClassLabel` become text. Missing values, and NaN, are null; so is the whole column in a split that lacks it.

    Args:
        splits: split → data set.
        names: of the columns; another case is understood.
        where: name of the data set in errors.

    Raises:
        ValueError: no split has such a column, or it holds neither numbers nor text.
    """
    result = dict(splits)
    for name in names:
        found = {split: _found(dataset, name) for split, dataset in splits.items()}
        if name in TAKEN or not any(found.values()):
            others = dict.fromkeys(c for each in splits.values() for c in each.column_names if c not in TAKEN)
            raise ValueError(
                f"{where}: there must be a column {name!r} to group by, got "
                f"{shortened(', '.join(others)) or 'none beside images and classes'}; name one of these."
            )
        values = {split: _values(splits[split], column, where) for split, column in found.items()}
        numbers = {split: list(map(_number, each)) for split, each in values.items()}
        all_numbers = all(
            n is not None or v is None for split in values for v, n in zip(values[split], numbers[split], strict=True)
        )
        for split, column in found.items():
            kind = "float64" if all_numbers else "string"
            array = pa.array(numbers[split] if all_numbers else _texts(values[split]), kind)
            dataset = result[split] if column is None else result[split].remove_columns(column)
            result[split] = dataset.add_column(name, array, feature=Value(kind))
    return result


def _found(dataset: Dataset, name: str) -> str | None:
    """The column of this name, else the first that differs only in case."""
    alike = [column for column in dataset.column_names if column.casefold() == name.casefold()]
    return name if name in alike else next(iter(alike), None)


def _values(dataset: Dataset, column: str | None, where: str) -> list[Any]:
    if column is None:
        return [None] * len(dataset)
    feature = dataset.features[column]
    if not isinstance(feature, (ClassLabel, Value)):
        raise ValueError(
            f"{where}: the column {column!r} must hold numbers or text, got {type(feature).__name__}; name another."
        )
    values = dataset[column][:]
    if isinstance(feature, ClassLabel):
        count = feature.num_classes
        return [feature.names[v] if v is not None and 0 <= v < count else None for v in values]
    return [None if v is None or v == "" or (isinstance(v, float) and math.isnan(v)) else v for v in values]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else str(value) for value in values]
