"""The three files of a table: a CSV file as the record, and Markdown and a figure made from it."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from fer_hub.files import write_text
from fer_hub.hub.plots import save_picture


def read_rows(path: Path, columns: Mapping[str, Callable]) -> dict[str, dict]:
    """Name of a row → its columns, from a CSV file; empty if there is no such file.

    Args:
        columns: column → its parser; `row` is the name.
    """
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            entry["row"]: {name: kind(entry[name]) for name, kind in columns.items()} for entry in csv.DictReader(file)
        }


def write_files(stem: Path, columns: Mapping[str, Callable], lines: Sequence[dict], text: str, picture: Figure) -> None:
    """Write `stem` with the extensions .csv, .md and .png.

    Args:
        columns, lines: of the CSV file; a line has the keys of `columns`.
        text: Markdown made from the lines.
        picture: drawn from them.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    record = io.StringIO()
    writer = csv.DictWriter(record, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(stem.with_suffix(".csv"), record.getvalue())
    write_text(stem.with_suffix(".md"), text)
    save_picture(picture, stem.with_suffix(".png"))
