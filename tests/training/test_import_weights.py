"""Converting a state_dict to a checkpoint: same logits, no code in the file is run, atomic output."""

import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForImageClassification
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from fer_hub.commands import main
from fer_hub.model import EMOTIONS, FERImageProcessor
from fer_hub.training.import_weights import import_weights
from tests.wording import says

FACE = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)


class TheirNetwork(nn.Module):
    """The same network as defined in other programs."""

    def __init__(self, classes=7, pixels=48):
        super().__init__()
        torch.manual_seed(0)
        layers, channels = [], 1
        for widths in ((32, 32), (64, 64), (128,), (264,)):
            for width in widths:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        hidden = nn.Linear(264 * (pixels // 16) ** 2, 256)
        self.classifier = nn.Sequential(nn.Dropout(0.4), hidden, nn.ReLU(), nn.Dropout(0.4), nn.Linear(256, classes))
        with torch.no_grad():
            self.train()(torch.randn(8, 1, pixels, pixels))  # running statistics other than 0 and 1

    def forward(self, images):
        return self.classifier(self.features(images).flatten(1))


@pytest.fixture(scope="module")
def theirs():
    return TheirNetwork().eval()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "best_model.pth"


def refusal(path, tmp_path, **options):
    """What is raised; neither the folder nor a part of it is left."""
    with pytest.raises((OSError, ValueError)) as caught:
        import_weights(path, tmp_path / "mine", **options)
    assert not [each for each in tmp_path.iterdir() if "mine" in each.name]
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 81, "model_state_dict": state, "optimizer_state_dict": {"lr": 0.1}},
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {f"_orig_mod.module.{name}": value for name, value in state.items()},
        lambda state: {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")},
    ],
    ids=["plain", "wrapped", "DataParallel", "compiled", "without counters"],
)
def test_the_logits_stay_the_same(theirs, path, tmp_path, wrap):
    torch.save(wrap(theirs.state_dict()), path)
    folder = import_weights(path, tmp_path / "new" / "mine", mean=0.5, std=0.25)
    model = AutoModelForImageClassification.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    pixels = (torch.from_numpy(FACE)[None, None] / 255 - 0.5) / 0.25
    with torch.inference_mode():
        logits = model(**processor(FACE, return_tensors="pt")).logits
        assert torch.allclose(logits, theirs(pixels), atol=1e-5)
    assert tuple(model.config.id2label.values()) == EMOTIONS
    files = {each.name for each in folder.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "zoo_plain_fer.py"} <= files
    assert [each.name for each in folder.parent.iterdir()] == ["mine"]


def test_the_command_says_what_it_assumed(theirs, path, tmp_path, capsys):
    torch.save({"epoch": 81, "val_acc": 65.4, "state_dict": theirs.state_dict()}, path)
    assert main(["import-weights", str(path), "--output", str(tmp_path / "mine")]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path / 'mine'}: scratch_cnn, 1,054,719 parameters, from {path}\n"
        "left out: epoch, val_acc\n"
        "labels (assumed; see --labels): angry, disgust, fear, happy, sad, surprise, neutral\n"
        "pixels (assumed; see --mean, --std): (value / 255 - 0.5077) / 0.255\n"
    )
    assert main(["import-weights", str(path), "--output", str(tmp_path / "mine")]) == 1
    assert capsys.readouterr().err == (
        f"error: the output must be a new folder, but {tmp_path / 'mine'} exists; choose another name.\n"
    )


def test_every_option(path, tmp_path, capsys):
    torch.save(TheirNetwork(classes=3, pixels=64).state_dict(), path)
    options = ["--labels", "calm", "happy", "sad", "--mean", "0.5", "--std", "0.5", "--image-size", "64"]
    assert main(["import-weights", str(path), "--output", str(tmp_path / "mine"), *options]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "labels: calm, happy, sad",
        "pixels: (value / 255 - 0.5) / 0.5",
    ]
    config = AutoModelForImageClassification.from_pretrained(tmp_path / "mine").config
    assert (config.id2label, config.image_size) == ({0: "calm", 1: "happy", 2: "sad"}, 64)
    processor = FERImageProcessor.from_pretrained(tmp_path / "mine")
    assert (*processor.image_mean, *processor.image_std) == (0.5, 0.5)
    assert processor(FACE, return_tensors="pt").pixel_values.shape == (1, 1, 64, 64)


class Payload:
    """What an attacker would put into a file: unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "old", "pickle"])
def test_nothing_in_the_file_is_run(theirs, path, tmp_path, form):
    content = {"state_dict": theirs.state_dict(), "note": Payload(tmp_path / "made")}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content["note"], protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    told = refusal(path, tmp_path)
    assert not (tmp_path / "made").exists()
    assert told == (
        ValueError,
        f"{path} must contain only tensors, numbers and text, but contains {os.name}.mkdir, which would run code when "
        "loaded; load it only if you trust it, and save just model.state_dict().",
    )
    if form == "pickle":  # the payload is real
        pickle.loads(path.read_bytes())
        assert (tmp_path / "made").is_dir()


def test_a_whole_model_is_refused(theirs, path, tmp_path):
    torch.save(theirs, path)
    assert refusal(path, tmp_path) == (
        ValueError,
        f"{path} must contain only tensors, numbers and text, but contains {__name__}.TheirNetwork, which would run "
        "code when loaded; load it only if you trust it, and save just model.state_dict().",
    )


@pytest.mark.parametrize("content", [b"", b"hello", b"cut"], ids=["empty", "text", "truncated"])
def test_files_not_written_by_torch(theirs, path, tmp_path, content):
    torch.save(theirs.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-300] if content == b"cut" else content)
    assert refusal(path, tmp_path) == (
        ValueError,
        f"{path} must be a state_dict written by torch.save, but cannot be read as one; save model.state_dict() "
        "again, or copy the file again.",
    )


def test_no_file(path, tmp_path):
    assert refusal(path, tmp_path) == (
        FileNotFoundError,
        f"the weights must be an existing file, got {path}; correct the path.",
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2], "list"),
        ({"a": torch.zeros(1), "b": 3}, "int under 'b'"),
        ({"state_dict": {"a": "text"}}, "str under 'a'"),
    ],
)
def test_files_without_a_dict_of_tensors(path, tmp_path, content, told):
    torch.save(content, path)
    assert refusal(path, tmp_path) == (
        ValueError,
        f"{path} must contain a dict of tensors, directly or under model_state_dict, state_dict, got {told}; save "
        "model.state_dict().",
    )


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        ({"features.0.bias": None}, {}, "48x48 grey pixels, but features.0.bias must be (32,) and is absent"),
        ({"features.0.weight": torch.zeros(32, 3, 3, 3)}, {},
         "48x48 grey pixels, but features.0.weight must be (32, 1, 3, 3) and is (32, 3, 3, 3)"),
        ({"features.25.weight": torch.zeros(8)}, {},
         "48x48 grey pixels, but features.25.weight must be absent and is (8,)"),
        ({"classifier.4.weight": None}, {},
         "48x48 grey pixels, but classifier.4.weight must be (7, 256) and is absent"),
        ({}, {"image_size": 64}, "64x64 grey pixels, but classifier.1.weight must be (256, 4224) and is (256, 2376)"),
    ],
)  # fmt: skip
def test_other_networks_are_refused(theirs, path, tmp_path, changes, options, told):
    state = {name: value for name, value in {**theirs.state_dict(), **changes}.items() if value is not None}
    torch.save(state, path)
    assert refusal(path, tmp_path, **options) == (
        ValueError,
        f"{path} must contain the tensors of scratch_cnn for {told}; see --image-size, or train this network from "
        "scratch.",
    )


@pytest.mark.parametrize(
    ("classes", "options", "told"),
    [
        (8, {}, "labels must name each of the 8 classes of {path}, got none; give them with --labels, in the order of "
                "the network's outputs."),
        (3, {"labels": ["no", "yes"]}, "labels must name each of the 3 classes of {path}, got no, yes; give them with "
                                       "--labels, in the order of the network's outputs."),
        (2, {"labels": ["no", "no"]}, "id2label must ... got ['no', 'no']; ..."),
        (7, {"mean": float("nan")}, "mean must be a finite number, got nan; it is subtracted from pixels in [0, 1]."),
        (7, {"std": 0}, "std must be a finite number above 0, got 0; pixels in [0, 1] are divided by it."),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(path, tmp_path, classes, options, told):
    torch.save(TheirNetwork(classes).state_dict(), path)
    kind, sentence = refusal(path, tmp_path, **options)
    assert kind is ValueError and says(sentence, told.format(path=path))


def test_an_interruption_leaves_nothing(theirs, path, tmp_path, monkeypatch):
    torch.save(theirs.state_dict(), path)

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(FERImageProcessor, "save_pretrained", interrupted)  # when the weights are written already
    with pytest.raises(KeyboardInterrupt):
        import_weights(path, tmp_path / "mine")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
