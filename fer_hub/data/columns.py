"""Normalises the columns and the label order of a source."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, Features, Image, List, Value

from fer_hub.data.names import emotion_index
from fer_hub.data.problems import Problems
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)

LABEL = ClassLabel(names=list(EMOTIONS))
VOTES = List(Value("uint8"))
ROW = Value("int32")

_LABEL_COLUMNS = ("label", "labels", "emotion")
_FERPLUS_CLASSES = 10


def normalise_columns(dataset: Dataset, where: str, keep: Sequence[str] = ()) -> Dataset:
    """The columns `image` and `label`, `ferplus_votes` and `row` if the dataset has them, all checked, and `keep`.

    Class names are matched to `EMOTIONS` by name, so their order does not matter. Images stay encoded.

    Raises ValueError, naming `where` and the rows (counted from 0), for missing columns, integer labels
    without names, unknown emotions, missing images and votes that are not ten integers from 0 to 255.
    """
    if "image" not in dataset.column_names or not isinstance(dataset.features["image"], Image):
        came = dataset.features.get("image", "no such column among " + ", ".join(dataset.column_names))
        raise ValueError(
            f"{where}: column 'image' must be a datasets.Image, got {came}; rename it or cast it "
            f"with dataset.cast_column('image', datasets.Image())."
        )
    label_column = next((c for c in _LABEL_COLUMNS if c in dataset.column_names), None)
    if label_column is None:
        raise ValueError(
            f"{where}: there must be a column 'label', got {', '.join(dataset.column_names)}; "
            f"rename the column of the emotions to 'label'."
        )
    _refuse_missing_images(dataset, where)
    if label_column != "label":
        dataset = dataset.rename_column(label_column, "label")
    if dataset.features["label"] != LABEL or not _labels_in_range(dataset):
        indices = _emotion_indices(dataset, where)
        dataset = dataset.remove_columns("label").add_column("label", pa.array(indices, pa.int64()), feature=LABEL)
    kept = ["image", "label"]
    if "ferplus_votes" in dataset.column_names:
        dataset = set_column(dataset, "ferplus_votes", _checked_votes(dataset, where), VOTES)
        kept.append("ferplus_votes")
    if "row" in dataset.column_names:
        dataset = set_column(dataset, "row", _checked_rows(dataset, where), ROW)
        kept.append("row")
    kept += [name for name in keep if name not in kept]
    others = [name for name in dataset.column_names if name not in kept]
    if others:
        logger.info("%s: columns left out: %s", where, ", ".join(others))
    if dataset.features["image"] != Image():
        dataset = dataset.cast_column("image", Image())
    return dataset.select_columns(kept)


def set_column(dataset: Dataset, name: str, values: pa.Array, feature: object) -> Dataset:
    """`dataset` with the column `name` replaced or added; unchanged if it already holds exactly that."""
    if name in dataset.column_names:
        if dataset.features[name] == feature and _column(dataset, name).equals(values):
            return dataset
        dataset = dataset.remove_columns(name)
    return dataset.add_column(name, values, feature=feature)


def fill_columns(splits: dict[str, Dataset], keep: Sequence[str] = ()) -> dict[str, Dataset]:
    """The same columns in every split: missing votes become null, missing row numbers -1; and `keep`."""
    for name, feature, fill in (("ferplus_votes", VOTES, None), ("row", ROW, -1)):
        if any(name in dataset.column_names for dataset in splits.values()):
            kind = Features({name: feature}).arrow_schema.field(name).type
            splits = {
                split: dataset
                if name in dataset.column_names
                else dataset.add_column(name, pa.array([fill] * len(dataset), kind), feature=feature)
                for split, dataset in splits.items()
            }
    columns = dict.fromkeys(("image", "label", "ferplus_votes", "row", *keep))
    order = [column for column in columns if column in next(iter(splits.values())).column_names]
    return {split: dataset.select_columns(order) for split, dataset in splits.items()}


def _column(dataset: Dataset, name: str) -> pa.Array:
    """One column as a single Arrow array, in the order of the dataset's rows."""
    if len(dataset) == 0:
        return pa.array([], dataset.features.arrow_schema.field(name).type)
    column = dataset.select_columns(name).with_format("arrow")[:].column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _refuse_missing_images(dataset: Dataset, where: str) -> None:
    problems = Problems(where, unit="row")
    start = 0
    for batch in dataset.select_columns("image").with_format("arrow").iter(batch_size=4096):
        images = batch.column("image").combine_chunks()
        empty = pc.and_(pc.is_null(pc.struct_field(images, "bytes")), pc.is_null(pc.struct_field(images, "path")))
        for row in np.flatnonzero(np.asarray(pc.or_(images.is_null(), empty))):
            problems.add(start + int(row), "no image")
        start += len(images)
    problems.raise_if_any("every row needs an image, so remove these rows (rows count from 0)")


def _labels_in_range(dataset: Dataset) -> bool:
    labels = _column(dataset, "label")
    if labels.null_count:
        return False
    values = np.asarray(labels)
    return bool(((values >= 0) & (values < len(EMOTIONS))).all())


def _emotion_indices(dataset: Dataset, where: str) -> np.ndarray:
    feature = dataset.features["label"]
    labels = _column(dataset, "label").to_pylist()
    names: list[str | None]
    if isinstance(feature, ClassLabel):
        count = feature.num_classes
        names = [feature.names[v] if v is not None and 0 <= v < count else None for v in labels]
    elif isinstance(feature, Value) and feature.dtype in ("string", "large_string"):
        names = labels
    else:
        raise ValueError(
            f"{where}: column 'label' must be a ClassLabel or emotion names, got {feature}; numbers "
            f"alone do not say their order, so cast them first with dataset.cast_column('label', "
            f"datasets.ClassLabel(names=[...])), the names in the order of your numbers."
        )
    problems = Problems(where, unit="row")
    indices = np.zeros(len(names), dtype=np.int64)
    for row, name in enumerate(names):
        index = None if name is None else emotion_index(name)
        if index is None:
            problems.add(row, f"unknown label {labels[row] if name is None else name!r}")
        else:
            indices[row] = index
    problems.raise_if_any(
        f"labels must be {', '.join(EMOTIONS)}, so rename or leave out the others (rows count from 0)"
    )
    return indices


def _checked_votes(dataset: Dataset, where: str) -> pa.Array:
    column = _column(dataset, "ferplus_votes")
    problems = Problems(where, unit="row")
    votes = column.to_pylist()
    for row, vote in enumerate(votes):
        if vote is None:
            continue
        if not isinstance(vote, list) or len(vote) != _FERPLUS_CLASSES:
            problems.add(row, f"{len(vote) if isinstance(vote, list) else type(vote).__name__} votes")
        elif not all(isinstance(v, int) and 0 <= v <= 255 for v in vote):
            problems.add(row, f"votes {vote}")
    problems.raise_if_any("ferplus_votes must be null or ten whole numbers from 0 to 255 (rows count from 0)")
    return pa.array(votes, pa.list_(pa.uint8()))


def _checked_rows(dataset: Dataset, where: str) -> pa.Array:
    column = _column(dataset, "row")
    if not pa.types.is_integer(column.type) or column.null_count:
        raise ValueError(
            f"{where}: column 'row' must hold whole numbers (the row of fer2013.csv from 0, or -1), "
            f"got {column.type} with {column.null_count} nulls; correct it or rename it."
        )
    return column.cast(pa.int32())
