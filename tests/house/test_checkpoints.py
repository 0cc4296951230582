"""The shipped checkpoints: complete, small, safe, and their cards agree with their files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors import safe_open
from transformers import AutoModelForImageClassification
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from fer_hub.files import write_json
from fer_hub.hub.card import fill, write_card
from fer_hub.hub.checkpoint import write_checkpoint
from fer_hub.hub.recipes import REMOVED
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.inference.onnx_classifier import MODEL_FILE, OnnxClassifier
from fer_hub.model import FERForImageClassification, FERImageProcessor


def test_it_is_small_and_holds_no_pickle(each_checkpoint):
    files = [path for path in each_checkpoint.rglob("*") if path.is_file()]
    exported = [path for path in files if path.name == MODEL_FILE]  # the weights once more
    assert sum(path.stat().st_size for path in files if path not in exported) <= 12_000_000
    assert all(path.stat().st_size < 1.1 * (each_checkpoint / "model.safetensors").stat().st_size for path in exported)
    assert {path.suffix for path in files} <= {".json", ".csv", ".safetensors", ".onnx", ".py", ".md", ".png"}
    with safe_open(each_checkpoint / "model.safetensors", "pt") as weights:
        assert weights.metadata() == {"format": "pt"}


def test_the_default_runs_without_torch():
    """Remake with: fer-hub export checkpoints/photographs"""
    classifier = OnnxClassifier.from_pretrained(default_checkpoint())  # raises where the weights are not those of it
    assert classifier.features(np.zeros((2, 1, 48, 48))).shape[0] == 2


def test_it_loads_without_missing_or_unexpected_weights(each_checkpoint):
    model, info = AutoModelForImageClassification.from_pretrained(each_checkpoint, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    assert not model.training and model.dtype == torch.float32
    assert type(AutoImageProcessor.from_pretrained(each_checkpoint)) is FERImageProcessor


def test_its_code_is_the_code_of_this_repository(each_checkpoint):
    """Users without fer_hub run these copies, so they must be up to date.

    Remake with: fer-hub refresh checkpoints/NAME
    """
    import fer_hub.model

    home = Path(fer_hub.model.__file__).parent
    sources = {path.name: path.read_text(encoding="utf-8") for path in home.glob("*_fer.py")}
    shipped = {path.name: path.read_text(encoding="utf-8") for path in each_checkpoint.glob("*.py")}
    assert shipped == sources


def test_its_card_is_filled_from_its_files(each_checkpoint, tmp_path):
    """Remake with: fer-hub refresh checkpoints/NAME"""
    for path in each_checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_card(tmp_path)
    assert (tmp_path / "README.md").read_text() == (each_checkpoint / "README.md").read_text()
    metrics = json.loads((each_checkpoint / "metrics.json").read_text())
    data = ModelCard((each_checkpoint / "README.md").read_text()).data
    figures = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    for split in ("validation", "test"):
        assert figures[split, "accuracy"] == round(metrics[split]["accuracy"], 4)
        assert figures[split, "f1"] == round(metrics[split]["macro_f1"], 4)
        assert figures[split, "expected_calibration_error"] == round(metrics[split]["calibration_error"], 4)


def test_a_failed_write_leaves_the_old_checkpoint_alone(tiny_checkpoint, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "precious.txt").write_text("kept")
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    with pytest.raises(TypeError):
        write_checkpoint(folder, model, FERImageProcessor(), metrics={"bad": object()}, training_args={}, log=[])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "figures.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["figures.json"]


def test_a_card_needs_the_training_files(tiny_checkpoint):
    with pytest.raises(FileNotFoundError) as caught:
        write_card(tiny_checkpoint)
    assert str(caught.value) == (
        "a checkpoint folder must contain metrics.json to fill its model card, but checkpoint does not; train.py "
        "writes it."
    )


def card(folder, **options):
    """The text of a checkpoint's card with other options of its training, of which those of today's train.py stay."""
    parts = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("config", "metrics", "training_args")}
    kept = {name: value for name, value in parts["training_args"].items() if name not in REMOVED}
    return str(fill(**parts | {"training_args": kept | options}, size=1))


def test_a_card_of_an_earlier_version_names_no_command_that_is_gone(each_checkpoint):
    text = card(each_checkpoint, teachers=["runs/one/final"])
    assert "train.py --" not in text and "An earlier version of fer_hub trained it" in text


def test_a_card_names_the_recipe_and_what_it_began_from(each_checkpoint):
    text = card(each_checkpoint, recipe="fer2013", start_from="./runs/base/final")
    code = text.split("```bash\n")[-1].split("```")[0].splitlines()
    assert code[:2] == [
        "python train.py --recipe base --data path/to/fer2013 --output-dir runs/base",
        "python train.py --recipe fer2013 --data path/to/fer2013",
    ]
    assert "fer-hub evaluate" in code[2] and "beginning with the\nweights of `./runs/base/final`" in text
