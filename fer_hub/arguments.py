"""The options of `train.py`: their defaults are the shipped recipe."""

from dataclasses import dataclass, field, fields

import torch
from transformers import TrainingArguments

from fer_hub.augment import PRESETS
from fer_hub.data import LABELS
from fer_hub.model import ARCHITECTURES


@dataclass
class ModelArguments:
    architecture: str = field(default="residual_cnn", metadata={"help": "The network.", "choices": [*ARCHITECTURES]})
    dropout: float | None = field(default=None, metadata={"help": "Dropout; the architecture's own if left out."})
    start_from: str | None = field(
        default=None, metadata={"help": "Checkpoint folder or Hub id whose network training starts from."}
    )


@dataclass
class DataArguments:
    data: str = field(metadata={"help": "Hub dataset id, parquet folder or file, Kaggle CSV, or image folder."})
    labels: str = field(
        default="fer2013",
        metadata={
            "help": "FER-2013's seven labels, FER+ majority (eight classes), or the FER+ votes.",
            "choices": [*LABELS],
        },
    )
    ferplus_csv: str | None = field(default=None, metadata={"help": "fer2013new.csv, to join the FER+ votes."})
    validation_fraction: float = field(
        default=0.1, metadata={"help": "Share of train cut off for validation where the data has none."}
    )
    augmentation: str = field(default="light", metadata={"help": "Random changes.", "choices": [*PRESETS]})
    patience: int | None = field(default=None, metadata={"help": "Stop after so many epochs without a better one."})
    resume: bool = field(default=False, metadata={"help": "Go on from the last checkpoint in output_dir."})


@dataclass
class FERTrainingArguments(TrainingArguments):
    """HF's TrainingArguments with the defaults of the shipped recipe, and three options of our own."""

    output_dir: str = field(default="runs/fer", metadata={"help": "Folder for checkpoints, logs and the result."})
    num_train_epochs: float = field(default=32, metadata={"help": "Passes over the training images."})
    per_device_train_batch_size: int = field(default=128, metadata={"help": "Images per step and device."})
    per_device_eval_batch_size: int = field(default=256, metadata={"help": "Images per evaluation step."})
    learning_rate: float = field(default=0.1, metadata={"help": "Highest learning rate."})
    weight_decay: float = field(default=5e-4, metadata={"help": "Weight decay, not on norms and biases."})
    optim: str = field(default="sgd", metadata={"help": "sgd (with optim_args) or adamw_torch_fused."})
    optim_args: str | None = field(default="momentum=0.9,nesterov=True", metadata={"help": "Options of optim."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "cosine, linear, constant, ..."})
    warmup_steps: float = field(default=0.05, metadata={"help": "Steps of rising learning rate; below 1 a share."})
    label_smoothing_factor: float = field(
        default=0.1, metadata={"help": "Share of each label spread over all classes (arXiv:1512.00567)."}
    )
    eval_strategy: str = field(default="epoch", metadata={"help": "When validation is measured."})
    save_strategy: str = field(default="epoch", metadata={"help": "When a checkpoint is written."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept besides the best."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the epoch best on validation."})
    metric_for_best_model: str | None = field(default="accuracy", metadata={"help": "What best means."})
    logging_steps: float = field(default=50, metadata={"help": "Steps between two lines of the log."})
    remove_unused_columns: bool = field(default=False, metadata={"help": "Must stay off: batches are ready."})
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Resuming also resumes the clock and the patience of early stopping."}
    )
    precision: str = field(
        default="auto",
        metadata={"help": "fp32, bf16, or auto: bf16 where the GPU or the CPU (AVX512-BF16, AMX) computes it."},
    )
    channels_last: bool = field(default=True, metadata={"help": "Channels-last memory, faster convolutions."})

    def __post_init__(self):
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f"precision must be auto, fp32 or bf16, got {self.precision!r}; choose one of the three.")
        accelerator = torch.accelerator.is_available() and not self.use_cpu
        self.use_cpu = not accelerator
        self.bf16 = self.bf16 or self.precision == "bf16" or (self.precision == "auto" and _has_bf16(accelerator))
        super().__post_init__()


def _has_bf16(accelerator: bool) -> bool:
    if accelerator:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    # private in torch 2.11 to 2.13; without them float32 is the safe answer
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


DECISIVE = (
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "weight_decay",
    "optim",
    "optim_args",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "label_smoothing_factor",
    "max_grad_norm",
    "seed",
    "data_seed",
    "precision",
    "bf16",
    "channels_last",
    "torch_compile",
    "metric_for_best_model",
)
"""The training arguments that decide the result; paths, reporting and tokens are not among them."""


def recipe(data: DataArguments, model: ModelArguments, training: FERTrainingArguments) -> dict:
    """Everything that decides the result of a training, JSON-ready, without paths and names of this machine."""
    own = {item.name: getattr(part, item.name) for part in (data, model) for item in fields(part)}
    own = {name: value for name, value in own.items() if name not in ("data", "ferplus_csv", "resume")}
    values = own | {name: getattr(training, name) for name in DECISIVE}
    return {name: _plain(value) for name, value in values.items()}


def command(recipe: dict) -> str:
    """The command line that repeats a recipe: the options that differ from today's defaults.

    Example:
        >>> command({"architecture": "scratch_cnn", "num_train_epochs": 100, "augmentation": "light"})
        'python train.py --data path/to/fer2013 --architecture scratch_cnn --num_train_epochs 100'
    """
    defaults = {
        item.name: _plain(item.default)
        for part in (DataArguments, ModelArguments, FERTrainingArguments)
        for item in fields(part)
    }
    parts = ["python train.py --data path/to/fer2013"]
    for name, value in recipe.items():
        if name == "bf16":  # follows from precision and the machine
            continue
        if value != defaults.get(name, value):
            parts.append(f"--{name} {value}")
    return " ".join(parts)


def _plain(value: object) -> object:
    """Enumerations and other objects as text; what JSON knows stays."""
    value = getattr(value, "value", value)
    return value if value is None or isinstance(value, (bool, int, float, str, dict, list)) else str(value)
