"""Options with which a training does nothing, chooses the worst epoch or ends late are refused before data is read."""

import json

import pytest

from fer_hub.training.arguments import DataArguments, FERTrainingArguments
from fer_hub.training.checks import METRICS
from tests.training.making import log, small_trainer


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"num_train_epochs": 0},
            "num_train_epochs must be a number above 0, got 0; without one ",
        ),
        ({"max_steps": 0}, "max_steps must be a whole number above 0, got 0; leave it out for the default."),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size must be a whole number above 0, got 0; "),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be a whole number above 0, got 0; "),
        ({"save_total_limit": 0}, "save_total_limit must be a whole number above 0, got 0; "),
        ({"learning_rate": -0.1}, "learning_rate must be a number above 0, got -0.1; "),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0, got nan; "),
        ({"weight_decay": -1.0}, "weight_decay must be a number of at least 0, got -1.0; 0 turns it off."),
        ({"label_smoothing_factor": 1.5}, "label_smoothing_factor must be from 0 to below 1, got 1.5; 0.1 is usual."),
        ({"seed": 2**32}, "seed must be a whole number from 0 to 4294967295, got 4294967296; 42 is usual."),
        ({"data_seed": -1}, "data_seed must be a whole number from 0 to 4294967295, got -1; 42 is usual."),
        ({"metric_for_best_model": "f1"}, "metric_for_best_model must be accuracy or macro_f1 or loss or calibration_"),
        (
            {"prediction_loss_only": True},
            "metric_for_best_model must be loss with prediction_loss_only, got ",
        ),
        ({"optim_args": "momentum"}, "optim_args must be name=value,..., got 'momentum'; momentum=0.9 is an example."),
        ({"lr_scheduler_kwargs": '{"a": 1'}, "lr_scheduler_kwargs must be a JSON object, got '{\"a\": 1'; "),
        ({"report_to": "nonsense"}, "report_to must be one of tensorboard, trackio, wandb, mlflow, "),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, sentence):
    with pytest.raises(ValueError) as caught:
        FERTrainingArguments(output_dir="runs/unused", **options)
    assert str(caught.value).startswith(sentence)


def test_patience_is_checked_too():
    with pytest.raises(ValueError, match=r"^patience must be a whole number above 0, got 0; "):
        DataArguments(data="nowhere", patience=0)


def test_the_best_epoch_is_the_one_with_the_least_error(tmp_path):
    """transformers takes a greater value for the better one unless its name ends in loss."""
    for metric, greater in METRICS.items():
        for name in (metric, f"eval_{metric}"):
            assert FERTrainingArguments(output_dir="unused", metric_for_best_model=name).greater_is_better is greater
    trainer = small_trainer(tmp_path, metric_for_best_model="calibration_error", max_steps=9)
    trainer.train()
    errors = [row["eval_calibration_error"] for row in log(tmp_path / "checkpoint-9") if "eval_loss" in row]
    assert len(set(errors)) > 1 and trainer.state.best_metric == min(errors)
    chosen = json.loads((tmp_path / "checkpoint-9" / "trainer_state.json").read_text())["best_global_step"]
    assert chosen == 3 * (errors.index(min(errors)) + 1)


def test_a_training_without_a_whole_batch_is_refused(tmp_path):
    """It would take no step, and save the network as it was."""
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, dataloader_drop_last=True, per_device_train_batch_size=128)
    assert str(caught.value) == (
        "dataloader_drop_last needs at least one whole batch of 128 training images, got 70; leave it out, or choose a "
        "smaller --per-device-train-batch-size."
    )


def test_a_training_that_diverges_says_so(tmp_path):
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, learning_rate=1e12).train()
    assert str(caught.value) == (
        "the training must not diverge, but the network gives NaN or infinity on validation; begin anew with a lower "
        "--learning-rate than 1e+12."
    )
