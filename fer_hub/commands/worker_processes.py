"""`fer-hub predict` on several cores by processes: threads share Python's lock, processes nothing."""

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Container, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from fer_hub.commands.photograph_files import each_photograph

AT_ONCE = 16
"""Photographs that a process gets together."""

AHEAD = 4
"""So many pieces are given out for each process, which bounds memory."""

PATIENCE = 10.0
"""Seconds for which a process that was told to end is waited for."""

_pipeline: Any = None


def process_results(
    names: Sequence[str], done: Container[str], workers: int, options: Mapping[str, Any]
) -> Generator[tuple[str, Any, Any], None, None]:
    """(name, source, ((width, height), faces) or an error) of every photograph that is not done, in their order.

    Args:
        names: paths and addresses.
        done: names that are left out.
        workers: how many processes.
        options: of `FERPipeline.from_pretrained`.

    Raises:
        RuntimeError: a process was killed, as the system does where memory ends.
    """
    left = iter([name for name in names if name not in done])
    pieces = iter(lambda: list(itertools.islice(left, AT_ONCE)), [])
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(dict(options),))
    waiting: deque[tuple[list[str], Future[list[Any]]]] = deque()
    try:
        for piece in pieces:
            waiting.append((piece, pool.submit(_classified, piece)))
            if len(waiting) >= AHEAD * workers:
                yield from _results(*waiting.popleft())
        while waiting:
            yield from _results(*waiting.popleft())
    except BrokenProcessPool:
        raise RuntimeError(
            f"all {workers} worker processes must live until the end, but one was killed, perhaps as memory ended; use "
            "fewer --workers."
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        ours = [process for process in multiprocessing.active_children() if process not in others]
        for process in ours:
            process.terminate()
        for process in ours:
            process.join(PATIENCE)


def _results(piece: list[str], future: "Future[list[Any]]") -> Generator[tuple[str, Any, Any], None, None]:
    for (name, source), result in zip(each_photograph(piece), future.result(), strict=True):
        yield name, source, result


def _begin(options: dict[str, Any]) -> None:
    """Load the pipeline in a new process, which ends with its parent, however that ends."""
    global _pipeline
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    from fer_hub.pipeline import FERPipeline

    _pipeline = FERPipeline.from_pretrained(**options)


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        with contextlib.suppress(OSError):
            multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _classified(names: list[str]) -> list[Any]:
    sources = (source for _, source in each_photograph(names))
    return list(_pipeline.stream_sized(sources, on_error="yield", threads=1))
