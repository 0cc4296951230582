"""What is wrong with parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

_ROWS = 64
"""Rows read at once to find where a file is damaged."""


def check_parquet(paths: Sequence[Path]) -> None:
    """Refuse files that are not parquet, and files of one split with other columns than the first.

    Raises ValueError, naming the file.
    """
    schemas = {}
    for path in paths:
        try:
            schemas[path] = pq.read_schema(path)
        except MemoryError:
            raise
        except Exception as error:  # of damaged files Arrow raises nearly anything
            raise ValueError(
                f"{path}: not a readable parquet file ({first_line(error)}); write or download it again."
            ) from error
        if not schemas[path].equals(schemas[paths[0]]):
            raise ValueError(
                f"{path}: its columns must be those of {paths[0].name}, got {', '.join(schemas[path].names)}; "
                "all files of a split need the same columns."
            )


def damage(paths: Sequence[Path], error: Exception) -> str:
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
                f"{path}: not a readable parquet file from about row {row} (from 0) on ({first_line(found)}); write "
                "or download it again."
            )
    names = ", ".join(str(path) for path in paths)
    cause = error.__cause__ or error
    return f"{names}: not readable as a data set ({first_line(cause)}); write or download it again."


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
