"""Photographs that a command line names: files, folders with all below them, patterns, addresses."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif"),
)
"""Of files in folders that are taken for photographs; a file that is named itself may have any."""


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
            `**` where the shell has not expanded them, http(s) addresses.
    """
    found = Found()
    for word in words:
        if "://" in word[:12] or Path(word).is_file():
            found.photographs.append(word)
        elif Path(word).is_dir():
            _take(found, word, _below(word))
        elif glob.has_magic(word):
            _take(found, word, sorted(path for path in glob.glob(word, recursive=True) if os.path.isfile(path)))
        else:
            found.problems.append(f"{word}: must be a file, a folder or a pattern, there is none of this name")
    found.photographs = list(dict.fromkeys(found.photographs))
    return found


def _below(folder: str) -> list[str]:
    """All files below a folder, sorted; hidden files and folders are left out."""
    paths = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [os.path.join(here, name) for name in sorted(files) if not name.startswith(".")]
    return paths


def _take(found: Found, word: str, paths: list[str]) -> None:
    photographs = [path for path in paths if Path(path).suffix.lower() in ENDINGS]
    found.photographs += photographs
    found.others += len(paths) - len(photographs)
    if not photographs:
        found.problems.append(f"{word}: must hold photographs, holds none")
