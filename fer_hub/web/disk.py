"""Free disk space: how much uploads need, and what is said when there is none."""

import errno
import logging
import os
import shutil

from gradio.utils import get_upload_folder

VARIABLE = "FER_HUB_MIN_FREE_MB"
"""The variable with the megabytes that must be free where uploads are stored."""

DEFAULT = 500
"""Its value if it is not set: room for five of the largest videos."""

FULL = "the server's disk is full, so the file could not be stored; try again later."
"""For visitors."""

_log = logging.getLogger(__name__)


def min_free() -> int:
    """Bytes that must be free for an upload to be accepted.

    Raises:
        ValueError: the variable is not a whole number of megabytes.
    """
    text = os.environ.get(VARIABLE) or str(DEFAULT)
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError(f"{VARIABLE} must be a whole number of megabytes, got {text!r}; {DEFAULT} is the default.")
    return int(text) * 10**6


def has_room() -> bool:
    """Whether uploads are accepted."""
    return shutil.disk_usage(get_upload_folder()).free >= min_free()


def warn_if_full() -> None:
    """A line in the log if no upload would be accepted; called at start.

    Raises:
        ValueError: see `min_free`.
    """
    wanted, free = min_free(), shutil.disk_usage(get_upload_folder()).free
    if free < wanted:
        _log.warning(
            "uploads are refused: %s has %d MB free and %d must be; make room, name another folder in GRADIO_TEMP_DIR, "
            "or set %s to less", get_upload_folder(), free // 10**6, wanted // 10**6, VARIABLE,
        )  # fmt: skip


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full.

    Example:
        >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(OSError("other"))
        (True, False)
    """
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
