"""Middleware that checks every request: closed routes, size limits, and limits per client."""

import json
import logging
import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import gradio
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

import fer_hub
from fer_hub.web.sentences import BROKEN
from fer_hub.web.uploads import MAX_PHOTO_BYTES, MAX_VIDEO_BYTES

MAX_QUEUE = 64
"""Length of the queue; further requests are refused until there is room."""

MAX_PER_CLIENT = 16
"""Largest number of unfinished requests per address."""

MAX_JSON_BYTES = MAX_PHOTO_BYTES * 4 // 3 + 100_000
"""Largest body of a request that is not an upload: a photo as base64 and some JSON."""

MAX_UPLOAD_BYTES = 2 * MAX_VIDEO_BYTES
"""Largest body of one upload, which may hold several files."""

MIN_FREE_BYTES = 500_000_000
"""Uploads are refused while the disk has less free space than this."""

_CLOSED = re.compile(
    r"/(gradio_api/(file=https?:|file/https?:|proxy=|process_recording|vibe|undo-vibe|component_server|deep_link|"
    r"run-history|runs|custom_component|dev/|upload_progress.*[^\x20-\x7e])|monitoring|svelte/)", re.I,
)  # fmt: skip
"""Gradio routes that neither page nor clients need: proxying, editing, recording, other visitors' sessions."""

_FACTS = {
    "/healthz": {"status": "ok"},
    "/version": {"fer_hub": fer_hub.__version__, "gradio": gradio.__version__},
}
"""Addresses for operators → what they answer."""

_TOLD = (413, 429, 503, 507)
"""Statuses of refusals that an operator wants to know of."""

MOST_LINES = 20
"""So many refused requests are logged in a minute."""

_log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware: closes unneeded routes, limits sizes and clients, and answers errors with one sentence."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._entering: Counter[str] = Counter()  # address → accepted requests that gradio has not queued yet

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = route(scope)
        if path in _FACTS:
            return await JSONResponse(_FACTS[path])(scope, receive, send)
        if _CLOSED.match(path):
            return await _answer(404, "this server does not provide that route.", scope, receive, send)
        limit = MAX_UPLOAD_BYTES if path.startswith("/gradio_api/upload") else MAX_JSON_BYTES
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not told.isdigit() or int(told) > limit:
            return await _answer(413, _too_large(limit), scope, receive, send)
        host = (scope.get("client") or ("",))[0]
        asks = scope["method"] == "POST" and path.startswith(("/gradio_api/call", "/gradio_api/queue/join"))
        if scope["method"] == "POST" and (problem := _refusal(path, scope, asks, host, self._entering)):
            return await _answer(*problem, scope, receive, send)
        if not asks:
            return await self._pass_on(scope, receive, send, limit)
        self._entering[host] += 1
        try:
            await self._pass_on(scope, receive, send, limit)
        finally:
            self._entering[host] -= 1
            self._entering += Counter()  # drops the addresses with a count of 0

    async def _pass_on(self, scope, receive, send, limit: int) -> None:
        """Pass the request to the app, unless its body exceeds `limit` bytes."""
        counted, started, too_large = 0, False, False

        async def count() -> dict:
            nonlocal counted, too_large
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > limit:  # the body had no declared length
                too_large = True
                raise _TooLargeError
            return message

        async def watch(message: dict) -> None:
            nonlocal started
            if too_large:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, count, watch)
        except Exception as error:
            if started:
                raise
            if not too_large:
                status, sentence = _explained(error)
                return await _answer(status, sentence, scope, receive, send)
        if too_large and not started:
            await _answer(413, _too_large(limit), scope, receive, send)


def app_kwargs() -> dict[str, Any]:
    """The `app_kwargs` of `launch` that install the gate."""
    return {"middleware": [Middleware(Gate)], "exception_handlers": {RequestValidationError: _not_understood}}


class _TooLargeError(Exception):
    """The body of a request is too large."""


def route(scope: Mapping[str, Any]) -> str:
    """The path of a request without the prefix under which the page is served, as the router of the app compares it.

    A proxy may leave the prefix in the path or take it out; the app answers both.

    Example:
        >>> route({"path": "/fer/monitoring", "root_path": "/fer"}), route({"path": "/ferry", "root_path": "/fer"})
        ('/monitoring', '/ferry')
    """
    path, prefix = scope["path"], scope.get("root_path", "")
    if not prefix or not (path + "/").startswith(prefix + "/"):
        return path
    return path[len(prefix) :] or "/"


class _Logged:
    """Lines about refused requests, a limited number each minute."""

    def __init__(self) -> None:
        self._began, self._count = 0.0, 0

    def refusal(self, status: int, scope: Mapping[str, Any], sentence: str) -> None:
        now = time.monotonic()
        if now - self._began > 60:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= MOST_LINES:
            _log.warning("refused with %d: %s %s, %s", status, scope["method"], ascii(route(scope)[:200]), sentence)
        elif self._count == MOST_LINES + 1:
            _log.warning("more requests are refused; they are not logged for a minute")


_LOGGED = _Logged()


async def _answer(status: int, sentence: str, scope, receive, send) -> None:
    if status in _TOLD:
        _LOGGED.refusal(status, scope, sentence)
    await JSONResponse({"detail": sentence}, status)(scope, receive, send)


async def _not_understood(request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse({"detail": 'the body must be JSON such as {"data": [...]}, but is not.'}, 422)


def _too_large(limit: int) -> str:
    return f"a request must be at most {limit // 10**6} MB, but this one is larger; send a smaller one."


def _refusal(path: str, scope, asks: bool, host: str, entering: Counter[str]) -> tuple[int, str] | None:
    """Status and sentence if a limit is exceeded, otherwise None.

    Args:
        asks: whether the request goes to the queue.
        host: the client's address.
        entering: address → requests about to enter the queue; without them, simultaneous requests would all find room.
    """
    if path.startswith("/gradio_api/upload"):
        if shutil.disk_usage(get_upload_folder()).free < MIN_FREE_BYTES:
            return 507, "the server has no disk space for uploads at the moment; try again in half an hour."
    elif asks:
        queue = scope["app"].get_blocks()._queue
        events = list(queue.event_ids_to_events.values())
        if len(queue) + entering.total() >= queue.max_size:  # gradio would say so too, in its own words
            return 503, f"the server's queue of {queue.max_size} requests is full; try again in a minute."
        own = sum(bool(event.request.client and event.request.client.host == host) for event in events)
        if own + entering[host] >= MAX_PER_CLIENT:
            return 429, f"a client must have at most {MAX_PER_CLIENT} unfinished requests; wait for their results."
    return None


def _explained(error: Exception) -> tuple[int, str]:
    if type(error).__name__ == "FnIndexInferError" or isinstance(error, (KeyError, IndexError)):
        return 404, "there is no such endpoint; /gradio_api/info lists them all."
    if isinstance(error, (ValueError, TypeError, AttributeError, json.JSONDecodeError)):
        _log.debug("a malformed request", exc_info=error)
        return 400, "the request is malformed; see /gradio_api/info for its form."
    _log.error("a request failed", exc_info=error)
    return 500, BROKEN
