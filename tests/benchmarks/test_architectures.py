"""The table of architectures: its rows are runs of train.py, its text and picture come from its CSV file."""

import csv
import json
import shlex
import shutil
from pathlib import Path

import pytest

from benchmarks import architecture_table, architectures
from benchmarks.architecture_rows import ROWS
from fer_hub.model import ARCHITECTURES, FERConfig
from fer_hub.training.parser import FERArgumentParser

ROOT = Path(__file__).resolve().parents[2]


def test_every_architecture_has_a_row_and_two_have_every_augmentation():
    assert {row.architecture for row in ROWS} == set(ARCHITECTURES)
    for network in ("residual_cnn", "sequential_cnn"):
        found = {row.augmentation for row in ROWS if row.architecture == network and row.labels == "fer2013"}
        assert found == {"none", "light", "heavy"}
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize(("length", "pretrained"), [("full", True), ("cpu", False)])
def test_train_py_accepts_every_row(row, length, pretrained, tmp_path):
    arguments = ["--data", "somewhere", "--output_dir", str(tmp_path), *row.arguments(length, pretrained)]
    data, model, training = FERArgumentParser().parse_args_into_dataclasses(arguments)
    assert (model.architecture, data.augmentation) == (row.architecture, row.augmentation)
    assert data.labels == row.options.get("labels", "auto")
    assert training.num_train_epochs == row.epochs[length == "cpu"]


def finished(final):
    """A run under light augmentation, with the figures of a shipped checkpoint."""
    shutil.copytree(ROOT / "checkpoints" / "fer2013", final)
    options = json.loads((final / "training_args.json").read_text())
    options = {name: value for name, value in options.items() if name != "averaged"}  # as one training would leave them
    (final / "training_args.json").write_text(json.dumps(options | {"augmentation": "light"}))


def test_a_table_is_made_from_finished_runs_and_kept_where_nothing_new_is_there(tmp_path, capsys):
    runs, output = tmp_path / "runs", tmp_path / "results"
    finished(runs / "residual_cnn-light" / "final")
    options = ["--runs", str(runs), "--output", str(output), "--rounds", "1"]
    architectures.main([*options, "--data", "not/looked/at", "--rows", "residual_cnn-light"])
    assert "residual_cnn-light: trained already" in capsys.readouterr().out
    first = architecture_table.read_table(output)["residual_cnn-light"]
    metrics = json.loads((ROOT / "checkpoints" / "fer2013" / "metrics.json").read_text())
    assert first["test_accuracy"] == metrics["test"]["accuracy"] and first["parameters"] == 1_515_527
    assert first["macs"] == pytest.approx(106e6, rel=0.01) and first["cpu_ms"] > 0
    assert shlex.split(first["command"])[:2] == ["python", "train.py"]

    shutil.rmtree(runs)
    architectures.main([*options, "--collect"])
    assert "residual_cnn-light: not trained in" in capsys.readouterr().out
    again = architecture_table.read_table(output)["residual_cnn-light"]
    assert {**again, "cpu_ms": 0} == {**first, "cpu_ms": 0}
    assert (output / "architectures.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_of_another_row_is_refused(tmp_path):
    final = tmp_path / "runs" / "residual_cnn-heavy" / "final"
    finished(final)
    with pytest.raises(SystemExit) as caught:
        architectures.main(["--runs", str(tmp_path / "runs"), "--collect", "--output", str(tmp_path)])
    assert str(caught.value) == (
        f"{final} must hold a run of residual_cnn-heavy, got residual_cnn-light; move it away and train again."
    )


def test_data_must_be_named(capsys):
    with pytest.raises(SystemExit):
        architectures.main([])
    assert "--data must name FER-2013, got nothing; or pass --collect to make the table" in capsys.readouterr().err


def test_multiply_accumulates_by_hand():
    """Unpadded: 46x46 positions of 9 x 32, 21x21 of 32 x 9 x 64, 8x8 of 64 x 9 x 128, and 2048 x 7."""
    by_hand = 46 * 46 * 9 * 32 + 21 * 21 * 32 * 9 * 64 + 8 * 8 * 64 * 9 * 128 + 2048 * 7
    assert architectures.multiply_accumulates(FERConfig(architecture="baseline_cnn")) == by_hand


def test_findings_say_when_a_difference_may_be_chance():
    row = {"test_accuracy": 0.60, "test_low": 0.58, "test_high": 0.62, "epochs": 12.0, "weights": "random"}
    near = {**row, "row": "baseline_cnn-none", "test_accuracy": 0.59, "test_low": 0.57, "test_high": 0.61}
    far = {**row, "row": "baseline_cnn-heavy", "test_accuracy": 0.5, "test_low": 0.48, "test_high": 0.52}
    said = architecture_table.findings([{**row, "row": "baseline_cnn-light"}, near, far])
    assert said == [
        "Light augmentation against none, `baseline_cnn`: 60.0% against 59.0%, 1.0 points better on test; the "
        "intervals overlap, so this may be chance.",
        "Heavy augmentation against light, `baseline_cnn`: 50.0% against 60.0%, 10.0 points worse on test; the "
        "intervals do not overlap.",
        "Heavy augmentation against none, `baseline_cnn`: 50.0% against 59.0%, 9.0 points worse on test; the "
        "intervals do not overlap.",
    ]


def test_rows_of_different_length_are_not_compared():
    row = {"test_accuracy": 0.60, "test_low": 0.58, "test_high": 0.62, "epochs": 13.0, "weights": "random"}
    short = {**row, "row": "baseline_cnn-heavy", "test_accuracy": 0.5, "epochs": 12}
    assert architecture_table.findings([{**row, "row": "baseline_cnn-light"}, short]) == [
        "Not compared, as one was trained for longer: heavy augmentation against light, `baseline_cnn` (12 and 13 "
        "epochs).",
    ]


def test_the_committed_text_is_made_from_the_committed_csv():
    """Remake with: python -m benchmarks.architectures --collect"""
    lines = list(architecture_table.read_table(ROOT / "results").values())
    assert {line["architecture"] for line in lines} == set(ARCHITECTURES)
    assert (ROOT / "results" / "architectures.md").read_text() == architecture_table.markdown(lines)
    with (ROOT / "results" / "architectures.csv").open(newline="") as file:
        assert next(csv.reader(file)) == list(architecture_table.COLUMNS)
