"""Checkpoints with their ONNX files, written once for all tests."""

import contextlib
import io
import shutil
from pathlib import Path

import pytest
import torch

from fer_hub.commands import main
from fer_hub.model import ARCHITECTURES, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.onnx import export as onnx_export
from fer_hub.onnx.translate import export_onnx


def make_checkpoint(folder: Path, **settings) -> Path:
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(embedding_size=4, hidden_sizes=(8, 8), depths=(1, 1), **settings))
    pixel_values = torch.randn(16, model.config.num_channels, *(model.config.image_size,) * 2) * 2
    with torch.no_grad():  # running statistics other than 0 and 1, and logits about 1 apart
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1
        model.train()(pixel_values=pixel_values)
        list(model.parameters())[-2].div_(model.eval()(pixel_values=pixel_values).logits.std())
    model.save_pretrained(folder)
    size = dict.fromkeys(("height", "width"), model.config.image_size)
    FERImageProcessor(size=size, image_mean=[0.45], image_std=[0.2], stretch="percentiles").save_pretrained(folder)
    return folder


LARGE = ("resnet50", "mobilenet_v2", "efficientnet_lite0")  # with so many layers that the translation takes its time


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in ARCHITECTURES],
)
def exported(request, tmp_path_factory) -> Path:
    """A checkpoint folder of each architecture with its `model.onnx`; do not change."""
    labels = {0: "calm", 1: "happy", 2: "überrascht"}
    folder = tmp_path_factory.mktemp("onnx") / request.param
    make_checkpoint(folder, architecture=request.param, image_size=48, num_channels=3, temperature=1.7, id2label=labels)
    onnx_export.export(folder, folder)
    return folder


@pytest.fixture(scope="session")
def light(tmp_path_factory) -> Path:
    """A checkpoint folder with its `model.onnx`; do not change."""
    folder = make_checkpoint(tmp_path_factory.mktemp("light") / "checkpoint", temperature=1.3)
    export_onnx(folder, folder)
    return folder


@pytest.fixture(scope="session")
def quantised(tmp_path_factory, small_csv) -> Path:
    """A checkpoint folder with both files, written by the command; do not change."""
    folder = make_checkpoint(tmp_path_factory.mktemp("int8") / "checkpoint", temperature=1.3)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main(["export", str(folder), "--int8", "--data", str(small_csv)]) == 0
    (folder.parent / "told.txt").write_text(told.getvalue())
    return folder


@pytest.fixture
def copy(quantised, tmp_path) -> Path:
    """A copy of the folder with both files, to change."""
    return Path(shutil.copytree(quantised, tmp_path / "checkpoint"))
