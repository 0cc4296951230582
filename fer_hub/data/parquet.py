"""FER-2013 from parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, load_dataset

from fer_hub.data.names import split_of_file


def load_parquet(files: list[Path]) -> dict[str, Dataset]:
    """The datasets of parquet files, grouped by the split at the beginning of each file name.

    Files such as `train-00000-of-00002.parquet` are concatenated in the order of their names. Files that name no
    split are concatenated to one dataset called train.

    Raises ValueError if only some of the files name a split, and for a file that is not parquet.
    """
    groups: dict[str | None, list[Path]] = {}
    for path in sorted(files):
        groups.setdefault(split_of_file(path.stem), []).append(path)
        try:
            pq.read_schema(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path}: not a readable parquet file ({error}); write or download it again.") from error
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
    return load_dataset("parquet", data_files={split: [str(path) for path in paths]}, split=split)
