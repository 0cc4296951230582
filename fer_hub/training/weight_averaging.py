"""An exponential moving average of the weights, which is evaluated, selected and saved.

The last steps of a training oscillate around a minimum; the average of the weights is closer to it (Polyak and
Juditsky 1992; Tarvainen and Valpola 2017, arXiv:1703.01780).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import TrainerCallback

from fer_hub.files import replacing

TRAINED_WEIGHTS = "unaveraged.safetensors"
"""File of a `checkpoint-*` folder with the weights for resuming; model.safetensors contains the average."""


class WeightAverage:
    """The average of a model's weights over the steps of its training.

    After step t (from 1) the average is d_t * average + (1 - d_t) * weights, where
    d_t = min(decay, (1 + t) / (10 + t)): a warm-up, as in TensorFlow's ExponentialMovingAverage, without which the
    initial random weights would influence the average for about 1 / (1 - decay) steps. Floating-point buffers, the
    means and variances of batch norm, are averaged like the weights; counters are copied.

    Args:
        model: its current weights are the first average. Its tensors must be modified in place, not replaced.
        decay: in (0, 1); the average covers about 1 / (1 - decay) steps.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.updates = decay, 0
        self.trained = {name: tensor.detach() for name, tensor in model.state_dict().items()}
        self.values = {name: tensor.clone() for name, tensor in self.trained.items()}
        self._moving = [name for name, tensor in self.trained.items() if tensor.is_floating_point()]
        self._counting = [name for name in self.trained if name not in self._moving]

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the model's current weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(
            [self.values[name] for name in self._moving], [self.trained[name] for name in self._moving], 1 - decay
        )
        for name in self._counting:
            self.values[name].copy_(self.trained[name])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
        kept = {name: tensor.clone() for name, tensor in self.trained.items()}
        self.apply()
        try:
            yield
        finally:
            _copy(kept, self.trained)

    def apply(self) -> None:
        """Copy the averaged weights to the model."""
        _copy(self.values, self.trained)

    def save(self, folder: Path) -> None:
        """Write the weights for resuming next to the average: `TRAINED_WEIGHTS`."""
        with replacing(folder / TRAINED_WEIGHTS) as temporary:
            tensors = {name: tensor.contiguous() for name, tensor in self.trained.items()}
            save_file(tensors, temporary, metadata={"format": "pt", "updates": str(self.updates)})

    def load(self, folder: Path) -> None:
        """Resume from the files of `save`; the model must have the average loaded."""
        _copy(self.trained, self.values)
        with safe_open(folder / TRAINED_WEIGHTS, "pt") as file:
            self.updates = int(file.metadata()["updates"])
        _copy(load_file(folder / TRAINED_WEIGHTS), self.trained)


class AverageWeights(TrainerCallback):
    """Keeps a `WeightAverage` during `Trainer.train`; afterwards the model has the averaged weights.

    Args:
        decay: decay of the average.

    Attributes:
        average: the `WeightAverage` during training, otherwise `None`.
        checkpoint: the folder from which the training resumes, if any; must be set before it starts.
    """

    def __init__(self, decay: float):
        self.decay = decay
        self.average: WeightAverage | None = None
        self.checkpoint: Path | None = None

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self.average = WeightAverage(model, self.decay)
        if self.checkpoint is not None:
            self.average.load(self.checkpoint)

    def on_step_end(self, args, state, control, **kwargs):
        self.average.update()

    def on_train_end(self, args, state, control, **kwargs):
        has_the_best = args.load_best_model_at_end and state.best_model_checkpoint
        if not has_the_best:
            self.average.apply()
        self.average = None


def check_checkpoint(checkpoint: str | Path, averaging: bool) -> None:
    """Check that a training with weight averaging resumes with it, and one without resumes without.

    Raises:
        ValueError: the checkpoint does not match.
    """
    averaged = (Path(checkpoint) / TRAINED_WEIGHTS).is_file()
    if averaged and not averaging:
        raise ValueError(
            f"--ema is required to resume from {Path(checkpoint).name}, which was trained with it; add it with the "
            "same decay."
        )
    if averaging and not averaged:
        raise ValueError(
            f"--ema must be used from the first step on, but {Path(checkpoint).name} was trained without it; leave it "
            "out, or start a new run."
        )


@torch.no_grad()
def _copy(source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
