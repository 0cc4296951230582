"""Who computes when: slow requests have places of their own and never take those of quick ones.

Requests wait here and not in gradio's queue, which cannot tell the two kinds apart. They wait without a thread.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
from gradio.context import LocalContext

from fer_hub.web.sentences import refuse

AT_ONCE = 2
"""Number of quick requests that compute in parallel, and of slow ones: the number of cores."""

IN_FLIGHT = 64
"""Number of requests with photos that wait or compute; gradio's queue holds the others."""

MOST_WAITING = 24
"""Number of slow requests that wait; further ones are refused, so that quick ones find room among `IN_FLIGHT`."""


class Line:
    """Places for one kind of request. Whoever waits is served in turn by visitor, not by request: a visitor with many
    requests delays another one by a single request.

    Args:
        places: how many compute in parallel.
        most: how many may wait.
    """

    def __init__(self, places: int, most: int) -> None:
        self._free, self._most = places, most
        self._waiting: OrderedDict[str, deque[asyncio.Future]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def place(self, visitor: str) -> AsyncIterator[None]:
        """A place for the time of the block.

        Raises:
            gr.Error: too many wait already.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(visitor)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, visitor: str) -> None:
        if sum(map(len, self._waiting.values())) >= self._most:
            raise refuse(f"the server already has {self._most} such requests waiting; try again in a minute.")
        called = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(visitor, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._forget(visitor, called)
            else:  # called and cancelled at the same time
                self._pass_on()
            raise

    def _forget(self, visitor: str, called: asyncio.Future) -> None:
        requests = self._waiting.get(visitor, deque())
        if called in requests:
            requests.remove(called)
        if not requests:
            self._waiting.pop(visitor, None)

    def _pass_on(self) -> None:
        """Give a free place to the visitor who has waited longest since his last one."""
        while self._waiting:
            visitor, requests = self._waiting.popitem(last=False)
            called = requests.popleft()
            if requests:
                self._waiting[visitor] = requests
            if not called.done():
                called.set_result(None)
                return
        self._free += 1


class Turns:
    """The places of a page: quick requests have theirs and slow ones theirs."""

    def __init__(self) -> None:
        self._quick, self._slow = Line(AT_ONCE, IN_FLIGHT), Line(AT_ONCE, MOST_WAITING)
        self._looking = asyncio.Semaphore(AT_ONCE)  # each file is read as a whole

    async def run(self, slow: bool, function: Callable[..., Any], *values: Any) -> Any:
        """What `function` gives for `values`, computed in a thread when it is this visitor's turn.

        Raises:
            gr.Error: it is slow, and too many of that kind wait already.
        """
        async with (self._slow if slow else self._quick).place(_visitor()):
            return await anyio.to_thread.run_sync(function, *values)

    async def look(self, function: Callable[[Path], bool], file: Path) -> bool:
        """What `function` tells of a file within milliseconds, in a thread, whoever computes meanwhile."""
        async with self._looking:
            return await anyio.to_thread.run_sync(function, file)


def _visitor() -> str:
    """The address of the client whose request this is."""
    request = LocalContext.request.get(None)
    client = getattr(request, "client", None)
    return getattr(client, "host", None) or ""
