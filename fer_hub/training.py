"""The HF Trainer on batches of decoded faces: augmentation, soft labels and memory layout in one place."""

import time

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState

from fer_hub.augment import Augmentation
from fer_hub.metrics import classification_metrics
from fer_hub.model import FERImageProcessor


class FaceDataset(Dataset):
    """A split held decoded in memory (28,709 images of 48x48 are 66 MB), from which whole batches are cut at once.

    Args:
        images: uint8 array (images, height, width), as `fer_hub.data.decode_images` returns it.
        labels: class indices, integer array (images,), or probabilities, float array (images, classes).

    Raises:
        ValueError: the two do not belong together.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        if images.ndim != 3 or images.dtype != np.uint8 or len(images) != len(labels) or len(images) == 0:
            raise ValueError(
                "images must be uint8 of shape (images, height, width) with one label each, got "
                f"{images.dtype} {images.shape} and {len(labels)} labels; decode the split with decode_images."
            )
        self.images = torch.from_numpy(images)[:, None]
        labels = np.asarray(labels)
        self.labels = torch.from_numpy(labels.astype(np.float32 if labels.ndim == 2 else np.int64))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"pixel_values": self.images[index], "labels": self.labels[index]}

    def __getitems__(self, indices: list[int]) -> dict[str, torch.Tensor]:
        """torch's data loader asks for a whole batch at once where this method is there."""
        chosen = torch.as_tensor(indices)
        return {"pixel_values": self.images[chosen], "labels": self.labels[chosen]}


class FERTrainer(Trainer):
    """HF's Trainer for `FaceDataset`s: augments and standardises whole batches on the model's device.

    Args:
        image_processor: its `normalize_batch` is the last step before the model, in training as in evaluation.
        augmentation: applied to training batches only, before the image processor.
        (others): as for `transformers.Trainer`.
    """

    def __init__(self, *, image_processor: FERImageProcessor, augmentation: Augmentation, **kwargs):
        super().__init__(
            data_collator=lambda batch: batch,
            processing_class=image_processor,
            compute_metrics=self._metrics,
            **kwargs,
        )
        self.image_processor, self.augmentation = image_processor, augmentation
        self.label_smoother = None  # _prepare_inputs smooths instead: HF's own cannot read probabilities as labels
        self.memory_format = torch.contiguous_format
        if self.args.channels_last and not _narrow_shortcuts(self.model):
            self.memory_format = torch.channels_last
            self.model.to(memory_format=torch.channels_last)

    def _prepare_inputs(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs = dict(super()._prepare_inputs(inputs))
        images = inputs["pixel_values"]
        if self.model.training:
            images = self.augmentation(images)
            inputs["labels"] = smooth_labels(
                inputs["labels"], self.model.config.num_labels, self.args.label_smoothing_factor
            )
        images = self.image_processor.normalize_batch(images)
        inputs["pixel_values"] = images.contiguous(memory_format=self.memory_format)
        return inputs

    def _metrics(self, prediction) -> dict[str, float]:
        logits = torch.as_tensor(prediction.predictions).float()
        labels = prediction.label_ids
        labels = labels.argmax(1) if labels.ndim == 2 else labels
        names = list(self.model.config.id2label.values())
        result = classification_metrics(logits.softmax(1).numpy(), labels, names)
        return {name: result[name] for name in ("accuracy", "macro_f1", "calibration_error")}


def _narrow_shortcuts(model: torch.nn.Module) -> bool:
    """Whether a 1x1 convolution with a stride has fewer than 16 input channels.

    In channels-last float32 on a CPU its backward pass writes outside its memory in torch 2.13 (seen with 3 to 12
    channels, not with 16 and more); such small networks gain nothing from channels-last anyway.
    """
    return any(
        module.kernel_size == (1, 1) and module.stride != (1, 1) and module.in_channels < 16
        for module in model.modules()
        if isinstance(module, torch.nn.Conv2d)
    )


class TrainingClock(TrainerCallback, ExportableState):
    """Counts the seconds of a training over all its interruptions; the Trainer saves it with every checkpoint.

    Attributes:
        seconds: spent in the steps up to `last checkpoint or end`, evaluations and saving included.
        from_step: the step at which counting began; 0 unless the run goes on from a checkpoint without a clock.
    """

    def __init__(self, seconds: float = 0.0, from_step: int | None = None):
        self.seconds, self.from_step = seconds, from_step
        self._since = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        self._since = time.perf_counter()
        self.from_step = state.global_step if self.from_step is None else self.from_step

    def on_step_end(self, args, state, control, **kwargs):
        self._count()

    def on_train_end(self, args, state, control, **kwargs):
        self._count()

    def _count(self) -> None:
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now

    def state(self) -> dict:
        """What the Trainer writes into trainer_state.json."""
        return {"args": {"seconds": self.seconds, "from_step": self.from_step}, "attributes": {}}


def smooth_labels(labels: torch.Tensor, classes: int, smoothing: float) -> torch.Tensor:
    """Class indices (images,) or probabilities (images, classes) → smoothed probabilities (images, classes).

    Label smoothing as in Szegedy et al. 2015, arXiv:1512.00567, section 7. Without smoothing labels stay as they are.

    Example:
        >>> smooth_labels(torch.tensor([1]), 2, 0.1)
        tensor([[0.0500, 0.9500]])
    """
    if not smoothing:
        return labels
    if labels.ndim == 1:
        labels = torch.nn.functional.one_hot(labels, classes).float()
    return labels * (1 - smoothing) + smoothing / classes
