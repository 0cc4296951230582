"""Freezing of a pretrained backbone while its new head is trained, and gradual unfreezing."""

import logging
import math

from torch import nn
from transformers import TrainerCallback

from fer_hub.model import NETWORKS, FERForImageClassification

logger = logging.getLogger(__name__)


class BackboneFreezing(TrainerCallback):
    """Freezes the backbone of a transfer network for the first epochs of `Trainer.train`.

    Frozen stages get no gradient and stay in evaluation mode: their batch norms neither use nor update batch
    statistics, and their dropout is off. The optimiser holds all parameters from the start and skips those without a
    gradient. The frozen stages depend only on the epoch, so a resumed run needs no extra state.

    Args:
        model: its network must have `backbone_stages()`, a list of modules from input to output.
        epochs: number of epochs with the whole backbone frozen; may be fractional.
        unfreeze: number of stages, counted from the output, that are trained afterwards; all if `None`. The others
            stay frozen.

    Raises:
        ValueError: the network has no backbone, or a number is invalid.

    Attributes:
        frozen: the currently frozen stages.
    """

    def __init__(self, model: FERForImageClassification, epochs: float, unfreeze: int | None = None):
        if not hasattr(model.network, "backbone_stages"):
            able = ", ".join(name for name, network in NETWORKS.items() if hasattr(network, "backbone_stages"))
            raise ValueError(
                f"--freeze-backbone-epochs and --unfreeze-stages need a network with a backbone, one of {able}, got "
                f"{model.config.architecture}; leave them out, or choose another --architecture."
            )
        self.stages: list[nn.Module] = model.network.backbone_stages()
        if not (math.isfinite(epochs) and epochs >= 0):
            raise ValueError(f"--freeze-backbone-epochs must be a number from 0, got {epochs}; 0 freezes nothing.")
        if unfreeze is not None and not 0 <= unfreeze <= len(self.stages):
            raise ValueError(
                f"--unfreeze-stages must be 0 to {len(self.stages)}, the stages of {model.config.architecture}, got "
                f"{unfreeze}; leave it out to unfreeze all of them."
            )
        self.epochs = epochs
        self.unfreeze = len(self.stages) if unfreeze is None else unfreeze
        self.frozen: list[nn.Module] = []

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self._follow(state, model)

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        self._follow(state, model)

    def hold(self) -> None:
        """Put the frozen stages into evaluation mode, after `model.train()` has put everything into training mode."""
        for stage in self.frozen:
            stage.eval()

    def _follow(self, state, model: nn.Module) -> None:
        """Freeze the stages for the current epoch, and log changes."""
        epoch = state.epoch or 0.0
        count = len(self.stages) - (self.unfreeze if epoch >= self.epochs else 0)
        if count == len(self.frozen):
            return
        self.frozen = self.stages[:count]
        for position, stage in enumerate(self.stages):
            stage.requires_grad_(position >= count)
        if state.is_world_process_zero:
            trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
            logger.info(
                f"epoch {epoch:g}: {count} of {len(self.stages)} backbone stages frozen, {trained:,} of "
                f"{model.num_parameters():,} parameters are trained"
            )
