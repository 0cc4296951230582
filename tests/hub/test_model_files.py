"""Refusals of checkpoint folders in publishing, each with one sentence, and the files it uploads."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fer_hub.hub.model_files import plan_model
from fer_hub.hub.plan import MAX_FILE, MAX_WEIGHTS
from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, checkpoint_sha256


def refusal(folder, kind=ValueError):
    """The error for a folder, without its path."""
    with pytest.raises(kind) as caught:
        plan_model(folder, "user/fer")
    return str(caught.value).replace(str(folder), "FOLDER")


def change_json(path: Path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_finished_checkpoint_is_uploaded_completely(finished_checkpoint):
    plan = plan_model(finished_checkpoint, "user/fer")
    added = {"LICENSE", ".gitattributes"}
    assert {upload.path for upload in plan.uploads} == {path.name for path in finished_checkpoint.iterdir()} | added
    assert (plan.left_behind, plan.notes) == ((), ())
    assert [upload.path for upload in plan.uploads][:3] == ["README.md", "config.json", "model.safetensors"]


def test_onnx_files_are_uploaded_if_they_match_the_weights(checkpoint):
    sha256 = checkpoint_sha256(checkpoint / "model.safetensors")
    for name in (MODEL_FILE, INT8_FILE):
        (checkpoint / name).write_bytes(b"\x08\x08 metadata " + sha256.encode())
    reasons = {upload.path: upload.reason for upload in plan_model(checkpoint, "user/fer").uploads}
    assert reasons[MODEL_FILE] == "the same network for ONNX runtimes"
    assert reasons[INT8_FILE] == "the same network, quantised to int8, for ONNX runtimes"
    (checkpoint / MODEL_FILE).write_bytes(b"\x08\x08 metadata " + b"0" * 64)
    assert refusal(checkpoint) == (
        "model.onnx must be exported from the model.safetensors next to it, but was exported from other weights; "
        "write it again with fer-hub export FOLDER, or delete it."
    )


def test_files_left_out_are_named_with_a_reason(checkpoint):
    for name in ("training_args.bin", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json",
                 "notes.txt", ".gitignore"):  # fmt: skip
        (checkpoint / name).write_bytes(b"{}")
    for name in ("checkpoint-6", "__pycache__"):
        (checkpoint / name).mkdir()
    plan = plan_model(checkpoint, "user/fer")
    assert dict(plan.left_behind) == {
        "training_args.bin": "the Trainer's options as a pickle; training_args.json has the same content",
        "optimizer.pt": "optimizer state, only for resuming",
        "rng_state.pth": "random state, only for resuming",
        "scheduler.pt": "scheduler state, only for resuming",
        "trainer_state.json": "the Trainer's state, only for resuming",
        "checkpoint-6": "a checkpoint in the middle of training, only for resuming",
        "notes.txt": "not part of a checkpoint",
        ".gitignore": "hidden",
        "__pycache__/": "a folder; a checkpoint is flat",
    }
    assert not {upload.path for upload in plan.uploads} & {name for name, _ in plan.left_behind}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.PTH", "best.ckpt", "a.pkl", "a.joblib"])
def test_pickles_are_refused(checkpoint, name):
    (checkpoint / name).write_bytes(pickle.dumps({}))
    assert refusal(checkpoint) == (
        f"a checkpoint must not contain pickles, which can run code when loaded, but FOLDER contains {name}; delete "
        "it, or save the weights as safetensors with save_pretrained."
    )


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "confusion.png"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_pickles_under_another_name_are_refused(checkpoint, name, how):
    with open(checkpoint / name, "wb") as file:
        pickle.dump({"a": 1}, file) if how == "pickle" else torch.save({"a": torch.ones(2)}, file)
    assert refusal(checkpoint) == (
        f"{name} must not be a pickle, which can run code when loaded, but is one; remove it, or save the weights as "
        "safetensors with save_pretrained."
    )


def test_there_must_be_a_folder(tmp_path):
    assert refusal(tmp_path / "no", FileNotFoundError) == (
        "the checkpoint must be an existing folder, got FOLDER; train.py writes one to OUTPUT_DIR/final."
    )


@pytest.mark.parametrize("name", ["README.md", "metrics.json", "config.json", "model.safetensors"])
def test_every_file_must_be_there(checkpoint, name):
    (checkpoint / name).unlink()
    assert refusal(checkpoint, FileNotFoundError) == (
        "a checkpoint must contain README.md, config.json, model.safetensors, preprocessor_config.json, "
        f"metrics.json, training_args.json and its code, but FOLDER lacks {name}; train.py writes them, and fer-hub "
        "refresh writes README.md."
    )


@pytest.mark.parametrize("name", ["modeling_fer.py", "zoo_residual_fer.py", "image_processing_fer.py"])
def test_all_code_must_be_there(checkpoint, name):
    (checkpoint / name).unlink()
    assert refusal(checkpoint, FileNotFoundError) == (
        f"a checkpoint must contain all its code, but FOLDER lacks {name}; fer-hub refresh FOLDER writes the code "
        "again."
    )


def test_code_of_another_version_is_noted(checkpoint):
    with open(checkpoint / "zoo_plain_fer.py", "a") as file:
        file.write("\n# older\n")
    [note] = plan_model(checkpoint, "user/fer").notes
    assert note.startswith("zoo_plain_fer.py: differs from the installed fer_hub ")
    assert note.endswith(f"; fer-hub refresh {checkpoint} writes the code again.")


def test_a_checkpoint_without_its_classes_is_refused(checkpoint):
    for name in ("config.json", "preprocessor_config.json"):
        change_json(checkpoint / name, auto_map={})
    assert refusal(checkpoint) == (
        "config.json must name its code in auto_map, but that of FOLDER does not; fer-hub refresh FOLDER writes the "
        "code again."
    )


def test_broken_json_is_named(checkpoint):
    (checkpoint / "metrics.json").write_text("{")
    assert refusal(checkpoint).startswith("FOLDER/metrics.json must be JSON, but cannot be read (")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model_type": "resnet"},
            "config.json must have the model_type 'fer_cnn', got 'resnet' in FOLDER; publish other models with "
            "their own push_to_hub.",
        ),
        (
            {"format_version": 99},
            "format_version must be at most 1, got 99: the checkpoint was written by a newer fer_hub; upgrade "
            "fer_hub to read it.",
        ),
        (
            {"hidden_sizes": [8, 16]},
            "model.safetensors must contain the weights of config.json's residual_cnn, but network.classifier.weight "
            "must be (7, 16) and is (7, 8) in FOLDER; save both together with save_pretrained.",
        ),
    ],
    ids=["foreign", "newer", "other weights"],
)
def test_the_configuration_must_fit(checkpoint, changes, sentence):
    change_json(checkpoint / "config.json", **changes)
    assert refusal(checkpoint) == sentence


def test_every_tensor_must_be_there(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    name = min(weights)
    shape = tuple(weights.pop(name).shape)
    save_file(weights, checkpoint / "model.safetensors", {"format": "pt"})
    assert refusal(checkpoint) == (
        f"model.safetensors must contain the weights of config.json's residual_cnn, but {name} must be {shape} and is "
        "absent in FOLDER; save both together with save_pretrained."
    )


def test_truncated_weights_are_refused(checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    said = refusal(checkpoint)
    assert said.startswith("FOLDER/model.safetensors must be a complete safetensors file, but cannot be read (")
    assert said.endswith("); save the weights with save_pretrained.")


@pytest.mark.parametrize(("name", "limit"), [("training_log.json", MAX_FILE), ("model.safetensors", MAX_WEIGHTS)])
def test_files_over_the_limit_are_refused(checkpoint, name, limit):
    with open(checkpoint / name, "ab") as file:
        file.truncate(limit + 1_000_000)  # sparse, takes no room
    assert refusal(checkpoint) == (
        f"{name} must be at most {limit / 1e6:.1f} MB, got {limit / 1e6 + 1:.1f} MB; shorten it or remove it."
    )


def test_the_card_must_give_the_figures_of_metrics_json(checkpoint):
    metrics = json.loads((checkpoint / "metrics.json").read_text())
    says = round(metrics["test"]["accuracy"], 4)
    metrics["test"]["accuracy"] = 0.9876
    (checkpoint / "metrics.json").write_text(json.dumps(metrics))
    assert refusal(checkpoint) == (
        f"README.md must agree with metrics.json, but has {says} for accuracy on test instead of 0.9876; write it "
        "again with fer-hub refresh FOLDER."
    )


def test_the_card_must_have_metadata(checkpoint):
    (checkpoint / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    assert refusal(checkpoint) == (
        "README.md must have the metadata license, library_name, pipeline_tag, tags, eval_results, but lacks "
        "library_name, pipeline_tag, tags, eval_results; write it again with fer-hub refresh FOLDER."
    )


def test_the_card_must_be_readable(checkpoint):
    (checkpoint / "README.md").write_text("---\nlicense: [\n---\n# A model\n")
    assert refusal(checkpoint).startswith("README.md must begin with Hub metadata, but cannot be read (")
