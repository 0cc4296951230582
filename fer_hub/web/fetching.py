"""Files that clients name by URL: fetched by the server, but from public addresses only and up to limits."""

from pathlib import Path

from fer_hub.fetching import stream_url
from fer_hub.web.sentences import refuse

FETCH_SECONDS = 20.0
"""In this time a URL must have been read completely."""


async def fetch(url: str, target: Path, limit: int) -> None:
    """Write what an http(s) URL answers to a file.

    Args:
        url: from a client.
        target: the file; its folder exists. Nothing stays there after an error.
        limit: largest size in bytes.

    Raises:
        gr.Error: the URL is not allowed or cannot be read; the sentence says why.
    """
    try:
        with open(target, "wb") as file:
            await stream_url(url, file.write, timeout=FETCH_SECONDS, max_bytes=limit, public_only=True)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, (OSError, ValueError)):
            sentence = str(error).replace("readable image", "readable file", 1).rstrip(".")
            raise refuse(f"{sentence}; upload the file instead." if "; " not in sentence else f"{sentence}.") from None
        raise
