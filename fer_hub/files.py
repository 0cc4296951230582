"""Writing files atomically: complete or not at all."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path next to `path`, moved there when the block succeeds and removed when it raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as building:
        temporary = Path(building) / path.name
        yield temporary
        temporary.replace(path)


@contextlib.contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A temporary folder next to `folder`, moved there when the block succeeds and removed when it raises.

    An existing folder is replaced: it is moved aside, and deleted once the new one is in place. If `folder` is a
    symbolic link, its target is replaced and the link is kept.

    Raises:
        ValueError: `folder` is a file or a mount point, which cannot be replaced.
        OSError: the new folder cannot be moved into place; it is kept where it was made, which the sentence names, and
            the old folder is kept too.
    """
    folder = folder.resolve()
    if folder.is_file() or os.path.ismount(folder):
        what = "a file" if folder.is_file() else "a mount point"
        raise ValueError(f"{folder} must be a folder that can be replaced, but is {what}; name a new folder in it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _replace(folder, temporary)


def _replace(folder: Path, new: Path) -> None:
    """Move a folder to the place of another, which is put back if that fails."""
    aside = Path(f"{new}-old")  # next to both, so that no move crosses file systems
    moved = False
    try:
        if folder.exists():
            folder.rename(aside)
            moved = True
        new.rename(folder)
    except BaseException as error:
        if moved and not folder.exists():
            aside.rename(folder)
        if isinstance(error, OSError):
            raise OSError(f"{folder} cannot be replaced ({error}); what was to come there stays in {new}.") from error
        raise
    if moved:
        shutil.rmtree(aside, ignore_errors=True)


def is_one_file(first: str | Path, second: str | Path) -> bool:
    """Whether two paths are one existing file under one name, so that writing to the one would replace the other.

    Example:
        >>> is_one_file("examples/astronaut.jpg", "./examples/../examples/astronaut.jpg")
        True
    """
    if Path(first).name.casefold() != Path(second).name.casefold():
        return False
    return os.path.exists(first) and os.path.exists(second) and os.path.samefile(first, second)


LEFTOVERS = ("thumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information")
"""What file managers, disks and NAS leave in folders, beside names with a leading dot."""


def is_leftover(name: str) -> bool:
    """Whether a file or folder of that name is nobody's, such as the thumbnails of a NAS.

    Example:
        >>> [is_leftover(name) for name in ("@eaDir", ".DS_Store", "a.jpg")]
        [True, True, False]
    """
    return name.startswith(".") or name.lower() in LEFTOVERS


def at_home(path: Any) -> Any:
    """A text or path that begins with `~` in the home folder, as shells write it, unless there is one of that name.

    Example:
        >>> at_home("photos/a.jpg"), at_home(Path("~/photos")) == Path.home() / "photos"
        ('photos/a.jpg', True)
    """
    if not isinstance(path, (str, Path)) or not str(path).startswith("~") or os.path.lexists(path):
        return path
    return type(path)(os.path.expanduser(path))


def word_at_home(word: str) -> str:
    """A word of a command line, with `~/` at the beginning of a path or of an option's value expanded.

    Not every shell does that, and none does behind `=`.

    Example:
        >>> word_at_home("--output=~/a.csv") == f"--output={Path.home()}/a.csv", word_at_home("~"), word_at_home("a~/b")
        (True, '~', 'a~/b')
    """
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return option + equals + (os.path.expanduser(value) if value.startswith(("~/", "~\\")) else value)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a trailing newline, atomically; an error keeps the old file."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict:
    """The content of a JSON file; `{}` if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
