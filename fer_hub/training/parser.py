"""The command line of `train.py`: fer_hub's options first, in groups, then the rest of transformers' options."""

import argparse
import dataclasses
import re
import shutil
import sys
import textwrap
import types
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from transformers import HfArgumentParser

from fer_hub.files import word_at_home
from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments
from fer_hub.training.recipe import read_recipe

GROUPS = {
    "what to train on": [
        "data",
        "recipe",
        "images",
        "labels",
        "label_share",
        "ferplus_csv",
        "image_column",
        "label_column",
        "label_names",
        "validation_fraction",
    ],
    "network": [
        "architecture",
        "image_size",
        "dropout",
        "embedding_size",
        "hidden_sizes",
        "depths",
        "pretrained",
        "freeze_backbone_epochs",
        "unfreeze_stages",
        "start_from",
        "stretch",
    ],
    "recipe": [
        "num_train_epochs",
        "max_steps",
        "per_device_train_batch_size",
        "learning_rate",
        "lr_scheduler_type",
        "lr_scheduler_kwargs",
        "warmup_steps",
        "optim",
        "optim_args",
        "weight_decay",
        "augmentation",
        "mixup",
        "cutmix",
        "label_smoothing_factor",
        "class_weights",
        "ema",
        "patience",
        "metric_for_best_model",
        "refit_last_layer",
        "calibrate",
        "calibrate_degraded",
        "seed",
    ],
    "the run": [
        "output_dir",
        "resume",
        "precision",
        "channels_last",
        "torch_compile",
        "eval_strategy",
        "save_strategy",
        "save_total_limit",
        "logging_steps",
        "report_to",
        "push_to_hub",
        "hub_model_id",
    ],
}
"""Title → options of the group, in this order."""

REST = "everything else of transformers' TrainingArguments"

PARTS = (DataArguments, ModelArguments, FERTrainingArguments)

OWN = {name for part in PARTS for name in part.__annotations__}
"""Options with our own help text; for the others only the first sentence of transformers' help is shown."""

HELP = {
    "max_steps": "Stop after this many steps, regardless of num_train_epochs.",
    "push_to_hub": "Publish the finished checkpoint on the Hub.",
    "hub_model_id": "Its name there, owner/name.",
    "seed": "Seed of weights, data order and augmentation.",
}
"""Option of transformers → its help text here."""


class FERArgumentParser(HfArgumentParser):
    """transformers' parser of dataclasses, with a readable help.

    Options of `DataArguments` and `ModelArguments` that are not in `GROUPS` are listed at the end of `what to train on`
    and `network`. Options are shown with hyphens; with underscores, as transformers writes them, they are understood.
    """

    def __init__(self, description: str | None = None, prog: str = "train.py"):
        usage = f"{prog} --data DATA [options]"
        super().__init__(PARTS, prog=prog, usage=usage, description=description, allow_abbrev=False)

    def parse_args_into_dataclasses(self, args=None, **kwargs):
        """As in transformers; with `--recipe` its options replace the defaults.

        Raises:
            FileNotFoundError, ValueError: as for `read_recipe`; ValueError: there is no such option.
        """
        args = [word_at_home(word) for word in (sys.argv[1:] if args is None else args)]
        before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        before.add_argument("--recipe")
        if name := before.parse_known_args(args)[0].recipe:
            self.set_defaults(**read_recipe(name))
        *parts, unknown = super().parse_args_into_dataclasses(args, return_remaining_strings=True, **kwargs)
        if unknown:
            raise ValueError(f"options must be those that --help lists, got {' '.join(unknown)}; correct or remove it.")
        return tuple(parts)

    def format_help(self) -> str:
        """The options in the groups of `GROUPS`, then the others of transformers."""
        options = {field.name: field for part in PARTS for field in dataclasses.fields(part) if field.init}
        groups = {title: list(names) for title, names in (*GROUPS.items(), (REST, []))}
        grouped = {name for names in GROUPS.values() for name in names}
        for part, title in zip(PARTS, ("what to train on", "network", REST), strict=True):
            groups[title] += [each.name for each in dataclasses.fields(part) if each.init and each.name not in grouped]
        hints = {name: hint for part in PARTS for name, hint in get_type_hints(part).items()}
        texts = [f"usage: {self.usage}\n\n{(self.description or '').strip()}\n"]
        for title, names in groups.items():
            texts.append("\n".join([f"{title}:", *(_entry(options[name], hints[name]) for name in names), ""]))
        return "\n".join([*texts, "Switches that are on are turned off by --no-NAME.\n"])


def _entry(option: dataclasses.Field, hint: Any) -> str:
    """One option of the help: its name, what follows it, what it does and its default."""
    text = HELP.get(option.name) or " ".join(option.metadata.get("help", "").split())
    if option.name not in (*HELP, *OWN):
        text = re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
    default = option.default.value if isinstance(option.default, Enum) else option.default
    if default is True:
        text += " (yes)"
    elif default not in (None, False, "", -1, dataclasses.MISSING):
        text += f" ({default})"
    start = f"  --{option.name.replace('_', '-')} {_placeholder(option, hint)}"
    width = max(60, min(120, shutil.get_terminal_size().columns) - 2)
    lines = textwrap.wrap(text, width - 24, break_on_hyphens=False)
    if len(start) < 24 and lines:
        start, lines = f"{start:24}{lines[0]}", lines[1:]
    return "\n".join([start, *(" " * 24 + line for line in lines)])


def _placeholder(option: dataclasses.Field, hint: Any) -> str:
    if choices := option.metadata.get("choices"):
        listed = "{" + ",".join(map(str, choices)) + "}"
        return listed if len(listed) <= 80 else "NAME"  # its help lists them
    kinds = [kind for kind in get_args(hint) if kind is not types.NoneType] if _is_union(hint) else [hint]
    first = kinds[0]
    if get_origin(first) is list:
        return "N ..." if get_args(first) == (int,) else "TEXT ..."
    return {bool: "yes|no", int: "N", float: "X"}.get(first, "TEXT")


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)
