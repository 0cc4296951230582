"""The options of `train.py`, with defaults for a small network and FER-2013."""

import math
from dataclasses import dataclass, field

import torch
from transformers import TrainingArguments

from fer_hub.data import IMAGES, LABELS
from fer_hub.model import ARCHITECTURES, STRETCHES
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.checks import best_metric, check_numbers, check_reporters, check_texts
from fer_hub.training.mixing import Mixing
from fer_hub.training.soft_labels import CLASS_WEIGHTS

SGD = {"learning_rate": 0.1, "optim_args": "momentum=0.9,nesterov=True"}
"""Defaults of `learning_rate` and `optim_args` for SGD."""

LEARNING_RATE = 1e-3
"""Default `learning_rate` for AdamW and all other optimisers."""

WARMUP_STEPS = 0.05
"""Default `warmup_steps` for schedules with a warm-up."""

WITHOUT_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")
"""Schedules without a warm-up in transformers."""

SIZES = ("embedding_size", "hidden_sizes", "depths")
"""Options for the size of `residual_cnn`; the other networks have fixed sizes."""


@dataclass
class ModelArguments:
    architecture: str = field(
        default="residual_cnn",
        metadata={"help": f"The network: {', '.join(ARCHITECTURES)}.", "choices": [*ARCHITECTURES]},
    )
    dropout: float | None = field(default=None, metadata={"help": "Dropout; the architecture's default if left out."})
    image_size: int | None = field(
        default=None, metadata={"help": "Height and width of its images in pixels; 48 if left out."}
    )
    embedding_size: int | None = field(default=None, metadata={"help": "Width of residual_cnn's stem; 32 if left out."})
    hidden_sizes: list[int] | None = field(
        default=None, metadata={"help": "Width of each stage of residual_cnn; 64 128 256 if left out."}
    )
    depths: list[int] | None = field(
        default=None, metadata={"help": "Residual blocks of each stage; one each if left out."}
    )
    start_from: str | None = field(
        default=None, metadata={"help": "Checkpoint folder or Hub id from which training starts."}
    )
    pretrained: str = field(
        default="auto",
        metadata={
            "help": "Backbone of a transfer network: auto (ImageNet weights from the Hub), none (random weights), or a "
            "folder or Hub id to load it from."
        },
    )
    calibrate: bool = field(
        default=True,
        metadata={"help": "Fit a temperature on validation after training, before the evaluation on test."},
    )
    calibrate_degraded: bool = field(
        default=False,
        metadata={"help": "Fit it on the original and the corrupted validation images together."},
    )
    refit_last_layer: bool = field(
        default=False,
        metadata={
            "help": "After training, fit the last layer to convergence on the features of augmented training images, "
            "which restores rare classes under a uniform prior."
        },
    )
    stretch: str | None = field(
        default=None,
        metadata={
            "help": "Stretch the grey values of every crop, in training and in use: none, or percentiles, which "
            "removes differences in brightness and contrast; none for new networks, otherwise as in --start-from.",
            "choices": [*STRETCHES],
        },
    )

    def sizes(self) -> dict[str, int | list[int]]:
        """The sizes given here, by their names in `FERConfig`."""
        given = {name: getattr(self, name) for name in SIZES if getattr(self, name) is not None}
        if "hidden_sizes" in given:
            given.setdefault("depths", [1] * len(self.hidden_sizes))
        return given


@dataclass
class DataArguments:
    data: str = field(
        metadata={"help": "Hub dataset id, parquet folder or file, Kaggle CSV, or image folder <class>/<images>."}
    )
    recipe: str | None = field(
        default=None,
        metadata={
            "help": "File with options: name of a recipe in recipes/, or a JSON file such as a checkpoint's "
            "training_args.json. Options on the command line override it."
        },
    )
    images: str = field(
        default="crops",
        metadata={
            "help": "Kind of the images: face crops, or photographs, from which the largest face is cropped.",
            "choices": [*IMAGES],
        },
    )
    labels: str = field(
        default="auto",
        metadata={
            "help": "The classes of the data set (auto), only FER-2013's seven, FER+ majority (eight classes), the "
            "FER+ votes, or both: a weighted mean of FER-2013's label and the votes.",
            "choices": ["auto", *LABELS],
        },
    )
    label_share: float = field(
        default=0.5, metadata={"help": "With --labels both, the weight of FER-2013's label, 0 to 1."}
    )
    image_column: str | None = field(
        default=None, metadata={"help": "Column of the images in parquet or on the Hub, if there are several."}
    )
    label_column: str | None = field(
        default=None, metadata={"help": "Column of the classes in parquet or on the Hub, if there are several."}
    )
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Names of classes that are whole numbers in the data, in their order."}
    )
    ferplus_csv: str | None = field(default=None, metadata={"help": "fer2013new.csv, to join the FER+ votes."})
    validation_fraction: float = field(
        default=0.1, metadata={"help": "Fraction of train used for validation if the data has none."}
    )
    drop_duplicates: bool = field(
        default=False,
        metadata={"help": "Leave out training images that are near-duplicates of validation or test images."},
    )
    duplicates: str | None = field(
        default=None,
        metadata={
            "help": "With --drop-duplicates, a file that fer-hub duplicates wrote for the same data, such as "
            "results/fer2013_duplicates.json; without it they are searched for."
        },
    )
    augmentation: str = field(
        default="light",
        metadata={
            "help": "Random changes to training images; fer-hub contact-sheet shows them.",
            "choices": [*PRESETS],
        },
    )
    patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without improvement."}
    )
    resume: bool = field(default=False, metadata={"help": "Resume from the last checkpoint in output_dir."})

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass
class FERTrainingArguments(TrainingArguments):
    """HF's TrainingArguments with defaults for a small network and FER-2013, and additional options.

    `learning_rate`, `optim_args`, `warmup_steps` and, for `reduce_lr_on_plateau`, the mode in `lr_scheduler_kwargs`
    are derived from other options if they are `None`; afterwards they have the values that are used.

    Raises:
        ValueError: an option is invalid or conflicts with another one.
    """

    output_dir: str = field(default="runs/fer", metadata={"help": "Folder for checkpoints, logs and the result."})
    num_train_epochs: float = field(default=32, metadata={"help": "Number of epochs."})
    per_device_train_batch_size: int = field(default=128, metadata={"help": "Images per step and device."})
    per_device_eval_batch_size: int = field(default=256, metadata={"help": "Images per evaluation step."})
    learning_rate: float | None = field(
        default=None, metadata={"help": "Peak learning rate; 0.1 for sgd, 0.001 for the others if left out."}
    )
    weight_decay: float = field(default=5e-4, metadata={"help": "Weight decay, not on biases."})
    optim: str = field(default="sgd", metadata={"help": "sgd, adamw_torch, adamw_torch_fused, ..."})
    optim_args: str | None = field(
        default=None,
        metadata={
            "help": "Options of optim as name=value,...; momentum=0.9,nesterov=True for sgd if left out. AdamW's are "
            "--adam-beta1, --adam-beta2 and --adam-epsilon."
        },
    )
    lr_scheduler_type: str = field(
        default="cosine",
        metadata={
            "help": "cosine, linear, constant, ..., or reduce_lr_on_plateau: reduce it if metric_for_best_model has "
            "not improved for 10 evaluations."
        },
    )
    lr_scheduler_kwargs: dict | str | None = field(
        default=None,
        metadata={
            "help": """Options of the schedule as JSON, for the plateau such as '{"patience": 5, "factor": 0.5}'."""
        },
    )
    warmup_steps: float | None = field(
        default=None,
        metadata={
            "help": "Steps of rising learning rate, below 1 a share of all; 0.05 if left out, 0 for constant and "
            "reduce_lr_on_plateau."
        },
    )
    label_smoothing_factor: float = field(default=0.1, metadata={"help": "Label smoothing (arXiv:1512.00567)."})
    mixup: float = field(
        default=0.0,
        metadata={"help": "mixup with λ from Beta(X, X), arXiv:1710.09412; 0.2 is usual."},
    )
    cutmix: float = field(
        default=0.0,
        metadata={
            "help": "CutMix with λ from Beta(X, X), arXiv:1905.04899; 1 is usual. With mixup too, one of the two is "
            "chosen for every batch."
        },
    )
    class_weights: str = field(
        default="none",
        metadata={
            "help": "Class weights in the training loss: balanced, by inverse frequency; effective, less strongly, by "
            "the effective number of samples (arXiv:1901.05555).",
            "choices": [*CLASS_WEIGHTS],
        },
    )
    ema: float | None = field(
        default=None,
        metadata={
            "help": "Evaluate, select and save an exponential moving average of the weights with this decay; 0.999 is "
            "usual, 0.99 for short trainings."
        },
    )
    freeze_backbone_epochs: float | None = field(
        default=None, metadata={"help": "Train only the head of a transfer network for this many epochs first."}
    )
    unfreeze_stages: int | None = field(
        default=None, metadata={"help": "Then unfreeze this many of the last backbone stages; all if left out."}
    )
    eval_strategy: str = field(
        default="epoch", metadata={"help": "When to evaluate on validation: epoch, steps or no."}
    )
    save_strategy: str = field(default="epoch", metadata={"help": "When to save a checkpoint; same as eval_strategy."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept besides the best."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the best epoch on validation."})
    metric_for_best_model: str | None = field(
        default="accuracy",
        metadata={"help": "Metric of the best epoch: accuracy, macro_f1, loss or calibration_error."},
    )
    logging_steps: float = field(default=50, metadata={"help": "Steps between two lines of the log."})
    logging_nan_inf_filter: bool = field(
        default=False, metadata={"help": "Filter NaN losses from the log; the check makes a GPU wait."}
    )
    # no option: train.py's --label-names are the names of classes, and transformers finds the key of the labels itself
    label_names: list[str] | None = field(default=None, init=False)
    report_to: str | None = field(
        default="none", metadata={"help": "Log the training to tensorboard or trackio, if installed."}
    )
    remove_unused_columns: bool = field(default=False, metadata={"help": "Must be off: batches are already prepared."})
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Resuming also resumes the clock and the patience of early stopping."}
    )
    precision: str = field(
        default="auto",
        metadata={"help": "fp32, bf16, or auto: bf16 if a GPU or a CPU with AMX supports it."},
    )
    channels_last: bool = field(default=True, metadata={"help": "Channels-last memory, for faster convolutions."})
    torch_compile: bool = field(
        default=False, metadata={"help": "Compile the network; takes a minute, and on a CPU needs a C++ compiler."}
    )

    def __post_init__(self):
        self._check()
        self._fill_in_optimiser()
        self._fill_in_warmup()
        accelerator = torch.accelerator.is_available() and not self.use_cpu
        self.use_cpu = not accelerator
        if accelerator and self.accelerator_config is None:  # transfer the next batch while this one is computed
            self.accelerator_config = {"non_blocking": True}
        if self.precision == "auto" and not self.fp16:
            self.bf16 = self.bf16 or _has_bf16(accelerator)
        self.bf16 = self.bf16 or self.precision == "bf16"
        if self.ddp_find_unused_parameters is None:  # a frozen backbone is unused; otherwise the search costs time
            freezes = (self.freeze_backbone_epochs, self.unfreeze_stages) != (None, None)
            self.ddp_find_unused_parameters = freezes
        super().__post_init__()
        if self.lr_scheduler_type == "reduce_lr_on_plateau":  # torch's default would reduce it while accuracy rises
            self.lr_scheduler_kwargs = {
                "mode": "max" if self.greater_is_better else "min",
                **(self.lr_scheduler_kwargs or {}),
            }
        check_reporters(self.report_to)

    def _check(self) -> None:
        check_numbers(self)
        check_texts(self.optim_args, self.lr_scheduler_kwargs)
        if self.metric_for_best_model is not None:
            greater = best_metric(self.metric_for_best_model, loss_only=self.prediction_loss_only)
            self.greater_is_better = greater if self.greater_is_better is None else self.greater_is_better
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f"precision must be auto, fp32 or bf16, got {self.precision!r}; choose one of the three.")
        if self.precision == "fp32" and (self.bf16 or self.fp16):
            raise ValueError(
                f"precision must not be fp32 with --{'bf16' if self.bf16 else 'fp16'}, as the two conflict; leave one "
                "of them out."
            )
        if self.resume_from_checkpoint:
            raise ValueError(
                f"resume_from_checkpoint must be left out, got {self.resume_from_checkpoint}; --resume continues from "
                "the newest checkpoint in output_dir."
            )
        if self.class_weights not in CLASS_WEIGHTS:
            raise ValueError(
                f"class_weights must be one of {', '.join(CLASS_WEIGHTS)}, got {self.class_weights!r}; choose one of "
                "these."
            )
        Mixing(self.mixup, self.cutmix)  # checks the two
        if self.ema is not None and not (math.isfinite(self.ema) and 0 < self.ema < 1):
            raise ValueError(f"ema must be a decay above 0 and below 1, got {self.ema}; 0.999 is usual.")

    def _fill_in_optimiser(self) -> None:
        optim = _plain(self.optim)
        if self.optim_args and optim.startswith("adamw_torch"):
            raise ValueError(
                f"optim_args must be left out with {optim}, which ignores them, got {self.optim_args!r}; its options "
                "are --adam-beta1, --adam-beta2 and --adam-epsilon."
            )
        if self.optim_args is None and optim == "sgd":
            self.optim_args = SGD["optim_args"]
        if self.learning_rate is None:
            self.learning_rate = SGD["learning_rate"] if optim == "sgd" else LEARNING_RATE

    def _fill_in_warmup(self) -> None:
        schedule = _plain(self.lr_scheduler_type)
        if self.warmup_steps and schedule in WITHOUT_WARMUP:
            raise ValueError(
                f"warmup_steps must be left out with lr_scheduler_type {schedule}, which has no warm-up, got "
                f"{self.warmup_steps:g}; choose another schedule, such as constant_with_warmup, or leave it out."
            )
        if self.warmup_steps is None:
            self.warmup_steps = 0 if schedule in WITHOUT_WARMUP else WARMUP_STEPS


def _has_bf16(accelerator: bool) -> bool:
    if accelerator:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    # private in torch 2.11 to 2.13; without it float32 is the safe choice. With AVX512-BF16 alone bfloat16 is slower
    # than float32: 0.80 s against 0.61 s for a step of 128 images on a Xeon at 2.3 GHz
    return getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()


def _plain(value: object) -> str:
    """The value of an enum member, or the text itself."""
    return str(getattr(value, "value", value))
