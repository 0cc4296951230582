"""Keeps MediaPipe from reporting its use to its makers, for which it has no option.

Its library sends which parts of it ran, how often and how long, and the versions and the system around it, to
play.googleapis.com: when a detector is closed, and every minute or so while one is open. Its makers name two ways out
(issue 6291 of MediaPipe): to build it from its source, or to block that host. This blocks it, for one process: in the
memory of the loaded library, not in its file, the address becomes one of this computer at which nobody listens.
"""

import ctypes
import logging
import mmap
import os
import threading
from pathlib import Path

from fer_hub.forking import renew_after_fork

ADDRESS = b"https://play.googleapis.com/log\0"
NOWHERE = b"https://127.0.0.1:9/no-reports/\0"
"""Of the same length, which the library knows."""

LIBRARY = "libmediapipe.so"

VARIABLE = "FER_HUB_MEDIAPIPE_REPORTS"
"""The environment variable that lets MediaPipe report, with 1."""

_PROTECTIONS = {"r": mmap.PROT_READ, "w": mmap.PROT_WRITE, "x": mmap.PROT_EXEC}

_log = logging.getLogger(__name__)


class _State:
    """Whether the reports of this process are stopped, and the lock of whoever stops them."""

    def __init__(self) -> None:
        self.stopped, self.lock = False, threading.Lock()
        renew_after_fork(self)

    def _renew(self) -> None:
        self.lock = threading.Lock()


_state = _State()


def stop_reports() -> bool:
    """Let MediaPipe's reports go nowhere from now on, if its library is loaded; returns whether they do.

    Works on Linux, where a process can look up where a library lies in its memory.
    """
    if os.environ.get(VARIABLE) == "1":
        return False
    with _state.lock:
        if not _state.stopped:
            try:
                _state.stopped = _overwrite()
            except (OSError, ValueError, AttributeError) as error:
                _log.debug("MediaPipe's reports could not be stopped: %s", error)
        return _state.stopped


def _overwrite() -> bool:
    place = None
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        span, allowed, offset, _, _, *path = line.split(maxsplit=5)
        if not path or not path[0].endswith(LIBRARY):
            continue
        begin, end = (int(each, 16) for each in span.split("-"))
        if place is None:
            with open(path[0], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                place = content.find(ADDRESS)
        address = begin + place - int(offset, 16)
        if place >= 0 and begin <= address < end:
            return _written(address, sum(_PROTECTIONS[letter] for letter in allowed if letter in _PROTECTIONS))
    return False


def _written(address: int, protection: int) -> bool:
    """Write `NOWHERE` over `ADDRESS` in a page that is protected so."""
    libc = ctypes.CDLL(None)
    start = address - address % mmap.PAGESIZE
    span = ctypes.c_void_p(start), ctypes.c_size_t(address + len(NOWHERE) - start)
    writable = mmap.PROT_READ | mmap.PROT_WRITE  # not executable meanwhile, which hardened systems refuse: it is data
    if ctypes.string_at(address, len(ADDRESS)) == ADDRESS and not libc.mprotect(*span, writable):
        ctypes.memmove(address, NOWHERE, len(NOWHERE))
        libc.mprotect(*span, protection)
    return ctypes.string_at(address, len(NOWHERE)) == NOWHERE
