"""Lines about requests in the log, a limited number each minute, and the ids that they carry."""

import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

MOST_LINES = 20
"""So many lines about refused, broken off and failed requests are logged in a minute."""

HEADER = b"x-request-id"
"""The header with a request's id: a proxy may send it, and the answer has it."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Limited:
    """A log with at most `MOST_LINES` lines a minute.

    Args:
        log: where the lines go.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._began, self._count = 0.0, 0

    def line(self, level: int, text: str, *values: Any, error: BaseException | None = None) -> None:
        """Log a line with the traceback of `error`, unless there have been enough in this minute."""
        now = time.monotonic()
        if now - self._began > 60:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= MOST_LINES:
            self._log.log(level, text, *values, exc_info=error)
        elif self._count == MOST_LINES + 1:
            self._log.warning("there are more such requests; they are not logged for a minute")


def request_id(scope: Mapping[str, Any]) -> str:
    """The id of a request: the one that its header names, if it is a plain word, else a new one.

    Example:
        >>> request_id({"headers": [(b"x-request-id", b"a-1")]})
        'a-1'
        >>> len(request_id({"headers": [(b"x-request-id", b"two words")]}))
        12
    """
    for name, value in scope["headers"]:
        if name == HEADER and _ID.fullmatch(value):
            return value.decode("ascii")
    return uuid.uuid4().hex[:12]
