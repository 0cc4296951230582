"""The HF Trainer for decoded faces: batch augmentation, soft labels and memory layout."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState
from transformers.trainer_utils import get_last_checkpoint

from fer_hub.evaluation.metrics import classification_metrics
from fer_hub.model import FERImageProcessor
from fer_hub.training.augmentation import Augmentation
from fer_hub.training.freezing import BackboneFreezing
from fer_hub.training.mixing import Mixing
from fer_hub.training.soft_labels import class_weights, training_labels
from fer_hub.training.weight_averaging import AverageWeights, check_checkpoint


class FaceDataset(Dataset):
    """A decoded split in memory (28,709 images of 48x48 take 66 MB) that returns whole batches at once.

    Args:
        images: uint8 array (images, height, width), as `fer_hub.data.decode_images` returns it.
        labels: class indices, integer array (images,), or probabilities, float array (images, classes).

    Raises:
        ValueError: images and labels do not match.
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
        self._columns = {"pixel_values": self.images, "labels": self.labels}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: column[index] for name, column in self._columns.items()}

    def __getitems__(self, indices: list[int]) -> dict[str, torch.Tensor]:
        """Called by torch's data loader to get a whole batch at once."""
        chosen = torch.as_tensor(indices)
        return {name: column[chosen] for name, column in self._columns.items()}


class FERTrainer(Trainer):
    """HF's Trainer for `FaceDataset`s: augments, mixes and standardises whole batches on the model's device.

    Mixing, class weights, label smoothing, weight averaging and freezing are set in `args`. They apply to training
    only: the evaluation loss is the plain cross-entropy.

    Args:
        args: `FERTrainingArguments`.
        image_processor: its `normalize_batch` is the last step before the model, in training and in evaluation.
        augmentation: applied to training batches only, before mixing and the image processor.
        (others): as for `transformers.Trainer`.

    Raises:
        ValueError: `args` do not match the network or the training images.
    """

    def __init__(
        self,
        *,
        image_processor: FERImageProcessor,
        augmentation: Augmentation,
        **kwargs,
    ):
        super().__init__(
            data_collator=_as_it_is,
            processing_class=image_processor,
            compute_metrics=self._metrics,
            **kwargs,
        )
        self.image_processor, self.augmentation = image_processor, augmentation
        batch = self.args.train_batch_size * self.args.world_size
        if self.args.dataloader_drop_last and self.train_dataset is not None and len(self.train_dataset) < batch:
            raise ValueError(
                f"dataloader_drop_last needs at least one whole batch of {batch} training images, got "
                f"{len(self.train_dataset)}; leave it out, or choose a smaller --per-device-train-batch-size."
            )
        if augmentation.crop < 1 and not self.model.trains_on_windows:
            raise ValueError(
                "an augmentation that crops needs a network that takes images of any size, as residual_cnn and those "
                f"with a backbone do, got {self.model.config.architecture}; choose another --augmentation."
            )
        if self.args.torch_compile and self.args.device.type == "cpu" and not self.model.suits_channels_last:
            raise ValueError(
                "torch_compile on a CPU needs a network of at least 16 channels everywhere, got one with fewer "
                "before a stride, with which torch crashes; leave --torch-compile out, or use larger sizes."
            )
        self.label_smoother = None  # _prepare_inputs smooths instead: HF's own does not support probabilities as labels
        self.names = list(self.model.config.id2label.values())
        self.classes = len(self.names)
        self.mixing = Mixing(self.args.mixup, self.args.cutmix)
        self.class_weights = None
        if self.args.class_weights != "none":
            weights = class_weights(self.train_dataset.labels, self.classes, self.args.class_weights)
            self.class_weights = weights.to(self.args.device)
        self.averaging = AverageWeights(self.args.ema) if self.args.ema else None
        self.freezing = None
        if self.args.freeze_backbone_epochs is not None or self.args.unfreeze_stages is not None:
            epochs = self.args.freeze_backbone_epochs or 0
            self.freezing = BackboneFreezing(self.model, epochs, self.args.unfreeze_stages)
        for callback in (_OwnRandomNumbers(), self.freezing, self.averaging):
            if callback is not None:
                self.add_callback(callback)
        if self.args.device.type == "cuda":  # batches have one size, so searching for the fastest kernels pays off
            torch.backends.cudnn.benchmark = True
        self.memory_format = torch.contiguous_format
        if self.args.channels_last and self.model.suits_channels_last:
            self.memory_format = torch.channels_last
        self.model.to(memory_format=self.memory_format)

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs):
        """As in `transformers.Trainer`; a checkpoint must match this training in whether the weights are averaged."""
        if resume_from_checkpoint is True:
            resume_from_checkpoint = get_last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            check_checkpoint(resume_from_checkpoint, self.averaging is not None)
        if self.averaging is not None:
            self.averaging.checkpoint = Path(resume_from_checkpoint) if resume_from_checkpoint else None
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        """As in `transformers.Trainer`, which has just put the whole model into training mode."""
        if self.freezing is not None and self.model.training:
            self.freezing.hold()
        return super().compute_loss(model, inputs, return_outputs=return_outputs, **kwargs)

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        """As in `transformers.Trainer`; during a training with weight averaging, the average is evaluated."""
        with self._evaluated_weights():
            return super().evaluate(*args, **kwargs)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As in `transformers.Trainer`: saves the evaluated weights, and those needed for resuming."""
        with self._evaluated_weights():
            super().save_model(output_dir, _internal_call=_internal_call)
        if self.averaging is not None and self.averaging.average is not None and self.args.should_save:
            self.averaging.average.save(Path(output_dir or self.args.output_dir))

    @contextlib.contextmanager
    def _evaluated_weights(self) -> Iterator[None]:
        average = self.averaging.average if self.averaging is not None else None
        with average.applied() if average is not None else contextlib.nullcontext():
            if self.args.world_size > 1 and self.is_in_train:
                for buffer in self.model.buffers():  # every process has its own batch norm statistics
                    torch.distributed.broadcast(buffer, 0)
            yield

    def floating_point_ops(self, inputs: dict[str, torch.Tensor]) -> int:
        """Disabled: transformers' formula is for language models, and sums all parameters in every step."""
        return 0

    def _prepare_inputs(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs = dict(super()._prepare_inputs(inputs))
        images = inputs["pixel_values"]
        if self.model.training:
            images, labels = self.mixing(self.augmentation(images), inputs["labels"], self.classes)
            inputs["labels"] = training_labels(
                labels, self.classes, smoothing=self.args.label_smoothing_factor, weights=self.class_weights
            )
        images = self.image_processor.normalize_batch(images)
        inputs["pixel_values"] = images.contiguous(memory_format=self.memory_format)
        return inputs

    def _metrics(self, prediction) -> dict[str, float]:
        logits = torch.as_tensor(prediction.predictions).float()
        if not logits.isfinite().all():
            raise ValueError(
                "the training must not diverge, but the network gives NaN or infinity on validation; begin anew with a "
                f"lower --learning-rate than {self.args.learning_rate:g}."
            )
        labels = prediction.label_ids
        labels = labels.argmax(1) if labels.ndim == 2 else labels
        result = classification_metrics(logits.softmax(1).numpy(), labels, self.names)
        return {name: result[name] for name in ("accuracy", "macro_f1", "calibration_error")}


def _as_it_is(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return batch


class _OwnRandomNumbers(TrainerCallback):
    """Gives each of several processes its own random numbers for augmentation; they share the order of the images."""

    def on_train_begin(self, args, state, control, **kwargs):
        if args.world_size > 1:
            torch.manual_seed(args.seed + args.process_index)


class TrainingClock(TrainerCallback, ExportableState):
    """Counts the seconds of a training across interruptions; the Trainer saves it with every checkpoint.

    Attributes:
        seconds: time up to the last checkpoint or the end, including evaluation and saving.
        from_step: the step at which counting started; 0 unless the run resumed from a checkpoint without a clock.
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
        """The state that the Trainer saves in trainer_state.json."""
        return {"args": {"seconds": self.seconds, "from_step": self.from_step}, "attributes": {}}
