"""Photographs that a command line names: files, folders with all below them, patterns, addresses."""

import glob
import os
import sys
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fer_hub.commands.buckets import BUCKETS, InBucket, below_bucket, opened_in_bucket
from fer_hub.extras import missing
from fer_hub.files import is_leftover

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif"),
)
"""Of files in folders that are taken for photographs; a file that is named itself may have any."""


DATA_SET = "hf://datasets/"
"""Beginning of a word that names a data set: hf://datasets/OWNER/NAME, with @SPLIT for another split than train."""


@dataclass
class Found:
    """What the words of a command line stand for.

    Attributes:
        photographs: paths and addresses, each once, in the order of the words and by name within a folder or pattern.
        problems: sentences about words that name no photograph.
        others: how many files in folders are left out because their ending is not one of `ENDINGS`.
    """

    photographs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    others: int = 0


def find_photographs(words: Sequence[str]) -> Found:
    """Expand the words of a command line.

    Args:
        words: files, folders (searched with all below them, without hidden ones), patterns with `*`, `?`, `[...]` and
            `**` where the shell has not expanded them, http(s) addresses, buckets (see `BUCKETS`) and folders in them,
            data sets (see `each_photograph`), and `-` for the lines of the standard input.
    """
    found = Found()
    for word in words:
        if word == "-":
            found.photographs += [line for line in sys.stdin.read().removeprefix("\ufeff").splitlines() if line]
        elif word.startswith(BUCKETS):
            _take_bucket(found, word)
        elif "://" in word[:12] or Path(word).is_file():
            found.photographs.append(word)
        elif Path(word).is_dir():
            _take(found, word, _below(word))
        elif glob.has_magic(word):
            _take(found, word, sorted(path for path in glob.glob(word, recursive=True) if os.path.isfile(path)))
        else:
            found.problems.append(f"{word}: must be a file, a folder or a pattern, there is none of this name")
    found.photographs = list(dict.fromkeys(found.photographs))
    return found


def each_photograph(names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Name and source of every photograph; data sets are read row by row.

    A word that begins with `DATA_SET` is streamed from the Hub, and a `.parquet` file is a data set too. Their images
    are named by the word and the number of the row.
    """
    for name in names:
        if name.startswith(DATA_SET):
            rows = _rows_of_hub(name)
        elif name.endswith(".parquet"):
            rows = _rows_of_parquet(name)
        else:
            yield name, InBucket(name) if name.startswith(BUCKETS) else name
            continue
        yield from ((f"{name}#{number}", row) for number, row in enumerate(rows))


def _rows_of_hub(name: str) -> Iterator[Any]:
    if error := missing("train", "datasets"):
        raise error
    from datasets import Image, load_dataset

    where, _, split = name.removeprefix(DATA_SET).partition("@")
    data = load_dataset(where, split=split or "train", streaming=True)
    for column, feature in (data.features or {}).items():
        if isinstance(feature, Image):
            data = data.cast_column(column, Image(decode=False))  # decoded by the threads, with our limits
    return iter(data)


class Piece(NamedTuple):
    """A photograph, or the part of a Parquet file that a worker of a cluster reads.

    Attributes:
        name: of the photograph or file.
        group: number of the row group, -1 for a photograph.
        first: number of its first row in the file.
        skipped: numbers of rows that are left out.
    """

    name: str
    group: int = -1
    first: int = 0
    skipped: Sequence[int] = ()

    @property
    def is_part(self) -> bool:
        return self.group >= 0


def pieces(names: Sequence[str], done: Container[str] = ()) -> Iterator[Piece]:
    """What workers of a cluster are given of these names, without the photographs that are done."""
    for name in names:
        if not name.endswith(".parquet"):
            if name not in done:
                yield Piece(name)
            continue
        first = 0
        with _parquet(name) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                skipped = [number for number in range(first, first + count) if f"{name}#{number}" in done]
                if len(skipped) < count:
                    yield Piece(name, group, first, skipped)
                first += count


def rows_of_piece(piece: Piece) -> Iterator[tuple[str, Any]]:
    """Name and row of the photographs in a part of a Parquet file."""
    skipped = set(piece.skipped)
    for number, row in enumerate(_rows_of_parquet(piece.name, piece.group), piece.first):
        if number not in skipped:
            yield f"{piece.name}#{number}", row


def _rows_of_parquet(name: str, group: int | None = None) -> Iterator[Any]:
    with _parquet(name) as file:
        for batch in file.iter_batches(64, row_groups=None if group is None else [group]):
            yield from batch.to_pylist()


def _parquet(name: str) -> Any:
    if error := missing("train", "pyarrow"):
        raise error
    import pyarrow.parquet as pq

    return pq.ParquetFile(opened_in_bucket(name) if name.startswith(BUCKETS) else name)


def _below(folder: str) -> list[str]:
    """All files below a folder, sorted; hidden ones and those of file managers and NAS are left out."""
    paths = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_leftover(name))
        paths += [os.path.join(here, name) for name in sorted(files) if not is_leftover(name)]
    return paths


def _take_bucket(found: Found, word: str) -> None:
    names = below_bucket(word)
    if names is None:
        found.problems.append(f"{word}: must be a file or folder in a bucket, there is none of this name")
    elif names == [word]:
        found.photographs.append(word)
    else:
        below = len(word.rstrip("/"))
        _take(found, word, [name for name in names if not any(map(is_leftover, name[below:].split("/")))])


def _take(found: Found, word: str, paths: list[str]) -> None:
    photographs = [path for path in paths if Path(path).suffix.lower() in ENDINGS]
    found.photographs += photographs
    found.others += len(paths) - len(photographs)
    if not photographs:
        found.problems.append(f"{word}: must hold photographs, holds none")
