"""Visitors' files that have become old are deleted, also while others arrive.

Gradio's own sweep reads its sets of files while requests add to them. Then it fails, and is never run again: everything
stayed until the app ended. It cannot be replaced but where gradio looks it up.
"""

import logging
import os
import time
from typing import Any

from gradio import route_utils

_log = logging.getLogger(__name__)


def delete_old(blocks: Any, age: float | None) -> None:
    """Delete the files of visitors that are older than `age` seconds; all of them if `None`.

    Args:
        blocks: the page, which knows its files (`temp_file_sets`), and which of them it needs itself.
        age: since a file was written or moved.
    """
    needed = {file for block in list(blocks.blocks.values()) for file in getattr(block, "keep_in_cache", ())}
    for files in list(blocks.temp_file_sets):
        for file in files.copy():  # in one step, so that no request can add to it meanwhile
            if file in needed:
                continue
            try:
                if age is not None and time.time() - os.lstat(file).st_ctime <= age:
                    continue
                os.remove(file)
            except FileNotFoundError:
                pass  # moved or deleted before
            except OSError as error:
                _log.warning("a visitor's file could not be deleted: %s", error)
                continue
            files.discard(file)


def replace_sweep() -> None:
    """Let gradio call `delete_old`."""
    route_utils.delete_files_created_by_app = delete_old
