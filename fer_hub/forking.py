"""What a process must make anew after it was forked: locks that another thread held, and handles of native libraries.

Used by detection and inference. Imports nothing of fer_hub.
"""

import os
import weakref
from typing import Any, Protocol


class Renewable(Protocol):
    """Something that holds locks or native handles."""

    def _renew(self) -> None:
        """Make locks anew, and forget native handles without closing them: their threads are not in this process."""


_known: "weakref.WeakSet[Renewable]" = weakref.WeakSet()
_left: list[Any] = []


def renew_after_fork(thing: Renewable) -> None:
    """Call `thing._renew()` in every process that is forked from this one, as long as it lives."""
    _known.add(thing)


def leave(handle: Any) -> None:
    """Keep a native handle that belongs to the parent process from being freed, which may wait for its threads."""
    _left.append(handle)


def _renew_all() -> None:
    for thing in list(_known):
        thing._renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
