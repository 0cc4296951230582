"""The command line of `train.py`: fer_hub's options first, in groups, then the rest of transformers' options."""

import argparse
import dataclasses
import re
from typing import Any, get_type_hints

from transformers import HfArgumentParser
from transformers.hf_argparser import string_to_bool

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
        "validation_fraction",
    ],
    "network": [
        "architecture",
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

OWN = {name for part in (DataArguments, ModelArguments, FERTrainingArguments) for name in part.__annotations__}
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
    and `network`.
    """

    def __init__(self, description: str | None = None, prog: str = "train.py"):
        self._places: dict[str, Any] = {}
        super().__init__(
            (DataArguments, ModelArguments, FERTrainingArguments),
            prog=prog,
            usage="%(prog)s --data DATA [options]",
            description=description,
            epilog="Switches that are on are turned off by --no_NAME.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for action in self._actions:
            self._make_readable(action)
        for title, names in GROUPS.items():
            order = {name: position for position, name in enumerate(names)}
            self._places[title]._group_actions.sort(key=lambda action: order.get(action.dest, len(order)))

    def parse_args_into_dataclasses(self, args=None, **kwargs):
        """As in transformers; with `--recipe` its options replace the defaults.

        Raises:
            FileNotFoundError, ValueError: as for `read_recipe`.
        """
        before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        before.add_argument("--recipe")
        if name := before.parse_known_args(args)[0].recipe:
            self.set_defaults(**read_recipe(name))
        return super().parse_args_into_dataclasses(args, **kwargs)

    def _add_dataclass_arguments(self, dtype):
        if not self._places:
            self._places = {title: self.add_argument_group(title) for title in (*GROUPS, REST)}
        own = {DataArguments: "what to train on", ModelArguments: "network"}.get(dtype, REST)
        titles = {name: title for title, names in GROUPS.items() for name in names}
        hints = get_type_hints(dtype)
        for item in dataclasses.fields(dtype):
            if item.init:
                item.type = hints[item.name]
                self._parse_dataclass_field(self._places[titles.get(item.name, own)], item)

    def _make_readable(self, action: argparse.Action) -> None:
        """One spelling of the name, a short placeholder, a short help that ends with the default."""
        if isinstance(action, argparse._HelpAction):
            return
        if isinstance(action, argparse._StoreFalseAction):  # --no_NAME, see the epilog
            action.help = argparse.SUPPRESS
            return
        text = HELP.get(action.dest) or " ".join((action.help or "").split())
        if action.dest not in (*HELP, *OWN):
            text = re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
        if action.default is True:
            text += " (yes)"
        elif action.default not in (None, False, "", -1, []) and not action.required:
            text += " (%(default)s)"
        action.help = text
        action.option_strings = action.option_strings[:1]  # shown in the help; --with-hyphens is accepted too
        if action.choices is None:
            switch = action.type is string_to_bool
            action.metavar = "yes|no" if switch else {int: "N", float: "X"}.get(action.type, "TEXT")
