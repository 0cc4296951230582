"""FER-2013 from parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset, load_dataset

from fer_hub.data.names import split_of_file

_ROWS = 64
"""Rows read at once to find where a file is damaged."""


def load_parquet(files: list[Path]) -> dict[str, Dataset]:
    """The datasets of parquet files, grouped by the split at the beginning of each file name.

    Files such as `train-00000-of-00002.parquet` are concatenated in the order of their names. Files that name no
    split are concatenated to one dataset called train.

    Raises ValueError if only some of the files name a split, and for a file that is not parquet
    or damaged, with the row where it is known.
    """
    groups: dict[str | None, list[Path]] = {}
    for path in sorted(files):
        groups.setdefault(split_of_file(path.stem), []).append(path)
        try:
            pq.read_schema(path)
        except MemoryError:
            raise
        except Exception as error:  # of damaged files Arrow raises nearly anything
            raise ValueError(
                f"{path}: not a readable parquet file ({_first_line(error)}); write or download it again."
            ) from error
    if None in groups and len(groups) > 1:
        raise ValueError(
            f"{groups[None][0]}: the file name must begin with train, validation or test, like the other files in its "
            "folder; rename it or move it away."
        )
    # One call per split: their columns may differ, and load_dataset needs one schema per call.
    return {split or "train": _load(split or "train", paths) for split, paths in groups.items()}


def _load(split: str, paths: list[Path]) -> Dataset:
    for path in paths[1:]:
        if not pq.read_schema(path).equals(pq.read_schema(paths[0])):
            raise ValueError(
                f"{path}: its columns must be those of {paths[0].name}, got {', '.join(pq.read_schema(path).names)}; "
                "all files of a split need the same columns."
            )
    try:
        return load_dataset("parquet", data_files={split: [str(path) for path in paths]}, split=split)
    except MemoryError:
        raise
    except Exception as error:  # DatasetGenerationError, or what the description of the columns in the file leads to
        raise ValueError(_damage(paths, error)) from error


def _damage(paths: list[Path], error: Exception) -> str:
    """Which file cannot be read, and from which row on, where Arrow alone finds it, too."""
    for path in paths:
        row = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_ROWS):
                    row += len(batch)
        except MemoryError:
            raise
        except Exception as found:
            return (
                f"{path}: not a readable parquet file from about row {row} (from 0) on ({_first_line(found)}); write "
                "or download it again."
            )
    names = ", ".join(str(path) for path in paths)
    cause = error.__cause__ or error
    return f"{names}: not readable as a data set ({_first_line(cause)}); write or download it again."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
