"""Synthetic data: noise images, and logits with labels drawn from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fer_hub.inference.logits import softmax


def write_noise(path: Path, counts: Mapping[str, int], emotions: Sequence[int]) -> Path:
    """A `fer2013.csv` of noise: these emotions, repeated, under every `Usage`."""
    random = np.random.default_rng(3)
    lines = ["emotion,pixels,Usage"]
    for usage, count in counts.items():
        for emotion in list(emotions) * count:
            lines.append(f"{emotion},{' '.join(map(str, random.integers(0, 256, 48 * 48)))},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


def drawn(temperature: float, offsets: Sequence[float] = (0.0,) * 7, images: int = 20_000, seed: int = 0):
    """Logits whose labels were drawn from their softmax, with known offsets of the classes and a known temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (images, len(offsets)))
    chances = softmax((logits + offsets) / temperature)
    labels = (chances.cumsum(1) < random.random((images, 1))).sum(1)
    return logits, np.minimum(labels, len(offsets) - 1)
