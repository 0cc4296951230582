"""The mean of several checkpoints: its weights, what is refused, and what its card says of how it was made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

import train
from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.training.average_checkpoints import average_checkpoints, mean_weights
from fer_hub.training.recipe import averaged_recipe, command

ROOT = Path(__file__).resolve().parent.parent.parent


@given(st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=5))
def test_weights_are_averaged_and_counters_are_not(values):
    parts = [{"weight": torch.tensor([value]), "counter": torch.tensor(i)} for i, value in enumerate(values)]
    found = mean_weights(parts)
    assert found["weight"].item() == pytest.approx(sum(values) / len(values), abs=1e-5)
    assert found["counter"].item() == 0 and found["counter"].dtype == torch.int64


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small_csv, tiny_checkpoint):
    """Two trainings from the same weights."""
    folder = tmp_path_factory.mktemp("runs")
    for name, mixup in (("a", "0"), ("b", "0.4")):
        train.main(["--data", str(small_csv), "--output_dir", str(folder / name), "--start_from", str(tiny_checkpoint),
                    "--mixup", mixup, "--max_steps", "3", "--per_device_train_batch_size", "16"])  # fmt: skip
    return [folder / name / "final" for name in ("a", "b")]


def test_the_command_writes_a_measured_checkpoint(tmp_path, trained, small_csv):
    output = tmp_path / "average"
    line = [sys.executable, "-m", "fer_hub.training.average_checkpoints", *map(str, trained), "--data", str(small_csv)]
    done = subprocess.run([*line, "--output", str(output)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"checkpoint: {output}\n")
    ours, *parts = (load_file(folder / "model.safetensors") for folder in (output, *trained))
    for name, tensor in ours.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, (parts[0][name] + parts[1][name]) / 2, atol=1e-6), name
    stored = json.loads((output / "metrics.json").read_text())
    remade = evaluate(str(output), str(small_csv), ["validation", "test"])
    for split in ("validation", "test"):
        assert remade[split]["loss"] == pytest.approx(stored[split]["loss"], rel=1e-5)
    seconds = [json.loads((folder / "metrics.json").read_text())["training"]["seconds"] for folder in trained]
    assert stored["training"]["seconds"] == pytest.approx(sum(seconds))
    card = (output / "README.md").read_text()
    assert "The mean of the weights of 2 networks" in card and "--mixup 0.4 --output_dir runs/2" in card.replace(
        " --max_steps 3 --per_device_train_batch_size 16", ""
    ).replace("  ", " ")
    assert "fer-hub average runs/1/final runs/2/final" in card
    assert str(tmp_path) not in card


def test_one_checkpoint_has_no_average(trained, small_csv, tmp_path):
    with pytest.raises(ValueError) as caught:
        average_checkpoints(trained[:1], str(small_csv), tmp_path / "average")
    assert str(caught.value) == "an average takes at least two checkpoints, got 1; name more."


def test_networks_that_differ_are_refused(trained, small_csv, tmp_path):
    other = tmp_path / "other"
    FERForImageClassification(FERConfig(embedding_size=16, hidden_sizes=(16, 24), depths=(1, 1))).save_pretrained(other)
    FERImageProcessor().save_pretrained(other)
    with pytest.raises(ValueError) as caught:
        average_checkpoints([trained[0], other], str(small_csv), tmp_path / "average")
    assert str(caught.value) == (
        f"checkpoints must have the same hidden_sizes to be averaged, and {other} has another than {trained[0]}; leave "
        "it out."
    )
    assert not (tmp_path / "average").exists()


def test_the_recipe_keeps_what_all_agree_on_and_every_command():
    start = "python train.py --data path/to/fer2013"
    one = {"mixup": 0.2, "ema": 0.9, "result": "second", "earlier": [f"{start} --cutmix 1"]}
    two = {"mixup": 0.0, "ema": 0.9, "result": "second", "earlier": [f"{start} --cutmix 1"]}
    found = averaged_recipe([one, two])
    assert found == {
        "ema": 0.9,
        "result": "second",
        "earlier": [
            f"{start} --cutmix 1",
            f"{start} --mixup 0.2 --ema 0.9 --output_dir runs/1",
            f"{start} --ema 0.9 --output_dir runs/2",
        ],
        "averaged": ["runs/1/second", "runs/2/second"],
    }
    assert command(found) == (
        "fer-hub average runs/1/second runs/2/second --data path/to/fer2013 --output runs/average"
    )
