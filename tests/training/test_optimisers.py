"""Optimisers and schedules: defaults of omitted options, and that the plateau reduces the learning rate."""

import itertools
import shutil

import pytest
import torch

from fer_hub.training.arguments import FERTrainingArguments
from tests.training.making import log, small_trainer

PLATEAU = {"lr_scheduler_type": "reduce_lr_on_plateau", "learning_rate": 0.05}


def arguments(**options):
    return FERTrainingArguments(output_dir="runs/unused", **options)


def test_the_shipped_recipe():
    args = arguments()
    assert (args.optim, args.optim_args) == ("sgd", "momentum=0.9,nesterov=True")
    assert (args.learning_rate, args.warmup_steps, args.lr_scheduler_type) == (0.1, 0.05, "cosine")
    assert (args.mixup, args.cutmix, args.class_weights, args.ema) == (0, 0, "none", None)
    assert (args.freeze_backbone_epochs, args.unfreeze_stages, args.report_to) == (None, None, [])


@pytest.mark.parametrize("optim", ["adamw_torch", "adamw_torch_fused"])
def test_adamw_just_works(tmp_path, optim):
    trainer = small_trainer(tmp_path, optim=optim, learning_rate=None, adam_beta2=0.95)
    assert trainer.args.optim_args is None and trainer.args.learning_rate == 1e-3
    trainer.train()
    assert type(trainer.optimizer.optimizer) is torch.optim.AdamW
    [group, _] = trainer.optimizer.param_groups
    assert group["betas"] == (0.9, 0.95) and group["weight_decay"] == 5e-4
    losses = [row["loss"] for row in log(tmp_path / "checkpoint-6") if "loss" in row]
    assert losses[-1] < losses[0]


def test_what_is_given_is_kept():
    args = arguments(optim="sgd", optim_args="momentum=0.5", learning_rate=0.3, warmup_steps=7)
    assert (args.optim_args, args.learning_rate, args.warmup_steps) == ("momentum=0.5", 0.3, 7)


@pytest.mark.parametrize("schedule", ["reduce_lr_on_plateau", "constant"])
def test_schedules_without_a_warm_up_have_none(schedule):
    assert arguments(lr_scheduler_type=schedule).warmup_steps == 0
    with pytest.raises(ValueError) as caught:
        arguments(lr_scheduler_type=schedule, warmup_steps=0.1)
    assert str(caught.value) == (
        f"warmup_steps must be left out with lr_scheduler_type {schedule}, which has no warm-up, got 0.1; choose "
        "another schedule, such as constant_with_warmup, or leave it out."
    )


def test_options_that_adamw_ignores_are_refused():
    with pytest.raises(ValueError) as caught:
        arguments(optim="adamw_torch", optim_args="momentum=0.9")
    assert str(caught.value) == (
        "optim_args must be left out with adamw_torch, which ignores them, got 'momentum=0.9'; its options are "
        "--adam-beta1, --adam-beta2 and --adam-epsilon."
    )


@pytest.mark.parametrize(("metric", "mode"), [("accuracy", "max"), ("macro_f1", "max"), ("loss", "min")])
def test_the_plateau_is_that_of_the_metric(metric, mode):
    assert arguments(**PLATEAU, metric_for_best_model=metric).lr_scheduler_kwargs == {"mode": mode}
    given = arguments(**PLATEAU, metric_for_best_model=metric, lr_scheduler_kwargs='{"patience": 2, "mode": "min"}')
    assert given.lr_scheduler_kwargs == {"mode": "min", "patience": 2}


def rates(folder):
    return {row["step"]: row["learning_rate"] for row in log(folder) if "learning_rate" in row}


def test_the_learning_rate_falls_on_a_plateau_and_a_resumed_run_keeps_it(tmp_path):
    """With a threshold of 10 nothing ever counts as better than the first evaluation."""
    options = PLATEAU | {"lr_scheduler_kwargs": {"patience": 1, "factor": 0.1, "threshold": 10.0}}
    options |= {"max_steps": 10, "eval_steps": 2, "save_steps": 2}
    small_trainer(tmp_path / "whole", **options).train()
    # evaluated after steps 2, 4, 6, 8, 10: the second and third without progress lower it, then the next two
    expected = dict.fromkeys(range(1, 7), 0.05) | dict.fromkeys(range(7, 11), 0.005)
    assert rates(tmp_path / "whole" / "checkpoint-10") == pytest.approx(expected)
    again = tmp_path / "again"
    shutil.copytree(tmp_path / "whole" / "checkpoint-8", again / "checkpoint-8")
    trainer = small_trainer(again, **options)
    trainer.train(resume_from_checkpoint=str(again / "checkpoint-8"))
    assert rates(again / "checkpoint-10") == pytest.approx(expected)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.0005)  # lowered again after step 10


def test_the_learning_rate_stays_while_the_metric_improves(tmp_path):
    """torch's default mode would take a rising accuracy for a plateau."""
    options = PLATEAU | {"lr_scheduler_kwargs": {"patience": 0, "factor": 0.1}, "max_steps": 30, "eval_steps": 10}
    trainer = small_trainer(tmp_path, **options | {"save_steps": 10}, augmentation="none")
    trainer.train()
    entries = [row for row in log(tmp_path / "checkpoint-30") if "eval_accuracy" in row]
    accuracies = [row["eval_accuracy"] for row in entries]
    assert accuracies == sorted(accuracies) and accuracies[0] < accuracies[-1], "the test needs a rising accuracy"
    rises = [after > before for before, after in itertools.pairwise(accuracies)]
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * 0.1 ** rises.count(False))


def test_precision_is_not_contradicted():
    with pytest.raises(ValueError) as caught:
        arguments(precision="fp32", bf16=True)
    assert str(caught.value) == ("precision must not be fp32 with --bf16, as the two conflict; leave one of them out.")
