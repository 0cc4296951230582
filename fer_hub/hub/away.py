"""Whether the Hub answers: without this, a start with a filled cache waits for its client's retries, file by file."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import constants, try_to_load_from_cache

from fer_hub.hub.names import split_revision

PATIENCE = 2.0
"""Seconds within which the Hub must answer once."""

_REMEMBERED = 60.0
_asked: tuple[float, bool] | None = None
_lock = threading.Lock()


def hub_options(checkpoint: str | Path) -> dict[str, Any]:
    """`revision` and `local_files_only` for loading a checkpoint: from the cache alone where it is and the Hub is not.

    Args:
        checkpoint: folder or Hub id, also as owner/name@revision; for a folder there are no options.

    Example:
        >>> hub_options("checkpoints")
        {}
    """
    name, revision = split_revision(checkpoint)
    if Path(name).exists():
        return {}
    options: dict[str, Any] = {"revision": revision} if revision else {}
    cached = name.count("/") == 1 and isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)
    return options | ({"local_files_only": True} if cached and is_away() else {})


def is_away() -> bool:
    """Whether the Hub gives no answer at all within `PATIENCE` seconds; asked at most once a minute."""
    global _asked
    with _lock:
        if _asked is None or time.monotonic() - _asked[0] > _REMEMBERED:
            answered = threading.Event()
            # a thread, as the lookup of a name has no time limit of its own
            asking = threading.Thread(target=_ask, args=(answered,), daemon=True)
            asking.start()
            asking.join(PATIENCE)
            _asked = time.monotonic(), not answered.is_set()
        return _asked[1]


def _ask(answered: threading.Event) -> None:
    try:
        httpx.head(constants.ENDPOINT, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError):
        return
    answered.set()
