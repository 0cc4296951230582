"""Recipes: the options that determine the result of a training, as a JSON file for train.py."""

from dataclasses import fields
from pathlib import Path

from fer_hub.files import read_json
from fer_hub.hub.recipes import LEFT, RECIPES, ROOT, SHIPPED, shipped_recipe
from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments

DECISIVE = (
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "dataloader_drop_last",
    "learning_rate",
    "weight_decay",
    "optim",
    "optim_args",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "label_smoothing_factor",
    "mixup",
    "cutmix",
    "class_weights",
    "ema",
    "freeze_backbone_epochs",
    "unfreeze_stages",
    "max_grad_norm",
    "seed",
    "data_seed",
    "precision",
    "bf16",
    "fp16",
    "tf32",
    "channels_last",
    "torch_compile",
    "eval_strategy",
    "eval_steps",
    "eval_delay",
    "save_strategy",
    "save_steps",
    "load_best_model_at_end",
    "metric_for_best_model",
    "greater_is_better",
)
"""The training arguments that determine the result, without paths, reporting and tokens."""

PLACES = ("data", "ferplus_csv", "duplicates", "resume", "recipe")
"""Options with local paths, or about how the run was started."""

NO_OPTIONS = ("bf16", "processes", "recipe")
"""Entries of training_args.json that are not command-line options or depend on the machine."""


def recipe(data: DataArguments, model: ModelArguments, training: FERTrainingArguments) -> dict:
    """Everything that determines the result of a training, JSON-ready, without local paths and names.

    `recipe` is the name of the shipped recipe, if one was used; `processes` the number of processes.
    """
    own = {item.name: getattr(part, item.name) for part in (data, model) for item in fields(part)}
    own = {name: value for name, value in own.items() if name not in PLACES}
    for name in ("start_from", "pretrained"):
        own[name] = own[name] and _name(own[name])
    values = own | {name: getattr(training, name) for name in DECISIVE} | {"processes": training.world_size}
    if data.recipe and shipped_recipe(data.recipe):
        values["recipe"] = data.recipe
    return {name: _plain(value) for name, value in values.items()}


def read_recipe(source: str) -> dict:
    """The options of a recipe, by their names.

    Args:
        source: name of a shipped recipe, or path of a JSON file: a recipe, or any checkpoint's training_args.json.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: the file contains something other than options of train.py.
    """
    path = shipped_recipe(source) or Path(source)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.json"))) or "none, as this is no clone"
        raise FileNotFoundError(
            f"--recipe must be a JSON file or the name of a shipped recipe ({known}), got {source}; correct it."
        )
    options = read_json(path)
    known = {item.name for part in (DataArguments, ModelArguments, FERTrainingArguments) for item in fields(part)}
    known = known - set(PLACES) | set(NO_OPTIONS)
    if strange := [name for name in options if name not in known]:
        raise ValueError(
            f"{path.name} must contain options of train.py, got {', '.join(strange)}; remove them, or train with the "
            "version of fer_hub that wrote them."
        )
    return {name: value for name, value in options.items() if name not in NO_OPTIONS}


def _name(checkpoint: str | Path) -> str:
    """A Hub id unchanged, a folder of the repository by its relative path, any other folder by its last name."""
    if not Path(checkpoint).exists():
        return str(checkpoint)
    place = Path(checkpoint).resolve()
    if place.is_relative_to(ROOT):
        inside = place.relative_to(ROOT).as_posix()
        if place.parent == SHIPPED or LEFT.fullmatch(inside):
            return f"./{inside}"
    return place.name


def _plain(value: object) -> object:
    """Enum members and other objects as text; JSON types unchanged."""
    value = getattr(value, "value", value)
    return value if value is None or isinstance(value, (bool, int, float, str, dict, list)) else str(value)
