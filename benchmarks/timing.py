"""Times calls interleaved in one process, so that other load on the machine affects them equally."""

import random
import time
from collections.abc import Callable

import numpy as np
import torch

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""What passes, or what this process computes, all its threads added up."""

WARM_UP = 10
"""Warm-up rounds, which load code and fill caches."""


@torch.inference_mode()
def in_turns(
    calls: dict[str, Callable[[], object]], rounds: int, *, clock: str = "wall", warm: bool = False
) -> dict[str, np.ndarray]:
    """Time every call once per round, in an order that changes from round to round.

    Args:
        calls: name → call to time.
        clock: a key of `CLOCKS`.
        warm: call each once more just before, which brings its weights into the caches, as with a sequence of faces.

    Returns:
        Name → milliseconds of each round.

    Example:
        >>> {name: len(times) for name, times in in_turns({"nothing": lambda: None}, 3).items()}
        {'nothing': 3}
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, now, shuffle = list(calls), CLOCKS[clock], random.Random(0).shuffle
    for turn in range(WARM_UP + rounds):
        shuffle(order)
        for name in order:
            if warm:
                calls[name]()
            start = now()
            calls[name]()
            if turn >= WARM_UP:
                times[name].append(1000 * (now() - start))
    return {name: np.array(values) for name, values in times.items()}
