"""What decides the result of a training, as JSON, and the command line that repeats it."""

import json
import shlex
from dataclasses import MISSING, fields
from pathlib import Path

from fer_hub.training.arguments import (
    LEARNING_RATE,
    SGD,
    WARMUP_STEPS,
    WITHOUT_WARMUP,
    DataArguments,
    FERTrainingArguments,
    ModelArguments,
)

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
"""The training arguments that decide the result; paths, reporting and tokens are not among them."""

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
"""The checkpoints of a clone of the repository, which everybody has at the same place in it."""

ITS_SECOND = "   # its second/"
"""Remark behind a command whose result is meant that --second_labels leave in second/."""

PLACES = ("data", "ferplus_csv", "resume")
"""Options that say where something is on this machine, or how the run was interrupted."""


def recipe(data: DataArguments, model: ModelArguments, training: FERTrainingArguments) -> dict:
    """Everything that decides the result of a training, JSON-ready, without paths and names of this machine.

    Where it starts from the folder of a checkpoint or learns from some, `earlier` holds the command lines that made
    these, oldest first.
    """
    own = {item.name: getattr(part, item.name) for part in (data, model) for item in fields(part)}
    own = {name: value for name, value in own.items() if name not in PLACES}
    for name in ("start_from", "pretrained"):
        own[name] = own[name] and _name(own[name])
    own["teachers"] = own["teachers"] and [_name(teacher) for teacher in own["teachers"]]
    values = own | {name: getattr(training, name) for name in DECISIVE} | {"processes": training.world_size}
    begun_from = [*([model.start_from] if model.start_from else []), *(model.teachers or [])]
    earlier = _each_once([line for checkpoint in begun_from for line in _made_by(Path(checkpoint))])
    return {name: _plain(value) for name, value in values.items()} | ({"earlier": earlier} if earlier else {})


def _name(checkpoint: str | Path) -> str:
    """A Hub id as it is, a folder as it is called from here, or by its last name alone where it lies elsewhere."""
    if not Path(checkpoint).exists():
        return str(checkpoint)
    place, here = Path(checkpoint).resolve(), Path.cwd()
    if place.parent == SHIPPED:
        return f"./checkpoints/{place.name}"
    return f"./{place.relative_to(here).as_posix()}" if place.is_relative_to(here) else place.name


def _made_by(checkpoint: Path) -> list[str]:
    """The command lines that made a checkpoint, oldest first; none where its folder does not say."""
    path = checkpoint / "training_args.json"
    if not path.is_file():
        return []
    options = json.loads(path.read_text(encoding="utf-8"))
    which = ITS_SECOND if options.get("result") == "second" else ""
    return [*options.get("earlier", []), command(options) + _into(checkpoint.parent, options) + which]


def _into(folder: Path, options: dict) -> str:
    """The option that puts a training's results where they lay, if later commands can find them there."""
    place = _name(folder)
    usual = f"./{FERTrainingArguments.output_dir}"
    found = place.startswith("./runs/") and place != usual and "averaged" not in options
    return f" --output_dir {shlex.quote(place)}" if found else ""


def _each_once(lines: list[str]) -> list[str]:
    """Every command once, in the order of its first line; without the remark where both of its results are meant."""
    remarks: dict[str, set[str]] = {}
    for line in lines:
        made, remark, _ = line.partition(ITS_SECOND)
        remarks.setdefault(made, set()).add(remark)
    return [made + (ITS_SECOND if found == {ITS_SECOND} else "") for made, found in remarks.items()]


def averaged_recipe(recipes: list[dict]) -> dict:
    """What training_args.json says of the mean of several networks (`fer_hub.training.average_checkpoints`).

    Returns:
        The options that all recipes agree on; `averaged`, the folders that the networks would lie in; and `earlier`,
        the command lines that make them there, and before those the ones that they began from.
    """
    agreed = {name: value for name, value in recipes[0].items() if all(each.get(name) == value for each in recipes)}
    began = _each_once([line for each in recipes for line in each.get("earlier", [])])
    half = "second" if recipes[0].get("result") == "second" else "final"
    places = [f"runs/{number}" for number in range(1, len(recipes) + 1)]
    trained = [f"{command(each)} --output_dir {place}" for each, place in zip(recipes, places, strict=True)]
    return agreed | {"earlier": [*began, *trained], "averaged": [f"{place}/{half}" for place in places]}


def command(recipe: dict) -> str:
    """The command line that repeats a recipe: the options that differ from today's defaults.

    Example:
        >>> command({"architecture": "scratch_cnn", "num_train_epochs": 100, "augmentation": "light"})
        'python train.py --data path/to/fer2013 --architecture scratch_cnn --num_train_epochs 100'
    """
    if "averaged" in recipe:
        tool = ["fer-hub", "average"]
        more = ["--matrix_scaling"] if recipe.get("matrix_scaling") else []
        return shlex.join([*tool, *recipe["averaged"], "--data", "path/to/fer2013", *more, "--output", "runs/average"])
    usual = defaults(recipe)
    processes = recipe.get("processes", 1)
    start = ["python"] if processes == 1 else ["torchrun", "--nproc_per_node", str(processes)]
    parts = [*start, "train.py", "--data", "path/to/fer2013"]
    for name, value in recipe.items():
        if value is not None and value != usual.get(name, value):
            parts += [f"--{name}", *map(_text, value if isinstance(value, list) else [value])]
    return shlex.join(parts)


def defaults(recipe: dict) -> dict:
    """Option → its value where it is left out, given the other options of the recipe; JSON-ready."""
    known = {
        item.name: _plain(item.default)
        for part in (DataArguments, ModelArguments, FERTrainingArguments)
        for item in fields(part)
        if item.default is not MISSING
    }
    chosen = known | {name: value for name, value in recipe.items() if value is not None}
    sgd = chosen["optim"] == "sgd"
    greater = not str(chosen["metric_for_best_model"]).endswith("loss")
    plateau = chosen["lr_scheduler_type"] == "reduce_lr_on_plateau"
    return known | {
        "learning_rate": SGD["learning_rate"] if sgd else LEARNING_RATE,
        "optim_args": SGD["optim_args"] if sgd else None,
        "warmup_steps": 0 if chosen["lr_scheduler_type"] in WITHOUT_WARMUP else WARMUP_STEPS,
        "lr_scheduler_kwargs": {"mode": "max" if greater else "min"} if plateau else None,
        "greater_is_better": greater,
        "bf16": recipe.get("bf16"),  # follows from precision and the machine
        "processes": recipe.get("processes"),  # stands before the name of the script
    }


def _text(value: object) -> str:
    """As the command line takes it: 3.0 as 3, a dict as JSON; of a list every item by itself."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _plain(value: object) -> object:
    """Enumerations and other objects as text; what JSON knows stays."""
    value = getattr(value, "value", value)
    return value if value is None or isinstance(value, (bool, int, float, str, dict, list)) else str(value)
