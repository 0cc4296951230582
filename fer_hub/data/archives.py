"""Archives of data sets, .zip, .tar, .tar.gz and .csv.gz: unpacked once, into the cache of `datasets`."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import IO

from datasets import config

from fer_hub.data.problems import shortened

logger = logging.getLogger(__name__)

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".csv.gz")
"""Ends of the names of archives that are read."""

MOST_FILES = 1_000_000
"""Most files that an archive may hold."""

MOST_BYTES = 32 * 2**30
"""Most bytes that the files of an archive may have together."""

_BLOCK = 2**20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, RuntimeError, OSError)


def is_archive(path: Path) -> bool:
    """Whether a file has the name of an archive."""
    return path.name.lower().endswith(ENDINGS)


def is_webdataset(path: Path) -> bool:
    """Whether a tar file is a webdataset shard: the second file has the first one's name but for the ending."""
    if not path.name.lower().endswith(ENDINGS[1:4]):
        return False
    try:
        with tarfile.open(path) as archive:
            names = [member.name for member in (archive.next(), archive.next()) if member and member.isfile()]
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        return False  # unpacking says what is wrong with it
    stems = {os.path.join(os.path.dirname(name), os.path.basename(name).split(".")[0]) for name in names}
    return len(names) == 2 and len(stems) == 1


def unpack(path: Path) -> Path:
    """The folder with the files of an archive; unpacked again only where the archive has changed.

    Raises:
        ValueError: the archive is damaged, encrypted or too large, holds links, or a path in it leaves the folder.
    """
    state = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()[:32]
    target = Path(config.HF_DATASETS_CACHE) / "fer_hub_archives" / key
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    logger.info("%s: unpacked to %s", path, target)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        whole = Path(folder) / "whole"
        whole.mkdir()
        try:
            _unpack(path, whole)
        except _DAMAGED as error:
            raise ValueError(
                f"{path}: the archive cannot be unpacked ({error}); download it again, or unpack it."
            ) from error
        try:
            whole.rename(target)
        except OSError:
            if not target.is_dir():  # somebody else unpacked it meanwhile
                raise
    return target


def _unpack(path: Path, folder: Path) -> None:
    size = 0
    for count, (name, open_member) in enumerate(_members(path), start=1):
        if count > MOST_FILES:
            raise ValueError(_too_much(path))
        parts = PureWindowsPath(name).parts  # splits at both kinds of slashes
        if PureWindowsPath(name).anchor or ".." in parts:
            raise ValueError(
                f"{path}: paths in an archive must stay inside it, got {shortened(name)!r}; do not use this archive."
            )
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as source, target.open("wb") as file:
            while block := source.read(_BLOCK):
                size += len(block)  # counted as they come, as what the archive says of its sizes may be wrong
                if size > MOST_BYTES:
                    raise ValueError(_too_much(path))
                file.write(block)


def _too_much(path: Path) -> str:
    return (
        f"{path}: an archive may hold {MOST_FILES:,} files of {MOST_BYTES >> 30} GiB together, got more; unpack it and "
        "pass the folder."
    )


def _members(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """(name, function that opens it) for every file of an archive."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, partial(archive.open, info)
    elif path.name.lower().endswith(".csv.gz"):
        yield path.name[: -len(".gz")], partial(gzip.open, path)
    else:
        with tarfile.open(path) as archive:
            for info in archive:
                if info.isfile():
                    yield info.name, partial(archive.extractfile, info)
                elif not info.isdir():
                    raise ValueError(f"{path}: an archive must hold files and folders, got the link {info.name!r}.")
