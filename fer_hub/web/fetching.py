"""Downloading the URLs that clients send: from public addresses only, and within limits."""

from pathlib import Path

from fer_hub.fetching import stream_url
from fer_hub.web.sentences import refuse

FETCH_SECONDS = 20.0
"""Seconds within which a URL must be read completely."""


async def fetch(url: str, target: Path, limit: int) -> None:
    """Download an http(s) URL to a file.

    Args:
        url: the URL sent by a client.
        target: the file; its folder must exist. It is removed after an error.
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
