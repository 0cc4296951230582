"""Middleware that checks every request: closed routes, size limits, and limits per client."""

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import gradio
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect

import fer_hub
from fer_hub.web import private_page
from fer_hub.web.disk import FULL, has_room, is_full
from fer_hub.web.logged import HEADER, Limited, request_id
from fer_hub.web.multipart import whole_or_nothing
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

_PACKED = ("/", "/config")
"""Addresses of texts that gradio would send as they are, hundreds of kB; it packs its scripts itself."""

_TOLD = (413, 429, 503, 507)
"""Statuses of refusals that an operator wants to know of."""

_ID = "fer_hub.request_id"

_log = logging.getLogger(__name__)
_LOGGED = Limited(_log)


class Gate:
    """ASGI middleware: closes unneeded routes, limits sizes and clients, and answers errors with one sentence."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._packed = GZipMiddleware(app, minimum_size=1000, compresslevel=6)
        self._entering: Counter[str] = Counter()  # address → accepted requests that gradio has not queued yet

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope[_ID] = request_id(scope)
        send = _with_id(send, scope[_ID])
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
            with whole_or_nothing():
                await (self._packed if _is_packed(scope) else self.app)(scope, count, watch)
        except ClientDisconnect:
            return _LOGGED.line(logging.WARNING, "broken off: %s", _asked(scope))
        except Exception as error:
            if started:
                raise
            if not too_large:
                status, sentence = _explained(error, scope)
                return await _answer(status, sentence, scope, receive, send)
        if too_large and not started:
            await _answer(413, _too_large(limit), scope, receive, send)


def app_kwargs() -> dict[str, Any]:
    """The `app_kwargs` of `launch` that install the gate and the page of private mode."""
    return {
        "middleware": [Middleware(Gate)],
        "exception_handlers": {RequestValidationError: _not_understood},
        "routes": private_page.routes(),
    }


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


def _is_packed(scope: Mapping[str, Any]) -> bool:
    """Whether the answer is one of `_PACKED`, and the browser takes it packed."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    return b"gzip" in accepted and route(scope) in _PACKED


def _with_id(send, number: str):
    """`send` with the request's id in the head of the answer."""

    async def send_with_id(message: dict) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), (HEADER, number.encode("ascii"))]}
        await send(message)

    return send_with_id


def _asked(scope: Mapping[str, Any]) -> str:
    """What a line in the log says about a request: method, address and id."""
    return f"{scope['method']} {route(scope)[:200]!a}, id {scope[_ID]}"


async def _answer(status: int, sentence: str, scope, receive, send) -> None:
    if status in _TOLD:
        _LOGGED.line(logging.WARNING, "refused with %d: %s: %s", status, _asked(scope), sentence)
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
        if not has_room():
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


def _explained(error: Exception, scope: Mapping[str, Any]) -> tuple[int, str]:
    if is_full(error):
        _LOGGED.line(logging.ERROR, "no room on the disk: %s: %s", _asked(scope), error)
        return 507, FULL
    if type(error).__name__ == "FnIndexInferError" or isinstance(error, (KeyError, IndexError)):
        return 404, "there is no such endpoint; /gradio_api/info lists them all."
    if isinstance(error, (ValueError, TypeError, AttributeError, json.JSONDecodeError)):
        _log.debug("a malformed request", exc_info=error)
        return 400, "the request is malformed; see /gradio_api/info for its form."
    _LOGGED.line(logging.ERROR, "failed: %s", _asked(scope), error=error)
    return 500, BROKEN
