"""Checks of numbers and names among the options of a training, before any data is read."""

import importlib.util
import json
import math
from typing import Any

METRICS = {"accuracy": True, "macro_f1": True, "loss": False, "calibration_error": False}
"""Value of `metric_for_best_model` → whether greater is better. transformers takes all for better but losses."""

REPORTERS = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    **{name: (name,) for name in ("trackio", "wandb", "mlflow", "comet_ml", "neptune", "codecarbon", "clearml")},
    **{name: (name,) for name in ("dvclive", "swanlab", "dagshub")},
}
"""Value of `report_to` → packages, one of which must be installed."""

_UNCHECKED = ("all", "none", "azure_ml", "flyte", "kubeflow")
"""Other values of `report_to`."""

_WHOLE = {"per_device_train_batch_size": 1, "per_device_eval_batch_size": 1, "gradient_accumulation_steps": 1}
_WHOLE |= {"save_total_limit": 1, "seed": 0, "data_seed": 0, "max_steps": 1, "patience": 1}
"""Option → its least value."""


def check_numbers(options: Any) -> None:
    """Refuse numbers with which a training does nothing, ends late, or ends in an error of another library.

    Args:
        options: what has some of the fields that are checked, such as `FERTrainingArguments`.

    Raises:
        ValueError: a number is out of range.
    """
    values = {name: getattr(options, name, None) for name in _WHOLE}
    for name, least in _WHOLE.items():
        value = values[name]
        if value is None or (name == "max_steps" and value == -1):
            continue
        if name.endswith("seed"):
            if not 0 <= value < 2**32:
                raise ValueError(f"{name} must be a whole number from 0 to {2**32 - 1}, got {value}; 42 is usual.")
        elif value < least:
            raise ValueError(f"{name} must be a whole number above 0, got {value}; leave it out for the default.")
    epochs = getattr(options, "num_train_epochs", None)
    if epochs is not None and values["max_steps"] in (None, -1) and not 0 < epochs < math.inf:
        raise ValueError(f"num_train_epochs must be a number above 0, got {epochs}; without one nothing is learnt.")
    rate = getattr(options, "learning_rate", None)
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"learning_rate must be a number above 0, got {rate}; leave it out for that of the optimiser.")
    for name in ("weight_decay", "max_grad_norm"):
        value = getattr(options, name, None)
        if value is not None and not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number of at least 0, got {value}; 0 turns it off.")
    smoothing = getattr(options, "label_smoothing_factor", None)
    if smoothing is not None and not 0 <= smoothing < 1:
        raise ValueError(f"label_smoothing_factor must be from 0 to below 1, got {smoothing}; 0.1 is usual.")


def best_metric(metric: str, *, loss_only: bool = False) -> bool:
    """Whether greater is better of a `metric_for_best_model`.

    Args:
        metric: its name, with `eval_` before it or not.
        loss_only: whether evaluations compute the loss alone.

    Raises:
        ValueError: there is no such metric, which transformers would say after the first epoch.

    Example:
        >>> best_metric("eval_accuracy"), best_metric("calibration_error")
        (True, False)
    """
    known = {"loss": False} if loss_only else METRICS
    if metric.removeprefix("eval_") not in known:
        why = " with prediction_loss_only" if loss_only else ""
        raise ValueError(
            f"metric_for_best_model must be {' or '.join(known)}{why}, got {metric!r}; choose one that is measured."
        )
    return known[metric.removeprefix("eval_")]


def check_texts(optim_args: Any, lr_scheduler_kwargs: Any) -> None:
    """Refuse options of optimiser and schedule that cannot be read.

    Raises:
        ValueError: they are not `name=value,...` or JSON.
    """
    if isinstance(optim_args, str) and not all("=" in part for part in optim_args.split(",")):
        raise ValueError(f"optim_args must be name=value,..., got {optim_args!r}; momentum=0.9 is an example.")
    if isinstance(lr_scheduler_kwargs, str):
        try:
            found = json.loads(lr_scheduler_kwargs)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(
                f"lr_scheduler_kwargs must be a JSON object, got {lr_scheduler_kwargs!r}; "
                """'{"patience": 5}' is an example."""
            )


def check_reporters(names: list[str]) -> None:
    """Refuse unknown reporters and those that are not installed, which transformers would say when the data is read.

    Raises:
        ValueError: with the package to install.
    """
    for name in names:
        packages = REPORTERS.get(name, ())
        if not packages and name not in _UNCHECKED:
            raise ValueError(f"report_to must be one of {', '.join(REPORTERS)}, got {name}; choose one of these.")
        if packages and not any(importlib.util.find_spec(package) for package in packages):
            raise ValueError(
                f"report_to must be an installed package, got {name}; run pip install {name}, or leave --report-to out."
            )
