"""--pretrained: which networks take it, what is recorded, and that a frozen backbone stays the one that was loaded."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import train
from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.arguments import ModelArguments
from fer_hub.training.pretrained import PRETRAINED
from fer_hub.training.starting import check_start, load_pretrained
from tests.training.making import small_model
from tests.wording import says


@pytest.fixture(scope="module")
def mobilenet():
    torch.manual_seed(1)
    return FERForImageClassification(FERConfig(architecture="mobilenet_v2"))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory, mobilenet):
    """A folder with the weights of a MobileNetV2, as if they had been trained on ImageNet."""
    folder = tmp_path_factory.mktemp("weights") / "my-mobilenet"
    folder.mkdir()
    save_file(mobilenet.network.backbone.state_dict(), folder / "model.safetensors")
    return folder


def test_a_frozen_backbone_is_the_one_that_was_loaded(tmp_path, small_csv, backbone):
    train.main(["--data", str(small_csv), "--output-dir", str(tmp_path), "--architecture", "mobilenet_v2",
                "--pretrained", str(backbone), "--freeze-backbone-epochs", "9", "--max-steps", "2",
                "--per-device-train-batch-size", "16"])  # fmt: skip
    final = load_file(tmp_path / "final" / "model.safetensors")
    for name, tensor in load_file(backbone / "model.safetensors").items():
        assert torch.equal(final[f"network.backbone.{name}"], tensor), name
    options = json.loads((tmp_path / "final" / "training_args.json").read_text())
    assert options["pretrained"] == "my-mobilenet" and options["freeze_backbone_epochs"] == 9
    command = "python train.py --recipe path/to/checkpoint/training_args.json --data path/to/fer2013\n"
    assert command in (tmp_path / "final" / "README.md").read_text()


@pytest.mark.parametrize("architecture", [*PRETRAINED])
def test_auto_stands_for_a_repository_and_a_resumed_run_does_not_ask_for_it(architecture):
    with torch.device("meta"):
        model = FERForImageClassification(FERConfig(architecture=architecture))
    assert load_pretrained(model, "auto", resuming=True) == PRETRAINED[architecture]
    assert load_pretrained(model, "none") == "none"


def test_a_network_without_a_backbone_has_nothing_to_record():
    assert load_pretrained(small_model(), "auto") is None


def test_pretrained_weights_need_a_backbone():
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(pretrained="none"))
    assert str(caught.value) == (
        "--pretrained needs a network with a backbone, one of resnet50, vgg16, mobilenet_v2, efficientnet_lite0, got "
        "residual_cnn; leave it out, or choose another --architecture."
    )


def test_one_start_is_enough():
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(architecture="vgg16", pretrained="owner/name", start_from="checkpoints/fer2013"))
    assert str(caught.value) == (
        "--pretrained must be left out with --start-from, whose weights are used instead, got owner/name; give one "
        "of the two."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"depths": [2, 2], "architecture": "vgg16"},
            "--depths is for --architecture residual_cnn, got vgg16, which has fixed sizes; leave it out.",
        ),
        (
            {"depths": [1, 1, 2], "start_from": "owner/name"},
            "--depths must be left out with --start-from, whose network has fixed sizes; give one of the two.",
        ),
        (
            {"hidden_sizes": [8, 16], "depths": [1]},
            "depths must ... 2 hidden_sizes, got 1; ...",
        ),
    ],
)
def test_sizes_belong_to_a_new_residual_network(arguments, sentence):
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(**arguments))
    assert says(str(caught.value), sentence)


def test_a_network_has_the_sizes_that_are_asked_for(tmp_path, small_csv):
    train.main(["--data", str(small_csv), "--output-dir", str(tmp_path), "--embedding-size", "16", "--hidden-sizes",
                "16", "24", "--max-steps", "1", "--per-device-train-batch-size", "16"])  # fmt: skip
    config = FERConfig.from_pretrained(tmp_path / "final")
    assert (config.embedding_size, list(config.hidden_sizes), list(config.depths)) == (16, [16, 24], [1, 1])


def test_a_network_has_the_image_size_that_is_asked_for(tmp_path, small_csv):
    train.main(["--data", str(small_csv), "--output-dir", str(tmp_path), "--architecture", "baseline_cnn",
                "--image-size", "64", "--max-steps", "1", "--per-device-train-batch-size", "16"])  # fmt: skip
    assert FERConfig.from_pretrained(tmp_path / "final").image_size == 64
    assert FERImageProcessor.from_pretrained(tmp_path / "final").size == {"height": 64, "width": 64}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"start_from": "owner/name"}, "--image-size must be left out with --start-from, whose network has one; ..."),
        ({"architecture": "vgg16", "image_size": 20}, "image_size must ... 32 pixels, got 20; FER-2013 has 48."),
        ({"image_size": 513}, "image_size must ... at most 512 pixels, got 513; FER-2013 has 48."),
    ],
)
def test_image_sizes_that_cannot_be(arguments, sentence):
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(**{"image_size": 96} | arguments))
    assert says(str(caught.value), sentence)


def test_usual_starts_are_fine():
    for arguments in (ModelArguments(), ModelArguments(start_from="a/b"), ModelArguments("vgg16", pretrained="none")):
        check_start(arguments)
