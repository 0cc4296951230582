"""Data sets without labels, or whose labels are not to be looked at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from datasets import ClassLabel, Dataset, Features, Image, NamedSplit

from fer_hub.data.image_folder import entries, photo_extensions
from fer_hub.data.kept import TAKEN, keep_columns
from fer_hub.data.loading import read
from fer_hub.data.own_classes import image_column_of
from fer_hub.data.problems import shortened
from fer_hub.data.splits import name_splits

logger = logging.getLogger(__name__)

NO_LABEL = "no label"
"""The one class of such data."""


def read_unlabelled(
    source: str | Path, *, image_column: str | None = None, keep: Sequence[str] = ()
) -> dict[str, Dataset]:
    """The splits of a source whose labels are unknown or not to be looked at, or a plain folder of images as train.

    Returns:
        Data sets with the columns `image`, `label` (`ClassLabel` with the one class `NO_LABEL`) and those of `keep`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as for `load_expressions`.
    """
    where = str(source)
    path = Path(source)
    endings = photo_extensions()
    plain = path.is_dir() and any(each.suffix.lower() in endings for each in entries(path))
    listed = path.is_dir() and any(path.glob("metadata.*"))
    splits = {"train": plain_folder(path)} if plain and not listed else read(source, None, any_class=True)
    result = {}
    for split, dataset in name_splits(splits, where, others="left out").items():
        image = image_column_of(dataset, f"{where} ({split})", image_column)
        dataset = dataset.remove_columns([name for name in TAKEN if name in dataset.column_names and name != image])
        dataset = dataset if image == "image" else dataset.rename_column(image, "image")
        label = pa.array([0] * len(dataset), pa.int64())
        result[split] = dataset.add_column("label", label, feature=ClassLabel(names=[NO_LABEL]))
    kept = keep_columns(result, keep, where)
    return {split: dataset.select_columns(["image", "label", *keep]) for split, dataset in kept.items()}


def plain_folder(folder: Path) -> Dataset:
    """The images that lie in a folder, in the order of their names; a log line names all else in it."""
    endings = photo_extensions()
    paths, others = [], []
    for path in entries(folder):
        if path.suffix.lower() in endings:
            paths.append(str(path.resolve()))
        else:
            others.append(path.name)
    if others:
        named = shortened(", ".join(others), 300)
        logger.warning("%s: left out, as they are not images: %d, %s", folder, len(others), named)
    return Dataset.from_dict({"image": paths}, features=Features({"image": Image()}), split=NamedSplit("train"))
