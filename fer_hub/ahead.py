"""A function over a stream of items, computed ahead by threads, with results in order.

Used by the pipeline and the data. Imports nothing of fer_hub.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LEAVE_AFTER = 10.0
"""Seconds for which threads that are still at work are waited for when their results are no longer wanted."""


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
    work: queue.SimpleQueue[tuple[Future[Result], Item] | None] = queue.SimpleQueue()

    def run() -> None:
        while (task := work.get()) is not None:
            future, item = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(item))
                except BaseException as error:
                    future.set_exception(error)

    # daemons, and not an executor, so that Ctrl-C ends a program one of whose threads waits for a slow file
    workers = [threading.Thread(target=run, name=f"fer_hub-{number}", daemon=True) for number in range(threads)]
    for each in workers:
        each.start()
    iterator, failed, patience = iter(items), None, LEAVE_AFTER
    try:
        while failed is None:
            try:
                item = next(iterator)
            except StopIteration:
                break
            except Exception as error:
                failed = error
                break
            waiting.append(Future())
            work.put((waiting[-1], item))
            while waiting and (len(waiting) > depth or waiting[0].done()):
                yield _finished(waiting.popleft())
        while waiting:
            yield _finished(waiting.popleft())
    except KeyboardInterrupt:
        patience = 0.0
        raise
    finally:
        for future in waiting:
            future.cancel()
        for _ in workers:
            work.put(None)
        for each in workers:
            each.join(patience)
    if failed is not None:
        raise failed


def _finished(future: "Future[Result]") -> "Future[Result]":
    future.exception()  # waits
    return future
