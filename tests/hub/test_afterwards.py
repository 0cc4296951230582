"""What follows a training may fail; the network does not get lost."""

import subprocess
import sys

import pytest

from fer_hub.files import read_json
from fer_hub.hub import card
from fer_hub.hub.checkpoint import refresh
from fer_hub.model import FERForImageClassification
from fer_hub.training import main as training


def train(folder, small_csv, tiny_checkpoint, *more):
    return training.main([
        "--data", str(small_csv), "--start-from", str(tiny_checkpoint), "--output-dir", str(folder), "--max-steps", "1",
        "--per-device-train-batch-size", "8", "--precision", "fp32", "--calibrate", "no", "--disable-tqdm", "true",
        *more,
    ])  # fmt: skip


def fail(*_, **__):
    raise RuntimeError("no such font\nand more")


def test_a_card_that_fails_is_one_warning_and_can_be_made_again(
    tmp_path, small_csv, tiny_checkpoint, monkeypatch, caplog
):
    with monkeypatch.context() as patch:
        patch.setattr(card, "_draw", fail)
        with pytest.raises(SystemExit) as caught:
            train(tmp_path, small_csv, tiny_checkpoint)
    assert caught.value.code == 1
    final = tmp_path / "final"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"the model card failed: no such font; fer-hub refresh {final} writes it again." in warnings
    assert FERForImageClassification.from_pretrained(final).config.num_labels == 7
    assert read_json(final / "metrics.json")["test"] and (final / "training_log.csv").is_file()
    assert not (final / "README.md").exists()
    refresh(final)
    assert (final / "README.md").is_file() and (final / "training.png").is_file()


def test_a_report_that_fails_is_one_warning(tmp_path, small_csv, tiny_checkpoint, monkeypatch, caplog):
    from fer_hub.hub import plots

    monkeypatch.setattr(plots, "mistakes_sheet", fail)
    with pytest.raises(SystemExit) as caught:
        train(tmp_path, small_csv, tiny_checkpoint)
    assert caught.value.code == 1 and "the report failed: no such font; fer-hub evaluate makes" in caplog.text
    assert (tmp_path / "final" / "README.md").is_file()


def test_a_last_layer_that_cannot_be_fitted_leaves_the_trained_network(
    tmp_path, small_csv, tiny_checkpoint, monkeypatch, caplog
):
    monkeypatch.setattr(training, "refit_last_layer", fail)
    with pytest.raises(SystemExit) as caught:
        train(tmp_path, small_csv, tiny_checkpoint, "--refit-last-layer")
    assert caught.value.code == 1
    assert "fitting the last layer failed: no such font; the same command with --resume does it" in caplog.text
    final = tmp_path / "final"
    assert FERForImageClassification.from_pretrained(final).config.num_labels == 7
    assert read_json(final / "metrics.json")["test"] and (final / "README.md").is_file()


def test_a_network_is_saved_before_it_is_measured(tmp_path, small_csv, tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(training, "measure_trained", fail)
    with pytest.raises(RuntimeError, match="no such font"):
        train(tmp_path, small_csv, tiny_checkpoint)
    assert FERForImageClassification.from_pretrained(tmp_path / "final").config.num_labels == 7
    assert (tmp_path / "final" / "training_log.json").is_file()


def test_nothing_reports_home():
    code = "import os, fer_hub; print(*(os.environ[name] for name in __import__('sys').argv[1:]))"
    names = ["ORT_DISABLE_TELEMETRY", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"]
    for given, expected in (({}, "1 False 1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0 False 1")):
        done = subprocess.run(
            [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True,
            env={"PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path)), **given},
        )  # fmt: skip
        assert done.stdout.strip() == expected
