"""torchrun with two gloo processes: each sees its half, draws its own numbers; one result, written by the first."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from fer_hub.evaluation.evaluate import evaluate
from fer_hub.evaluation.measuring import measure
from fer_hub.model import FERForImageClassification, FERImageProcessor
from tests.conftest import ROOT
from tests.training.making import dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(tmp_path_factory, small_csv, tiny_checkpoint):
    """The output folder, what was said, and the notes of the two processes."""
    out = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               ROOT / "tests" / "training" / "two_processes.py", small_csv, tiny_checkpoint, out]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stderr, [json.loads((out / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


def test_each_process_sees_its_own_half_of_the_images(ran):
    *_, notes = ran
    halves = [[tuple(map(tuple, step["images"])) for step in note["seen"]] for note in notes]
    assert [len(half) for half in halves] == [14, 14]
    for epoch in (slice(0, 7), slice(7, 14)):
        first, second = ({image for step in half[epoch] for image in step} for half in halves)
        assert len(first) == len(second) == 35 and not first & second  # all 70, each once
    assert halves[0][:7] != halves[0][7:]  # in a new order in the second epoch


def test_each_process_augments_with_numbers_of_its_own(ran):
    *_, notes = ran
    first, second = ([step["random"] for step in note["seen"]] for note in notes)
    assert not set(first) & set(second) and len(set(first)) == len(first) == 14


def test_both_end_with_the_same_weights_and_figures(ran):
    *_, notes = ran
    assert notes[0]["weights"] == notes[1]["weights"]
    names = ("step", "eval_loss", "eval_accuracy", "eval_macro_f1")
    first, second = ([{name: row[name] for name in names} for row in note["evaluated"]] for note in notes)
    assert first == second and [row["step"] for row in first] == [7, 14]


def test_both_evaluate_the_weights_that_are_saved(ran):
    """Batch norm's statistics differ between the processes until they agree on those of the first."""
    out, _, notes = ran
    validation = dataset(21, seed=1)
    for row in notes[0]["evaluated"]:
        model = FERForImageClassification.from_pretrained(out / "whole" / f"checkpoint-{row['step']}")
        remade = measure(model, FERImageProcessor(), validation.images[:, 0].numpy(), validation.labels.numpy())
        assert row["eval_accuracy"] == remade["accuracy"]
        assert row["eval_calibration_error"] == pytest.approx(remade["calibration_error"], abs=1e-6)


def test_a_resumed_run_ends_the_same(ran):
    out, _, notes = ran
    for note in notes:
        assert note["seen again"] == note["seen"][7:]
        assert note["weights"][0] == note["weights"][1]
    first, second = (load_file(out / run / "checkpoint-14" / "unaveraged.safetensors") for run in ("whole", "again"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_only_the_first_process_evaluates_writes_and_logs(ran):
    out, said, notes = ran
    assert notes[1]["metrics"] == {} and notes[0]["metrics"]["validation"]["images"] == 21
    assert said.count("checkpoint: ") == said.count("10,215 parameters") == 1
    assert {path.name for path in (out / "run").iterdir()} == {"checkpoint-3", "final", "report"}
    assert json.loads((out / "run" / "final" / "metrics.json").read_text()) == notes[0]["metrics"]
    assert json.loads((out / "run" / "final" / "training_args.json").read_text())["processes"] == 2
    assert "torchrun --nproc-per-node 2 train.py" in (out / "run" / "final" / "README.md").read_text()


def test_the_result_is_an_ordinary_checkpoint(ran, small_csv):
    out, _, notes = ran
    remade = evaluate(str(out / "run" / "final"), str(small_csv), ["test"])
    assert remade["test"]["accuracy"] == notes[0]["metrics"]["test"]["accuracy"]
