"""Uploads that do not end well leave nothing behind: gradio keeps the part of a file that it got until then."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio import route_utils

_PIECES: ContextVar[list[list] | None] = ContextVar("pieces", default=None)


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, whose temporary files are known to the block of `whole_or_nothing` around it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        pieces = _PIECES.get()
        if pieces is not None:
            pieces.append(self._files_to_close_on_error)


route_utils.GradioMultiPartParser = Parser  # which gradio's route looks up there; it offers no other way in


@contextlib.contextmanager
def whole_or_nothing() -> Iterator[None]:
    """Remove the temporary files of an upload which are still there after it.

    Of a complete upload none are: gradio has renamed them. They stay where the client broke off, the disk is full, or
    the files were sent under a name that gradio does not look at.
    """
    pieces: list[list] = []
    token = _PIECES.set(pieces)
    try:
        yield
    finally:
        _PIECES.reset(token)
        for file in (file for files in pieces for file in files):
            file.close()
            Path(file.name).unlink(missing_ok=True)
