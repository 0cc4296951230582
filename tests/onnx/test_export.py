"""The export: every architecture compared with PyTorch, quantised, and refused where it must be."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fer_hub.commands import main
from fer_hub.inference import onnx_classifier as onnx_model
from fer_hub.inference.logits import predict_probabilities
from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, OnnxClassifier
from fer_hub.model import FORMAT_VERSION, NETWORKS, FERForImageClassification, FERImageProcessor
from fer_hub.onnx import export as onnx_export
from fer_hub.onnx import translate as onnx_translate
from tests.onnx.conftest import make_checkpoint

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_architecture_agrees_with_pytorch(exported):
    model = FERForImageClassification.from_pretrained(exported)
    classifier = OnnxClassifier.from_pretrained(exported)
    for batch in (1, 3, 20):
        pixel_values = torch.randn(batch, 3, 48, 48, generator=torch.Generator().manual_seed(batch)) * 2
        with torch.inference_mode():
            expected = model(pixel_values=pixel_values).logits
        logits = classifier(pixel_values=pixel_values).logits
        assert logits.shape == (batch, 3) and logits.dtype == torch.float32
        assert torch.allclose(logits, expected, rtol=0, atol=1e-4 * max(1, expected.abs().max()))
        assert np.array_equal(classifier(pixel_values.numpy()).logits, logits.numpy())
    assert expected.std() > 0.3  # the comparison would mean little if all logits were alike


def test_the_file_says_all_that_another_runtime_needs(exported):
    file = onnx.load(exported / MODEL_FILE)
    onnx.checker.check_model(file, full_check=True)
    (entry,), (answer, features) = file.graph.input, file.graph.output
    shapes = [[d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in (entry, answer)]
    assert [entry.name, answer.name, features.name] == ["pixel_values", "logits", "features"]
    assert shapes == [["batch", 3, 48, 48], ["batch", 3]]
    assert {part.domain: part.version for part in file.opset_import} == {"": onnx_translate.OPSET}
    assert {part.key: part.value for part in file.metadata_props} == {
        "architecture": exported.name,
        "class_shares": "null",
        "checkpoint_sha256": onnx_model.checkpoint_sha256(exported / "model.safetensors"),
        "format_version": "1",
        "id2label": '{"0": "calm", "1": "happy", "2": "überrascht"}',
        "image_mean": "[0.45]",
        "image_size": "48",
        "image_std": "[0.2]",
        "num_channels": "3",
        "resample": "bilinear",
        "rescale_factor": str(1 / 255),
        "stretch": "percentiles",
        "temperature": "1.7",
    }
    config = OnnxClassifier(exported / MODEL_FILE).config
    assert config == onnx_model.OnnxConfig(
        exported.name, {0: "calm", 1: "happy", 2: "überrascht"}, 48, 3, temperature=1.7, format_version=1
    )
    assert config.num_labels == 3 and config.label2id["überrascht"] == 2


def test_the_file_names_no_file_of_this_machine(exported):
    file = onnx.load(exported / MODEL_FILE)
    for part in file.graph.initializer:  # millions of weights hold every short text somewhere
        part.ClearField("raw_data")
    content = file.SerializeToString()
    assert b".py" not in content and b"Module" not in content and str(ROOT).encode() not in content
    assert sorted(path.name for path in exported.iterdir() if path.name.startswith(".")) == []


def test_the_format_is_the_checkpoints():
    assert onnx_model.FORMAT_VERSION == FORMAT_VERSION


def test_a_second_export_gives_the_same_bytes_and_keeps_what_was_measured(copy, capsys):
    content, report = (copy / MODEL_FILE).read_bytes(), json.loads((copy / "onnx.json").read_text())
    (copy / MODEL_FILE).unlink()
    assert main(["export", str(copy)]) == 0
    assert (copy / MODEL_FILE).read_bytes() == content
    assert json.loads((copy / "onnx.json").read_text()) == report
    assert re.fullmatch(r".*/model\.onnx: 0\.\d\d MB, agrees with PyTorch to \d\.\de-\d\d\n", capsys.readouterr().out)


class Noisy(torch.nn.Module):
    """A network whose answer no export can repeat."""

    def __init__(self, config):
        super().__init__()
        self.classifier = torch.nn.Linear(config.num_channels, config.num_labels)

    def forward_features(self, pixel_values, hidden_states=None):
        return pixel_values + torch.rand(pixel_values.shape[0], 1, 1, 1)

    def forward(self, pixel_values, hidden_states=None):
        return self.classifier(self.forward_features(pixel_values).mean((2, 3)))


def test_a_file_that_disagrees_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "residual_cnn", Noisy)
    folder = make_checkpoint(tmp_path / "noisy")
    before = sorted(path.name for path in folder.iterdir())
    message = (
        r"the exported network must agree with PyTorch to 0\.000\d, got a difference of \d(\.\d+)? at batch size 1; "
        r"the file was not kept, please report the architecture \(residual_cnn\)\."
    )
    with pytest.raises(RuntimeError, match=message):
        onnx_export.export(folder, folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_check_notices_other_weights(exported, tmp_path):
    model = FERForImageClassification.from_pretrained(exported)
    assert onnx_translate.check_onnx(exported / MODEL_FILE, model) < 1e-3
    with torch.no_grad():
        list(model.parameters())[-1].add_(torch.tensor([0, 0.01, 0]))
    with pytest.raises(RuntimeError, match=r"got a difference of 0\.00\d+ at batch size 1"):
        onnx_translate.check_onnx(exported / MODEL_FILE, model)


def test_int8_is_smaller_measured_and_close(quantised):
    report = json.loads((quantised / "onnx.json").read_text())
    assert list(report) == [MODEL_FILE, INT8_FILE]
    assert report[INT8_FILE]["bytes"] == (quantised / INT8_FILE).stat().st_size
    assert report[INT8_FILE]["calibration_images"] == 70 and "largest_difference" not in report[INT8_FILE]
    sha256 = onnx_model.checkpoint_sha256(quantised / "model.safetensors")
    for figures in report.values():
        assert figures["checkpoint_sha256"] == sha256
        assert figures["validation"]["images"] == 21
        assert list(figures["validation"]) == ["images", "accuracy", "macro_f1", "calibration_error", "loss"]
    image_processor = FERImageProcessor.from_pretrained(quantised)
    images = np.random.default_rng(1).integers(0, 256, (9, 48, 48), dtype=np.uint8)
    exact, rounded = (
        predict_probabilities(OnnxClassifier.from_pretrained(quantised, file=name), image_processor, images)
        for name in (MODEL_FILE, INT8_FILE)
    )
    assert 0 < np.abs(exact - rounded).max() < 0.1
    weights = [part for part in onnx.load(quantised / INT8_FILE).graph.initializer if part.data_type == 3]
    assert weights and all(abs(onnx.numpy_helper.to_array(part)).max() <= 64 for part in weights)  # 7 bits
    assert OnnxClassifier(quantised / INT8_FILE).metadata["quantization"].startswith("int8")


def test_the_command_says_what_it_measured(quantised):
    first, second = (quantised.parent / "told.txt").read_text().splitlines()
    assert re.fullmatch(
        r".*/model\.onnx: 0\.\d\d MB, agrees with PyTorch to \d\.\de-\d\d, validation accuracy \d+\.\d\d%", first
    )
    assert re.fullmatch(
        r".*/model_int8\.onnx: 0\.\d\d MB, calibrated on 70 training images, validation accuracy \d+\.\d\d%", second
    )


def test_test_images_are_not_touched(quantised, small_csv, tmp_path):
    """With other test images everything comes out the same, to the byte."""
    lines = [line for line in small_csv.read_text().splitlines() if not line.endswith("PrivateTest")]
    test = [f"{emotion},{' '.join(['7'] * 48 * 48)},PrivateTest" for emotion in range(7)]
    csv = tmp_path / "fer2013.csv"
    csv.write_text("\n".join([*lines, *test]) + "\n")
    out = tmp_path / "out"
    assert main(["export", str(quantised), "--int8", "--data", str(csv), "--output", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [MODEL_FILE, INT8_FILE, "onnx.json"]
    for path in out.iterdir():
        assert path.read_bytes() == (quantised / path.name).read_bytes()


def test_int8_needs_data(quantised, tmp_path, capsys):
    message = (
        "int8 needs data, but there is none: activation ranges are measured on training images; pass FER-2013 with "
        "--data (a Hub dataset id, parquet folder or file, Kaggle CSV, or image folder)."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        onnx_export.export(quantised, tmp_path, int8=True)
    assert main(["export", str(quantised), "--int8"]) == 2
    assert capsys.readouterr().err.endswith(f"error: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_hub_id_needs_an_output_folder(capsys):
    assert main(["export", "someone/model"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: --output must name a folder where the checkpoint is none, got checkpoint someone/model.\n"
    )


def test_other_models_are_refused(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    assert main(["export", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "error: the checkpoint must contain config.json, model.safetensors, preprocessor_config.json, but "
        f"{str(tmp_path)!r} lacks model.safetensors, preprocessor_config.json; save model and image processor again "
        "with save_pretrained.\n"
    )
    for name in ("model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_text("{}")
    assert main(["export", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"error: config.json must have the model_type 'fer_cnn', got 'vit' in {tmp_path}; export other models with "
        "optimum.\n"
    )


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(quantised, tmp_path, monkeypatch, package, capsys):
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    assert main(["export", str(quantised), "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f'error: {package} must be installed to export a checkpoint, got none; run pip install ".[onnx]" in a clone '
        "of fer_hub.\n"
    )
    if package == "onnxruntime":
        with pytest.raises(ModuleNotFoundError, match=r"^onnxruntime must be installed to run an ONNX file, got none;"):
            OnnxClassifier(quantised / MODEL_FILE)


@pytest.mark.slow
def test_the_shipped_checkpoint_on_real_images(shipped_checkpoint, fer2013_folder, tmp_path):
    """The float file repeats the committed validation accuracy; eight bits cost at most one point of it."""
    stored = json.loads((shipped_checkpoint / "metrics.json").read_text())["validation"]
    report = onnx_export.export(shipped_checkpoint, tmp_path, data=fer2013_folder, int8=True)
    exact, rounded = (report[name]["validation"] for name in (MODEL_FILE, INT8_FILE))
    assert exact["images"] == rounded["images"] == stored["images"]
    assert exact["accuracy"] == pytest.approx(stored["accuracy"], abs=2.5 / 3589)
    assert rounded["accuracy"] > stored["accuracy"] - 0.01
    assert report[INT8_FILE]["calibration_images"] == 512
    assert report[INT8_FILE]["bytes"] < report[MODEL_FILE]["bytes"] / 3
