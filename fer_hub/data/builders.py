"""Data sets in the forms that `datasets` reads: its builders do the work, here errors become one sentence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetDict, Image, load_dataset, load_from_disk

from fer_hub.data.names import split_of_file
from fer_hub.data.parquet import check_parquet, damage, first_line
from fer_hub.data.problems import Problems, shortened

logger = logging.getLogger(__name__)

PATH_COLUMNS = ("file_name", "path", "file", "filename", "filepath", "file_path", "image_path", "image", "img", "pth")
"""Columns that may hold the paths of images, in lower case."""


def load_files(kind: str, files: Sequence[Path], **options: object) -> dict[str, Dataset]:
    """The data sets of files, grouped by the split at the beginning of each file name.

    Files such as `train-00000-of-00002.parquet` are concatenated in the order of their names. Files that name no
    split are concatenated to one data set called train. A column of paths becomes the images, from the files' folder.

    Args:
        kind: a builder of `datasets`: parquet, csv, json or webdataset.
        options: of that builder.

    Raises:
        ValueError: only some of the files name a split, a file cannot be read, or images are missing.
    """
    groups: dict[str | None, list[Path]] = {}
    for path in sorted(files):
        groups.setdefault(split_of_file(path.stem), []).append(path)
    for paths in groups.values() if kind == "parquet" else ():
        check_parquet(paths)
    if None in groups and len(groups) > 1:
        raise ValueError(
            f"{groups[None][0]}: the file name must begin with train, validation or test, like the other files in its "
            "folder; rename it or move it away."
        )
    # One call per split: their columns may differ, and load_dataset needs one schema per call.
    loaded = {split or "train": _load(kind, split or "train", paths, **options) for split, paths in groups.items()}
    return {split: _with_images(dataset, groups.get(split, files)[0]) for split, dataset in loaded.items()}


def load_metadata_folder(folder: Path) -> dict[str, Dataset]:
    """The splits of an image folder with metadata.csv or metadata.jsonl, as `datasets` describes it."""
    splits = dict(_told(folder, load_dataset, "imagefolder", data_dir=str(folder)))
    for dataset in splits.values():
        for name in [name for name, feature in dataset.features.items() if isinstance(feature, Image)]:
            images = dataset.cast_column(name, Image(decode=False))[name][:]
            _check_files(folder, [image and Path(image["path"]) for image in images], "file_name")
    return splits


def load_saved(folder: Path) -> dict[str, Dataset]:
    """What `save_to_disk` wrote."""
    saved = _told(folder, load_from_disk, str(folder))
    return dict(saved) if isinstance(saved, DatasetDict) else {str(saved.split or "train"): saved}


def _load(kind: str, split: str, paths: list[Path], **options: object) -> Dataset:
    files = {split: [str(path) for path in paths]}
    if kind != "parquet":
        return _told(paths[0], load_dataset, kind, data_files=files, split=split, **options)
    try:
        return load_dataset(kind, data_files=files, split=split, **options)
    except MemoryError:
        raise
    except Exception as error:  # DatasetGenerationError, or what the description of the columns in the file leads to
        raise ValueError(damage(paths, error)) from error


def _told(where: Path, load, *args, **options):
    """What `load` returns; its errors in one sentence."""
    try:
        return load(*args, **options)
    except MemoryError:
        raise
    except Exception as error:  # of damaged files the builders raise nearly anything
        cause = first_line(error.__cause__ or error)
        raise ValueError(f"{where}: cannot be read ({cause}); correct it or write it again.") from error


def _with_images(dataset: Dataset, file: Path) -> Dataset:
    """The data set with images in place of their paths, and the `label` of a column `json` (webdataset)."""
    if isinstance(dataset.features.get("json"), dict) and "label" in dataset.features["json"]:
        dataset = dataset.flatten().rename_column("json.label", "label")
    if any(isinstance(feature, Image) for feature in dataset.features.values()):
        return dataset
    known = {name.strip().lower(): name for name in dataset.column_names}
    column = next((known[name] for name in PATH_COLUMNS if name in known), None)
    if column is None or getattr(dataset.features[column], "dtype", None) not in ("string", "large_string"):
        return dataset
    paths = [None if path is None else file.parent / path.replace("\\", "/") for path in dataset[column][:]]
    _check_files(file, paths, column)
    dataset = dataset.remove_columns(column).add_column("image", pa.array([str(path.resolve()) for path in paths]))
    return dataset.cast_column("image", Image())


def _check_files(where: Path, paths: Sequence[Path | None], column: str) -> None:
    problems = Problems(str(where), unit="row")
    for row, path in enumerate(paths):
        if path is None or not path.is_file():
            problems.add(row, "no path" if path is None else f"no file {shortened(path, 200)}")
    problems.raise_if_any(f"{column} must be the paths of images, from the folder of this file (rows count from 0)")
