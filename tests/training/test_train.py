"""train.py for a few steps on small made data: a finished checkpoint, and a resumed run that ends the same."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification
from transformers.models.auto.image_processing_auto import AutoImageProcessor

import train
from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor, __version__
from fer_hub.data.duplicates_file import find_duplicates
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.soft_labels import smooth_labels
from fer_hub.training.trainer import FaceDataset, FERTrainer

STEPS = ["--max-steps", "6", "--eval-strategy", "steps", "--save-strategy", "steps", "--eval-steps", "3",
         "--save-steps", "3", "--per-device-train-batch-size", "16", "--learning-rate", "0.05"]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_csv, tiny_checkpoint):
    """A run of six steps that started from a small network, evaluated and saved at steps 3 and 6."""
    folder = tmp_path_factory.mktemp("run") / "whole"
    metrics = train.main(options(small_csv, tiny_checkpoint, folder))
    return folder, metrics


def options(data, start, folder):
    return ["--data", str(data), "--start-from", str(start), "--output-dir", str(folder), *STEPS]


def test_the_checkpoint_is_complete(finished):
    folder, metrics = finished
    final = folder / "final"
    files = {path.name for path in final.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "README.md", "metrics.json",
            "training_args.json", "training_log.json", "training_log.csv", "training.png",
            "modeling_fer.py"} <= files  # fmt: skip
    assert not [name for name in files if name.startswith(".") or name.endswith((".bin", ".pt"))]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []  # nothing half-written
    assert json.loads((final / "metrics.json").read_text()) == metrics
    assert metrics["validation"]["images"] == 21 and metrics["test"]["images"] == 14
    assert f"Trained on {metrics['training']['date']} with fer_hub {__version__}. " in (final / "README.md").read_text()
    assert metrics["training"]["steps"] == 6 and metrics["training"]["train_images"] == 70
    assert json.loads((final / "training_args.json").read_text())["max_steps"] == 6
    assert "train.py --recipe path/to/checkpoint/training_args.json --data" in (final / "README.md").read_text()
    model = AutoModelForImageClassification.from_pretrained(final)
    image_processor = AutoImageProcessor.from_pretrained(final)
    assert model.config.hidden_sizes == [16, 16] and image_processor.size == {"height": 48, "width": 48}


def test_the_figures_are_those_of_the_saved_weights_in_float32(finished, small_csv):
    """The Trainer may compute in bfloat16; whoever loads the checkpoint does not."""
    folder, metrics = finished
    remade = evaluate(str(folder / "final"), str(small_csv), ["validation", "test"])
    for split in ("validation", "test"):
        assert remade[split]["loss"] == pytest.approx(metrics[split]["loss"], rel=1e-5)
        assert remade[split]["accuracy"] == metrics[split]["accuracy"]


def test_the_best_epoch_on_validation_is_what_is_saved(finished):
    folder, metrics = finished
    log = json.loads((folder / "final" / "training_log.json").read_text())
    accuracies = {row["step"]: row["eval_accuracy"] for row in log if "eval_accuracy" in row}
    assert sorted(accuracies) == [3, 6]
    best = max(accuracies, key=accuracies.get)
    assert metrics["training"]["chosen_step"] == best
    chosen = load_file(folder / f"checkpoint-{best}" / "model.safetensors")
    saved = load_file(folder / "final" / "model.safetensors")
    assert all(torch.equal(chosen[key], saved[key]) for key in chosen)


def test_weights_moved_away_from_the_start(finished, tiny_checkpoint):
    before, after = (load_file(path / "model.safetensors") for path in (tiny_checkpoint, finished[0] / "final"))
    assert all(not torch.equal(before[key], after[key]) for key in before if "conv" in key or "classifier" in key)


def test_a_resumed_run_ends_like_an_uninterrupted_one(finished, tmp_path, small_csv, tiny_checkpoint):
    whole, metrics = finished
    again = tmp_path / "again"
    again.mkdir()
    shutil.copytree(whole / "checkpoint-3", again / "checkpoint-3")  # as if the power had failed after step 3
    resumed = train.main([*options(small_csv, tiny_checkpoint, again), "--resume"])
    assert resumed["validation"] == metrics["validation"] and resumed["test"] == metrics["test"]
    state = json.loads((again / "checkpoint-3" / "trainer_state.json").read_text())
    clocked = state["stateful_callbacks"]["TrainingClock"]["args"]["seconds"]
    assert 0 < clocked < resumed["training"]["seconds"]  # the steps before the interruption count
    assert resumed["training"]["timed_from_step"] == 0
    first, second = (load_file(folder / "checkpoint-6" / "model.safetensors") for folder in (whole, again))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_near_duplicates_are_left_out_by_a_search_and_by_a_file_alike(tmp_path, small_csv, tiny_checkpoint):
    """The made images are noise around a brightness, so two rows of train become copies of a test image here."""
    lines = small_csv.read_text().splitlines()
    test = next(line for line in lines if line.endswith("PrivateTest"))
    pixels = test.split(",")[1]
    lines[1], lines[5] = (",".join([lines[row].split(",")[0], pixels, "Training"]) for row in (1, 5))
    data, known = tmp_path / "fer2013.csv", tmp_path / "copies.json"
    data.write_text("\n".join(lines) + "\n")
    find_duplicates(str(data), output=known, progress=False)
    usual = ["--start-from", str(tiny_checkpoint), *STEPS, "--max-steps", "3", "--drop-duplicates"]
    counts = []
    for name, more in (("searched", []), ("known", ["--duplicates", str(known)])):
        metrics = train.main(["--data", str(data), "--output-dir", str(tmp_path / name), *usual, *more])
        counts.append(metrics["training"]["train_images"])
    assert counts == [68, 68]
    assert "duplicates" not in json.loads((tmp_path / "known" / "final" / "training_args.json").read_text())


def test_a_file_of_near_duplicates_needs_the_option_that_uses_it(tmp_path, small_csv, tiny_checkpoint):
    with pytest.raises(ValueError, match=r"--duplicates must stand beside --drop-duplicates, which uses the file"):
        train.main([*options(small_csv, tiny_checkpoint, tmp_path / "run"), "--duplicates", "copies.json"])
    with pytest.raises(ValueError, match=r"absent\.json must be a file that `fer-hub duplicates --output` wrote"):
        train.main([*options(small_csv, tiny_checkpoint, tmp_path / "run"), "--drop-duplicates", "--duplicates",
                    str(tmp_path / "absent.json")])  # fmt: skip


def test_an_old_run_is_not_overwritten(finished, small_csv, tiny_checkpoint):
    folder, _ = finished
    with pytest.raises(SystemExit) as caught:
        train.main(options(small_csv, tiny_checkpoint, folder))
    assert str(caught.value) == (
        f"output_dir must be a folder without an earlier run, but {folder} contains checkpoint-6; add --resume to "
        "continue it, or choose another --output-dir."
    )


def test_resume_needs_something_to_resume(tmp_path, small_csv, tiny_checkpoint):
    with pytest.raises(SystemExit) as caught:
        train.main([*options(small_csv, tiny_checkpoint, tmp_path), "--resume"])
    assert str(caught.value) == (
        f"--resume needs a checkpoint-* folder in {tmp_path}, but there is none; leave --resume out."
    )


def test_unknown_precision_is_refused(tmp_path, small_csv, tiny_checkpoint):
    with pytest.raises(ValueError) as caught:
        train.main([*options(small_csv, tiny_checkpoint, tmp_path), "--precision", "fp8"])
    assert str(caught.value) == "precision must be auto, fp32 or bf16, got 'fp8'; choose one of the three."


@pytest.mark.parametrize(
    "labels", [torch.arange(8) % 7, torch.eye(7)[torch.arange(8) % 7]], ids=["indices", "distributions"]
)
def test_training_batches_are_augmented_and_smoothed_and_evaluation_batches_are_not(labels, tmp_path):
    from fer_hub.training.arguments import FERTrainingArguments

    images = torch.randint(0, 256, (8, 48, 48), dtype=torch.uint8)
    dataset = FaceDataset(images.numpy(), labels.numpy())
    model = FERForImageClassification(FERConfig(embedding_size=4, hidden_sizes=(8,), depths=(1,)))
    image_processor = FERImageProcessor()
    trainer = FERTrainer(
        model=model,
        args=FERTrainingArguments(output_dir=str(tmp_path), precision="fp32", label_smoothing_factor=0.2),
        image_processor=image_processor,
        augmentation=PRESETS["light"],
        train_dataset=dataset,
        eval_dataset=dataset,
    )
    batch = next(iter(trainer.get_eval_dataloader()))
    assert torch.equal(batch["pixel_values"], images[:, None])
    model.eval()
    plain = trainer._prepare_inputs(batch)
    assert torch.equal(plain["pixel_values"], image_processor.normalize_batch(images[:, None]))
    assert torch.equal(plain["labels"], labels)
    model.train()
    changed = trainer._prepare_inputs(batch)
    assert not torch.allclose(changed["pixel_values"], plain["pixel_values"])
    assert torch.equal(changed["labels"], smooth_labels(labels, 7, 0.2))
    assert torch.allclose(changed["labels"].sum(1), torch.ones(8))


def test_images_and_labels_must_belong_together():
    import numpy as np

    with pytest.raises(ValueError) as caught:
        FaceDataset(np.zeros((2, 48, 48), np.uint8), np.zeros(3, int))
    assert str(caught.value) == (
        "images must be uint8 of shape (images, height, width) with one label each, got uint8 (2, 48, 48) and 3 "
        "labels; decode the split with decode_images."
    )
