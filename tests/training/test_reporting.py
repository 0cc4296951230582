"""Nothing is reported unless requested; then it is written, or a sentence names the missing package."""

import importlib.util

import pytest

from fer_hub.training.arguments import FERTrainingArguments
from fer_hub.training.checks import REPORTERS
from tests.training.making import small_trainer


def test_nothing_is_reported_by_default(tmp_path):
    trainer = small_trainer(tmp_path, max_steps=3)
    assert trainer.args.report_to == []
    names = {type(callback).__name__ for callback in trainer.callback_handler.callbacks}
    assert names == {"DefaultFlowCallback", "PrinterCallback", "_OwnRandomNumbers"}
    trainer.train()
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-3"}


def installed(reporter):
    return any(importlib.util.find_spec(package) for package in REPORTERS[reporter])


def test_tensorboard_gets_curves_on_request(tmp_path):
    small_trainer(tmp_path, max_steps=3, report_to="tensorboard").train()
    [file] = tmp_path.glob("runs/*/events.out.tfevents.*")
    content = file.read_bytes()
    for tag in (b"train/loss", b"train/learning_rate", b"eval/accuracy", b"eval/macro_f1"):
        assert tag in content


@pytest.mark.parametrize("reporter", [*REPORTERS])
def test_a_missing_package_is_named_before_any_data_is_read(reporter):
    if installed(reporter):
        assert FERTrainingArguments(output_dir="runs/unused", report_to=reporter).report_to == [reporter]
        return
    with pytest.raises(ValueError) as caught:
        FERTrainingArguments(output_dir="runs/unused", report_to=reporter)
    assert str(caught.value) == (
        f"report_to must be an installed package, got {reporter}; run pip install {reporter}, or leave --report-to out."
    )
