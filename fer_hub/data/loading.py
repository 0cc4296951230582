"""`load_fer2013`: FER-2013 from any source, always with the same splits and columns."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from datasets import Dataset, DatasetDict, load_dataset
from datasets.exceptions import DatasetNotFoundError

from fer_hub.data.archives import is_archive, is_webdataset, unpack
from fer_hub.data.builders import PATH_COLUMNS, load_files, load_metadata_folder, load_saved
from fer_hub.data.columns import fill_columns, normalise_columns
from fer_hub.data.ferplus import join_ferplus
from fer_hub.data.image_folder import entries, is_image_folder, load_image_folder
from fer_hub.data.kaggle_csv import load_csv
from fer_hub.data.splits import complete_splits, name_splits
from fer_hub.environment import causes, environment_problem
from fer_hub.files import at_home

logger = logging.getLogger(__name__)

_CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
_BUILDERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_ACCEPTED = (
    "a Hub dataset id (owner/name), a folder or file of parquet, fer2013.csv or icml_face_data.csv or a "
    "folder that holds one, or an image folder train/<emotion>/*.jpg"
)
_ACCEPTED_OF_ANY_CLASS = _ACCEPTED.replace("train/<emotion>/*.jpg", "<class>/*.jpg or train/<class>/*.jpg")


def load_fer2013(
    source: str | Path,
    *,
    ferplus_csv: str | Path | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
    revision: str | None = None,
) -> DatasetDict:
    """Load FER-2013 as train, validation and test, in that order.

    Args:
        source: a Hub dataset id (`owner/name`); a folder of parquet files (`train-*.parquet` and so on,
            also in a subfolder `data`) or one parquet file; Kaggle's `fer2013.csv` or `icml_face_data.csv`,
            or a folder that holds one; or an image folder `train/<emotion>/*.jpg`.
        ferplus_csv: `fer2013new.csv` of FER+, whose votes are joined by row; needs a source with row numbers
            (Kaggle's CSV, or a column `row`).
        validation_fraction: fraction of every class of train, above 0 and below 0.5, that each missing split
            gets; a log line says which splits were cut.
        seed: seed of that split; 0 or more.
        revision: commit, branch or tag of a Hub dataset.

    Returns:
        A `DatasetDict` whose splits all have the columns

        - `image`: `datasets.Image`; stays encoded until it is read
        - `label`: `ClassLabel` with the names of `EMOTIONS`, in that order
        - `ferplus_votes`, if the source has votes or `ferplus_csv` is given: ten uint8 in the order of
          `FERPLUS_VOTES`, or null
        - `row`, if the source has it: int32 row of fer2013.csv from 0, or -1

    Raises:
        FileNotFoundError: `source` or `ferplus_csv` does not exist, locally or on the Hub.
        ConnectionError: `source` can only be a Hub id, and the Hub is unreachable.
        ValueError: the source does not contain FER-2013 in one of these forms; the error names file and rows.
    """
    check_arguments(source, ferplus_csv, validation_fraction, seed)
    return normalise(
        read(source, revision),
        str(source),
        ferplus_csv=None if ferplus_csv is None else Path(ferplus_csv),
        validation_fraction=validation_fraction,
        seed=seed,
    )


def check_arguments(source: str | Path, ferplus_csv: str | Path | None, validation_fraction: float, seed: int) -> None:
    """Raise the errors of `load_fer2013` for invalid arguments, before anything is read."""
    if not isinstance(source, str | Path):
        raise TypeError(f"source must be a path or a Hub dataset id, got {type(source).__name__}; give {_ACCEPTED}.")
    if not 0 < validation_fraction < 0.5:
        raise ValueError(f"validation_fraction must be above 0 and below 0.5, got {validation_fraction}; 0.1 is usual.")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}; any such number will do.")
    if ferplus_csv is not None and not Path(ferplus_csv).is_file():
        raise FileNotFoundError(f"{ferplus_csv}: no such file; ferplus_csv must be the path of FER+'s fer2013new.csv.")


def normalise(
    splits: Mapping[str, Dataset],
    where: str,
    *,
    ferplus_csv: Path | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> DatasetDict:
    """The result of `load_fer2013` from datasets that are already loaded; `where` names them in errors."""
    named = name_splits(splits, where)
    checked = fill_columns(
        {split: normalise_columns(dataset, f"{where} ({split})") for split, dataset in named.items()}
    )
    if ferplus_csv is not None:
        checked = fill_columns(join_ferplus(checked, ferplus_csv, where))
    return complete_splits(checked, validation_fraction, seed, where)


def read(
    source: str | Path, revision: str | None, *, any_class: bool = False, label_names: Sequence[str] = ()
) -> Mapping[str, Dataset]:
    """The splits of a source with their original names and columns.

    Args:
        any_class: whether an image folder may have other classes than those of FER-2013.
        label_names: names of classes that are whole numbers, in their order.

    Raises the errors of `load_fer2013` for a source that cannot be read.
    """
    source = at_home(source)
    path = Path(source)
    accepted = _ACCEPTED_OF_ANY_CLASS if any_class else _ACCEPTED
    if is_hub_id(source):
        return _read_hub(str(source), revision)
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file or folder; --data must be {accepted}.")
    if revision is not None:
        raise ValueError(f"revision is for Hub datasets, got {revision!r} with the local path {source}; leave it out.")
    if path.is_dir():
        return _read_folder(path, any_class, accepted, label_names)
    if is_archive(path):
        return _read_archive(path, any_class, accepted, label_names)
    if path.suffix.lower() == ".csv":
        return load_csv([path], label_names)
    if kind := _BUILDERS.get(path.suffix.lower()):
        return load_files(kind, [path])
    raise ValueError(f"{source}: --data must be {accepted}, got a file of another kind; convert it.")


def is_hub_id(source: str | Path) -> bool:
    """Whether a source does not exist locally and can be a dataset id on the Hub, owner/name."""
    path = Path(source)
    may_be = (
        isinstance(source, str)
        and _HUB_ID.fullmatch(source)
        and path.suffix not in (".csv", *_BUILDERS)
        and not is_archive(path)
    )
    return bool(may_be) and not path.exists()


def _read_archive(path: Path, *options) -> Mapping[str, Dataset]:
    if is_webdataset(path):
        return load_files("webdataset", [path])
    folder = unpack(path)
    try:
        return _read_folder(folder, *options)
    except ValueError as error:
        raise ValueError(str(error).replace(str(folder), str(path))) from error


def _read_folder(folder: Path, any_class: bool, accepted: str, label_names: Sequence[str]) -> Mapping[str, Dataset]:
    candidates = _candidates(folder, any_class, label_names)
    if not candidates:
        raise ValueError(
            f"{folder}: --data must be {accepted}, got a folder with none of these; pass the folder or file that "
            "contains the data."
        )
    if len(candidates) > 1:
        raise ValueError(
            f"{folder}: --data must be one data set, got {' and '.join(map(str, candidates))}; pass the one to load."
        )
    ((inner, forms),) = candidates.items()
    if len(forms) > 1:
        raise ValueError(f"{inner}: --data must be one data set, got {' and '.join(forms)}; pass the one to load.")
    ((form, load),) = forms.items()
    if inner != folder:
        logger.warning("%s: the data set was found in %s: %s", folder, inner.relative_to(folder), form)
    return load()


def _candidates(folder: Path, any_class: bool, label_names: Sequence[str], depth: int = 3) -> dict[Path, dict]:
    """Folder → the forms of data that it holds; subfolders where it holds none, as archives often unpack to one."""
    if forms := _forms(folder, any_class, label_names):
        return {folder: forms}
    subfolders = [path for path in entries(folder) if path.is_dir()] if depth else []
    found = [_candidates(path, any_class, label_names, depth - 1) for path in subfolders]
    return {path: forms for each in found for path, forms in each.items()}


def _forms(folder: Path, any_class: bool, label_names: Sequence[str]) -> dict[str, Callable[[], Mapping]]:
    """Form of data in a folder → function that reads it."""
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return {"what save_to_disk writes": partial(load_saved, folder)}
    # Kaggle's archive unpacks to fer2013/fer2013.csv, a Hub dataset repository has data/*.parquet.
    csvs = [path for name in _CSV_NAMES for path in (folder / name, folder / "fer2013" / name) if path.is_file()]
    forms = {str(path.relative_to(folder)): partial(load_csv, [path], label_names) for path in csvs}
    if parquets := sorted(folder.glob("*.parquet")) or sorted(folder.glob("data/*.parquet")):
        forms["parquet files"] = partial(load_files, "parquet", parquets)
    if any(map(_lists_files, [*folder.glob("metadata.*"), *folder.glob("*/metadata.*")])):
        return {**forms, "an image folder with metadata": partial(load_metadata_folder, folder)}
    subfolders = [path for path in entries(folder) if path.is_dir()]
    tables = {} if forms or len(subfolders) > 1 else _tables(folder, label_names)
    if not tables and is_image_folder(folder, any_class=any_class and not forms):
        forms["image folders"] = partial(load_image_folder, folder, any_class=any_class)
    return forms | tables


def _tables(folder: Path, label_names: Sequence[str]) -> dict[str, Callable[[], Mapping]]:
    """Files that list images, and webdataset shards."""
    csvs = [path for path in sorted(folder.glob("*.csv")) if _lists_files(path, "pixels")]
    lines = [path for path in sorted(folder.glob("*.jsonl")) if _lists_files(path)]
    shards = [path for path in sorted(folder.glob("*.tar*")) if is_webdataset(path)]
    found = {
        "CSV files": (csvs, partial(load_csv, csvs, label_names)),
        "JSON lines": (lines, partial(load_files, "json", lines)),
        "webdataset shards": (shards, partial(load_files, "webdataset", shards)),
    }
    return {form: load for form, (files, load) in found.items() if files}


def _lists_files(path: Path, *others: str) -> bool:
    """Whether a file .csv or .jsonl names images."""
    with path.open(encoding="utf-8", errors="replace") as file:
        begin = file.readline(10_000)
    names = re.findall(r"\w+", begin.lower()) if path.suffix == ".csv" else re.findall(r'"(\w+)"\s*:', begin.lower())
    return path.suffix in (".csv", ".jsonl") and not {*PATH_COLUMNS, *others}.isdisjoint(names)


def _read_hub(name: str, revision: str | None) -> Mapping[str, Dataset]:
    at = "" if revision is None else f" at revision {revision!r}"
    try:
        return load_dataset(name, revision=revision)
    except DatasetNotFoundError as error:
        raise FileNotFoundError(
            f"{name}: no such local file or folder, and no accessible dataset of that name{at} on the Hub ({error}); "
            "correct the name, or log in if it is private."
        ) from error
    except (ConnectionError, ImportError, ValueError) as error:
        if problem := environment_problem(causes(error)):
            raise problem from error
        if not isinstance(error, ConnectionError):
            raise
        raise ConnectionError(
            f"{name}: no such local file or folder, and the Hub is unreachable ({error}); correct the path, or try "
            "again while online."
        ) from error
