"""An interrupted run ends like an uninterrupted one, with any options."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from fer_hub.training.resuming import find_checkpoint
from tests.training.making import dataset, log, small_trainer
from tests.wording import says

EVERYTHING = {"mixup": 0.2, "cutmix": 1.0, "ema": 0.7, "class_weights": "balanced"}


def resume(whole, again, step, **options):
    """Resume from a checkpoint as if the power had failed right after it."""
    again.mkdir()
    shutil.copytree(whole / f"checkpoint-{step}", again / f"checkpoint-{step}")
    small_trainer(again, **options).train(resume_from_checkpoint=find_checkpoint(str(again), resume=True))


def figures(folder):
    """The log without entries that depend on the speed of the machine."""
    rows = log(folder)
    return [
        {key: value for key, value in row.items() if "runtime" not in key and "per_second" not in key} for row in rows
    ]


@pytest.mark.parametrize(
    "options",
    [
        EVERYTHING,
        EVERYTHING | {"optim": "adamw_torch", "learning_rate": None, "gradient_accumulation_steps": 2},
    ],
    ids=["mixup, cutmix, average, class weights", "with AdamW and accumulation"],
)
def test_it_ends_the_same(tmp_path, options):
    options = options | {"max_steps": 9}
    small_trainer(tmp_path / "whole", **options).train()
    for step in (3, 6):
        resume(tmp_path / "whole", tmp_path / f"again{step}", step, **options)
        for name in ("model.safetensors", *(["unaveraged.safetensors"] if "ema" in options else [])):
            first, second = (load_file(tmp_path / run / "checkpoint-9" / name) for run in ("whole", f"again{step}"))
            assert all(torch.equal(first[key], second[key]) for key in first), name
        assert figures(tmp_path / "whole" / "checkpoint-9") == figures(tmp_path / f"again{step}" / "checkpoint-9")


def test_soft_labels_too(tmp_path):
    votes = dataset()
    votes.labels = 0.8 * torch.eye(7)[votes.labels] + 0.2 / 7
    small_trainer(tmp_path / "whole", train=votes, **EVERYTHING).train()
    resume(tmp_path / "whole", tmp_path / "again", 3, train=votes, **EVERYTHING)
    first, second = (load_file(tmp_path / run / "checkpoint-6" / "model.safetensors") for run in ("whole", "again"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def folder(path, *steps, half=()):
    for step in (*steps, *half):
        (path / f"checkpoint-{step}").mkdir(parents=True)
        (path / f"checkpoint-{step}" / "trainer_state.json").write_text("{" if step in half else "{}")
    return str(path)


def test_an_incomplete_checkpoint_is_skipped(tmp_path, caplog):
    output = folder(tmp_path, 5, 20, half=(100,))
    (tmp_path / "checkpoint-200").mkdir()  # not even that file
    assert find_checkpoint(output, resume=True) == str(tmp_path / "checkpoint-20")
    assert [record.message for record in caplog.records] == [
        "checkpoint-200 is incomplete and is skipped",
        "checkpoint-100 is incomplete and is skipped",
    ]


def test_no_complete_checkpoint_to_resume(tmp_path):
    with pytest.raises(SystemExit) as caught:
        find_checkpoint(folder(tmp_path, half=(5,)), resume=True)
    assert str(caught.value) == (
        f"--resume needs a complete checkpoint-* folder, but {tmp_path} has none; start again in another --output-dir."
    )


def test_a_new_run_needs_a_new_folder(tmp_path):
    assert find_checkpoint(str(tmp_path / "new"), resume=False) is None
    with pytest.raises(SystemExit) as caught:
        find_checkpoint(folder(tmp_path, 9, 10), resume=False)
    assert says(str(caught.value), f"output_dir must ... but {tmp_path} contains checkpoint-10; add --resume ...")


def test_resume_from_checkpoint_points_to_resume(tmp_path):
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, resume_from_checkpoint="runs/fer/checkpoint-5")
    assert str(caught.value) == (
        "resume_from_checkpoint must be left out, got runs/fer/checkpoint-5; --resume continues from the newest "
        "checkpoint in output_dir."
    )


def test_what_is_written_last_is_still_written_last(tmp_path):
    """Otherwise a checkpoint could look whole before it is."""
    small_trainer(tmp_path, ema=0.9).train()
    files = sorted((tmp_path / "checkpoint-6").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert files[-1].name == "trainer_state.json"


def test_truncated_weights_are_skipped(tmp_path, caplog):
    """A full disk leaves such a file; the run before it goes on."""
    small_trainer(tmp_path).train()
    weights = tmp_path / "checkpoint-6" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert find_checkpoint(str(tmp_path), resume=True) == str(tmp_path / "checkpoint-3")
    assert "checkpoint-6 is incomplete and is skipped" in caplog.text
