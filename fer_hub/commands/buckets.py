"""Photographs in buckets: what lies below an address such as s3://bucket/folder, and its files, through pyarrow."""

import functools
from typing import Any

from fer_hub.extras import missing

BUCKETS = ("s3://", "gs://", "hdfs://", "file://")
"""Beginnings of addresses that pyarrow reads, with the credentials that these systems take from the environment."""

MOST_BYTES = 50_000_000
"""Largest photograph in a bucket, as of other addresses."""


class InBucket:
    """A photograph that is fetched when it is read, and so in the thread that decodes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self) -> bytes:
        """Its content.

        Raises:
            FileNotFoundError, OSError: it cannot be read. ValueError: it is larger than `MOST_BYTES`.
        """
        with opened_in_bucket(self.name) as file:
            if file.size() > MOST_BYTES:
                raise ValueError(
                    f"{self.name} must have at most {MOST_BYTES:,} bytes, got {file.size():,}; make the image smaller."
                )
            return file.read()


def opened_in_bucket(name: str) -> Any:
    """A file in a bucket, open for reading anywhere in it.

    Raises:
        FileNotFoundError, OSError: it cannot be read.
    """
    system, path = _place(name)
    try:
        return system.open_input_file(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{name}: there is no such file; check the address.") from None
    except OSError as error:
        raise OSError(f"{name} cannot be read ({' '.join(str(error).split())}); check address and access.") from None


def below_bucket(word: str) -> list[str] | None:
    """The address itself if it is that of a file, else those of all files below it, by name; `None` if nothing is.

    Raises:
        OSError: the bucket cannot be read.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _place(word)
    try:
        kind = system.get_file_info(path.rstrip("/") or "/").type
        if kind == FileType.File:
            return [word]
        if kind == FileType.NotFound:
            return None
        infos = system.get_file_info(FileSelector(path.rstrip("/") or "/", recursive=True))
    except OSError as error:
        raise OSError(f"{word} cannot be read ({' '.join(str(error).split())}); check address and access.") from None
    root = word[: len(word) - len(path)]
    return sorted(root + info.path for info in infos if info.type == FileType.File)


def _place(name: str) -> tuple[Any, str]:
    """The file system of an address, and the path there."""
    if error := missing("train", "pyarrow"):
        raise error
    scheme, _, rest = name.partition("://")
    host, _, path = rest.partition("/")
    return _system(f"{scheme}://{host}"), rest if scheme in ("s3", "gs") else f"/{path}"


@functools.cache
def _system(root: str) -> Any:
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(root if root != "file://" else "file:///")[0]
