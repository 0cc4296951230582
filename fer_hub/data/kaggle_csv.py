"""FER-2013 as distributed by Kaggle: one CSV file of pixels, `fer2013.csv` or `icml_face_data.csv`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, Image, NamedSplit
from PIL import Image as PILImage
from tqdm.auto import tqdm

from fer_hub.data.columns import LABEL, ROW
from fer_hub.data.csv_rows import read_header, read_rows, require_columns
from fer_hub.data.names import USAGES
from fer_hub.data.problems import Problems
from fer_hub.model.configuration_fer import EMOTIONS

_SIDE = 48
_SPLIT_OF_USAGE = {usage.lower(): split for split, usage in USAGES.items()}


def load_kaggle_csv(path: Path) -> dict[str, Dataset]:
    """The splits of a Kaggle CSV with the columns `emotion` (0 to 6), `pixels` and optionally `Usage`.

    `pixels` contains the 48 x 48 grey values of a face, 0 to 255, row by row from the top left, separated by
    spaces. Images become PNG bytes in memory (about 1.7 kB each). `row` counts the rows of the file from 0;
    a file without `Usage` gives only train and no `row`, as its rows are not those of fer2013.csv.

    Raises ValueError, naming file and lines (from 1), for missing columns and for rows that are truncated, or
    whose emotion, Usage, number of pixels or pixel values are not as above.
    """
    header = read_header(path)
    require_columns(path, header, ("emotion", "pixels"))
    has_usage = "usage" in header
    columns: dict[str, dict[str, list]] = {}
    problems = Problems(str(path), unit="line")
    rows = tqdm(read_rows(path, header, problems), desc=f"Reading {path.name}", unit="image", delay=1)
    for row, (line, fields) in enumerate(rows):
        fault = _fault(fields, has_usage)
        pixels = _pixels(fields["pixels"]) if fault is None else None
        if isinstance(pixels, str):
            fault = pixels
        if fault is not None:
            problems.add(line, fault)
        if problems.count:
            continue  # the remaining rows are only read to count further problems
        split = _SPLIT_OF_USAGE[fields["usage"].lower()] if has_usage else "train"
        into = columns.setdefault(split, {"image": [], "label": [], "row": []})
        into["image"].append({"bytes": _png(pixels), "path": None})
        into["label"].append(int(fields["emotion"]))
        into["row"].append(row)
    problems.raise_if_any("correct these lines or download the file again")
    features = {"image": Image(), "label": LABEL} | ({"row": ROW} if has_usage else {})
    return {
        split: Dataset.from_dict(
            {name: values[name] for name in features}, features=Features(features), split=NamedSplit(split)
        )
        for split, values in columns.items()
    }


def _fault(fields: dict[str, str], has_usage: bool) -> str | None:
    emotion = fields["emotion"]
    if emotion not in map(str, range(len(EMOTIONS))):
        return f"emotion {emotion!r}, must be 0 to {len(EMOTIONS) - 1}"
    if has_usage and fields["usage"].lower() not in _SPLIT_OF_USAGE:
        return f"Usage {fields['usage']!r}, must be Training, PublicTest or PrivateTest"
    return None


def _pixels(text: str) -> np.ndarray | str:
    """Grey values, uint8 (48, 48), or what is wrong with the text."""
    words = text.replace(" ", "")
    if words and not (words.isascii() and words.isdigit()):
        wrong = next(word for word in text.split() if not (word.isascii() and word.isdigit()))
        return f"pixel value {wrong!r}, must be whole numbers from 0 to 255"
    values = np.fromstring(text, dtype=np.int64, sep=" ") if words else np.zeros(0, dtype=np.int64)
    if len(values) != _SIDE * _SIDE:
        return f"{len(values)} pixels, must be {_SIDE * _SIDE} ({_SIDE} x {_SIDE})"
    if values.max() > 255:
        return f"pixel value {values.max()}, must be whole numbers from 0 to 255"
    return values.astype(np.uint8).reshape(_SIDE, _SIDE)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PILImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
