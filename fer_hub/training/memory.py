"""What a CPU spends on memory while it trains."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h
_NEVER = 2**31 - 1


def keep_memory() -> bool:
    """Keep freed memory for the next step, for the rest of this process.

    glibc gives a block above 32 MiB back to the system as soon as it is freed. Features of a batch of training are that
    large, so that each step would have the same memory mapped and filled with zeros anew, which takes up to a fifth
    of its time. The process grows by what lies between the blocks.

    Returns:
        Whether it is kept; other C libraries have no such setting, and nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(set_option and set_option(_MMAP_MAX, 0) and set_option(_TRIM_THRESHOLD, _NEVER))
