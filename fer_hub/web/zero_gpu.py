"""ZeroGPU of Hugging Face: a Space that has a GPU only while a function decorated with `spaces.GPU` runs.

That function runs in a process forked from the Space's, with the networks that were loaded before the page began.
The package `spaces` must be imported before PyTorch, whose questions about CUDA it answers from then on.
"""

import copy
import os
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

VARIABLE = "SPACES_ZERO_GPU"
"""The variable that such a Space sets."""

GPU = "cuda"
"""Where a network lies for the borrowed GPU."""

SECONDS = 10
"""Longest use of the GPU for one photo; the shorter it is, the sooner its turn comes."""

_networks: dict[str, Any] = {}


def is_on() -> bool:
    """Whether this process runs on such a Space."""
    return os.environ.get(VARIABLE, "").lower() in ("1", "t", "true")


def prepare() -> None:
    """Let `spaces` answer for CUDA, on such a Space; must be called before PyTorch is imported."""
    if is_on():
        import spaces  # noqa: F401


class OnBorrowedGPU:
    """A network that borrows a GPU for every call within a request; else, as while the page is built, it has the CPU.

    Images and logits are on the CPU. Must be made before the page is launched.

    Args:
        name: of the network among those of the page.
        model: an image classification model of transformers, which stays on the CPU for others.
    """

    def __init__(self, name: str, model: Any) -> None:
        import spaces  # type: ignore[import-not-found]
        import torch

        _networks[name] = copy.deepcopy(model).eval().to(GPU)
        self.config, self.device, self.dtype = model.config, torch.device("cpu"), torch.float32
        self._name, self._model, self._run = name, model, spaces.GPU(duration=SECONDS)(_logits)

    def eval(self) -> Self:
        """Itself: the network is in evaluation mode."""
        return self

    def __call__(self, pixel_values: Any) -> Any:
        import torch
        from gradio.context import LocalContext

        if LocalContext.event_id.get(None) is None:  # nobody's request, whose allowance of a GPU it could be
            return self._model(pixel_values=pixel_values)
        return SimpleNamespace(logits=torch.from_numpy(self._run(self._name, pixel_values.numpy())))


def _logits(name: str, pixel_values: np.ndarray) -> np.ndarray:
    """Logits of a network that was loaded before this process was forked."""
    import torch

    model = _networks[name]
    with torch.inference_mode():
        values = torch.from_numpy(pixel_values).to(model.device, model.dtype)
        return model(pixel_values=values).logits.float().cpu().numpy()
