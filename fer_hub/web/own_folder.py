"""A folder of the process's own for all that visitors leave behind; what dead processes left is removed."""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "fer_hub-app-"
"""How the names of such folders begin."""

VARIABLE = "GRADIO_TEMP_DIR"
"""The variable that names the folder in which they lie; without it that is the system's for temporary files."""

_LOCK = "lock"
_own: list[Path] = []
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Within the block uploads, results and temporary files of this process lie in a folder that only its user reads.

    The system unlocks a file of a process that has ended, however it ended: the folders of such processes are removed
    at the start of the block, and this one's own at its end.

    Raises:
        OSError: the folder cannot be made; the sentence says where.
    """
    base = Path(os.environ.get(VARIABLE) or tempfile.gettempdir())
    before = os.environ.get(VARIABLE), tempfile.tempdir
    try:
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=base))  # readable by this user alone
        lock = FileLock(made / _LOCK)
        lock.acquire(timeout=0)
        folder = made.rename(made.with_name(made.name[1:]))  # only now others look at it, and find it locked
    except OSError as error:
        raise OSError(
            f"the files of visitors need a folder that can be written, but {base} cannot ({error.strerror or error}); "
            f"name another one in {VARIABLE}."
        ) from None
    for name in ("uploads", "work"):
        (folder / name).mkdir()
    _own.append(folder)
    os.environ[VARIABLE], tempfile.tempdir = str(folder / "uploads"), str(folder / "work")
    try:
        yield folder
    finally:
        remove_own()
        lock.release()
        tempfile.tempdir = before[1]
        os.environ.pop(VARIABLE) if before[0] is None else os.environ.update({VARIABLE: before[0]})


def remove_own() -> None:
    """Remove this process's folder now, as before an end that runs no further code."""
    while _own:
        shutil.rmtree(_own.pop(), ignore_errors=True)


def sweep(base: Path) -> int:
    """Remove the folders of processes that have ended; returns how many."""
    count = 0
    for folder in base.glob(f"{PREFIX}*"):
        if not (folder / _LOCK).is_file() or folder in _own:
            continue
        try:
            with FileLock(folder / _LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
        except (Timeout, OSError):  # it lives, or belongs to another user
            continue
    if count:
        _log.warning("removed what %d ended process%s left in %s", count, "" if count == 1 else "es", base)
    return count
