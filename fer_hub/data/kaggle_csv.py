"""FER-2013 as distributed by Kaggle: one CSV file of pixels, `fer2013.csv` or `icml_face_data.csv`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import ClassLabel, Dataset, Features, Image, NamedSplit, Value
from PIL import Image as PILImage
from tqdm.auto import tqdm

from fer_hub.data.builders import PATH_COLUMNS, load_files
from fer_hub.data.columns import ROW
from fer_hub.data.csv_rows import first_line, read_header, read_rows, require_columns
from fer_hub.data.names import USAGES, expression_name
from fer_hub.data.problems import Problems, shortened
from fer_hub.model.configuration_fer import EMOTIONS

_SIDE = 48
_OWN = ("image", "label", "row", "pixels", "usage", "split", "ferplus_votes")  # no column of such a name is kept
_SPLIT_OF_USAGE = {usage.lower(): split for split, usage in USAGES.items()}


def load_csv(files: Sequence[Path], label_names: Sequence[str] = ()) -> dict[str, Dataset]:
    """The splits of CSV files with a column of pixels, as Kaggle's, or of the images' paths.

    Raises ValueError as `load_kaggle_csv` and `load_files`, and for columns that differ.
    """
    header = read_header(files[0])
    if "pixels" in header or not set(PATH_COLUMNS) & set(header):
        if len(files) > 1:
            raise ValueError(f"{files[0]}: --data must be one file of pixels, got {len(files)}; pass the one to load.")
        return load_kaggle_csv(files[0], label_names)
    for file in files[1:]:
        require_columns(file, read_header(file), tuple(header))
    _, delimiter, has_names = first_line(files[0])
    options = {"sep": delimiter, "column_names": header, "skiprows": int(has_names), "skipinitialspace": True}
    return load_files("csv", files, keep_default_na=False, na_values=[""], **options)


def load_kaggle_csv(path: Path, label_names: Sequence[str] = ()) -> dict[str, Dataset]:
    """The splits of a Kaggle CSV with the columns `emotion`, `pixels` and optionally `Usage`.

    `emotion` is a number, 0 to 6 in the order of `EMOTIONS` or a position in `label_names`, or a name.

    `pixels` contains the 48 x 48 grey values of a face, 0 to 255, row by row from the top left, separated by
    spaces, tabs or line breaks. Images become PNG bytes in memory (about 1.7 kB each). `row` counts the rows of the
    file from 0; a file without `Usage` gives only train and no `row`, as its rows are not those of fer2013.csv. Other
    columns are kept as text.

    Raises ValueError, naming file and lines (from 1), for missing columns and for rows that are truncated, or
    whose emotion, Usage, number of pixels or pixel values are not as above.
    """
    header = read_header(path)
    emotion = next((name for name in ("emotion", "label", "expression", "class") if name in header), "emotion")
    require_columns(path, header, (emotion, "pixels"))
    names = tuple(label_names) or EMOTIONS
    has_usage = "usage" in header
    others = [name for name in header if name not in (emotion, *_OWN)]
    columns: dict[str, dict[str, list]] = {}
    problems = Problems(str(path), unit="line")
    rows = tqdm(read_rows(path, header, problems), desc=f"Reading {path.name}", unit="image", delay=1)
    for row, (line, fields) in enumerate(rows):
        label = _label(fields[emotion], names)
        fault = _fault(fields, has_usage)
        if label is None:
            fault = f"{emotion} {shortened(fields[emotion], 40)!r}, must be 0 to {len(names) - 1} or {', '.join(names)}"
        pixels = _pixels(fields["pixels"]) if fault is None else None
        if isinstance(pixels, str):
            fault = pixels
        if fault is not None:
            problems.add(line, fault)
        if problems.count:
            continue  # the remaining rows are only read to count further problems
        split = _SPLIT_OF_USAGE[fields["usage"].lower()] if has_usage else "train"
        into = columns.setdefault(split, {name: [] for name in ("image", "label", "row", *others)})
        into["image"].append({"bytes": _png(pixels), "path": None})
        into["label"].append(label)
        into["row"].append(row)
        for name in others:
            into[name].append(fields[name])
    problems.raise_if_any("correct these lines or download the file again")
    features = {"image": Image(), "label": ClassLabel(names=list(names))} | ({"row": ROW} if has_usage else {})
    features |= {name: Value("string") for name in others}
    return {
        split: Dataset.from_dict(
            {name: values[name] for name in features}, features=Features(features), split=NamedSplit(split)
        )
        for split, values in columns.items()
    }


def _fault(fields: dict[str, str], has_usage: bool) -> str | None:
    if has_usage and fields["usage"].lower() not in _SPLIT_OF_USAGE:
        return f"Usage {shortened(fields['usage'], 40)!r}, must be Training, PublicTest or PrivateTest"
    return None


def _label(text: str, names: Sequence[str]) -> int | None:
    """Position of a class that a file gives as number or name."""
    if text.isdecimal():
        return int(text) if int(text) < len(names) else None
    known = {expression_name(name).casefold(): index for index, name in enumerate(names)}
    return known.get(expression_name(text).casefold())


def _pixels(text: str) -> np.ndarray | str:
    """Grey values, uint8 (48, 48), or what is wrong with the text."""
    digits = "".join(text.split())
    if digits and not (digits.isascii() and digits.isdigit()):
        wrong = next(word for word in text.split() if not (word.isascii() and word.isdigit()))
        return f"pixel value {shortened(wrong, 40)!r}, must be whole numbers from 0 to 255"
    values = np.fromstring(text, dtype=np.int64, sep=" ") if digits else np.zeros(0, dtype=np.int64)
    if len(values) != _SIDE * _SIDE:
        return f"{len(values)} pixels, must be {_SIDE * _SIDE} ({_SIDE} x {_SIDE})"
    if values.max() > 255:
        return f"pixel value {values.max()}, must be whole numbers from 0 to 255"
    return values.astype(np.uint8).reshape(_SIDE, _SIDE)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PILImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
