"""A function over a stream of items, computed ahead by threads, with results in order.

Used by the pipeline. Imports nothing of fer_hub.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, depth: int
) -> Generator["Future[Result]", None, None]:
    """The finished futures of `function(item)` for every item, in the order of the items.

    Args:
        function: called in `threads` threads at a time.
        items: read in the thread of the caller, at most `depth` items further than what it has received; an error of
            theirs is raised after all results before it.
        threads: number of threads.
        depth: bounds memory.

    Example:
        >>> [each.result() for each in ahead(lambda x: x * x, range(5), threads=2, depth=3)]
        [0, 1, 4, 9, 16]
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fer_hub")
    iterator = iter(items)
    failed: Exception | None = None
    try:
        while failed is None:
            try:
                item = next(iterator)
            except StopIteration:
                break
            except Exception as error:
                failed = error
                break
            waiting.append(pool.submit(function, item))
            while waiting and (len(waiting) > depth or waiting[0].done()):
                yield _finished(waiting.popleft())
        while waiting:
            yield _finished(waiting.popleft())
    finally:
        for each in waiting:
            each.cancel()
        pool.shutdown(cancel_futures=True)
    if failed is not None:
        raise failed


def _finished(future: "Future[Result]") -> "Future[Result]":
    future.exception()  # waits
    return future
