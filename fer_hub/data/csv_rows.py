"""Rows of a CSV file with their line numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from fer_hub.data.names import IMAGE_EXTENSIONS, split_name
from fer_hub.data.problems import Problems, shortened

_PIXELS = 20  # numbers with spaces between them are pixels from here on


def read_header(path: Path) -> list[str]:
    """Column names of a CSV file, in lower case and stripped of spaces.

    A file without a line of names gets pixels, usage, path and label (emotion beside pixels) by what its first line
    holds.

    Raises ValueError for an empty file, for one that is not text, and for a repeated column name.
    """
    header, _, has_names = first_line(path)
    if not header:
        raise ValueError(
            f"{path}: the file must begin with a line of column names, got an empty line or file; download it again."
        )
    names = [name.strip().lower() for name in header] if has_names else _guessed(header)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: column {shortened(', '.join(map(repr, twice)))} appears twice; remove one.")
    return names


def first_line(path: Path) -> tuple[list[str], str, bool]:
    """The fields of the first line, what separates them (`,`, `;`, `|` or a tab), and whether they are names."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline()
            delimiter = max(",;\t|", key=line.count)
            fields = next(csv.reader([line], delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error) as error:
        _check_encoding(path)
        raise ValueError(f"{path}: not a CSV text file ({error}); unpack or download it again.") from error
    return fields, delimiter, not any(_are_pixels(text) or _is_path(text) for text in fields)


def _check_encoding(path: Path) -> None:
    """Raise ValueError for a text in another encoding, as spreadsheet programs write it."""
    data = path.read_bytes()
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or not re.search(rb"[\x00-\x08\x0e-\x1f]", data):
            raise ValueError(
                f"{path}: the file must be text in UTF-8, got another encoding; save it anew as CSV in UTF-8."
            ) from None


def _are_pixels(text: str) -> bool:
    return len(words := text.split()) >= _PIXELS and all(word.isdecimal() for word in words)


def _is_path(text: str) -> bool:
    return text.strip().lower().endswith(IMAGE_EXTENSIONS)


def _guessed(fields: list[str]) -> list[str]:
    label = "emotion" if any(map(_are_pixels, fields)) else "label"
    return [
        "pixels" if _are_pixels(text) else "path" if _is_path(text) else "usage" if split_name(text) else label
        for text in fields
    ]


def require_columns(path: Path, header: list[str], required: tuple[str, ...]) -> None:
    """Raise ValueError if a column of `required` (in any case) is missing in `header`."""
    missing = [name for name in required if name.lower() not in header]
    if missing:
        raise ValueError(
            f"{path}: missing column {', '.join(map(repr, missing))}; the columns must be "
            f"{', '.join(required)}, got {shortened(', '.join(header))}."
        )


def read_rows(path: Path, header: list[str], problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """(line from 1, column name → text) for every row; blank lines are skipped.

    A row with too few or too many fields is recorded in `problems` and not yielded.
    Raises ValueError if the file is not valid CSV or not UTF-8 text.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        _, delimiter, has_names = first_line(path)
        reader = csv.reader(file, strict=True, delimiter=delimiter)
        done = 0
        try:
            if has_names:
                next(reader)
            done = reader.line_num
            for fields in reader:
                if len(fields) == len(header):
                    yield reader.line_num, dict(zip(header, map(str.strip, fields), strict=True))
                elif fields:
                    problems.add(reader.line_num, f"{len(fields)} of {len(header)} fields")
                done = reader.line_num
        except (UnicodeDecodeError, csv.Error) as error:
            _check_encoding(path)
            raise ValueError(f"{path}: line {done + 1} is not CSV text ({error}); download the file again.") from error
