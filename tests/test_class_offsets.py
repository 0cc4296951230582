"""Offsets of the classes: the fit against known ones and against its neighbours, and where they go."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import train
from fer_hub import calibrate
from fer_hub.arguments import ModelArguments
from fer_hub.average_checkpoints import average_checkpoints
from fer_hub.class_offsets import add_to_last_layer, fit_class_offsets
from fer_hub.evaluate import evaluate
from fer_hub.fine_tuning import last_layer
from fer_hub.model import EMOTIONS, FERForImageClassification
from fer_hub.starting import check_start
from fer_hub.temperature import BOUNDS, fit_temperature
from tests.noise import drawn, write_noise


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_known_offsets_are_found(temperature):
    offsets = np.array([0.8, -0.5, 0.3, -0.6])
    logits, labels = drawn(temperature, offsets)
    found = fit_class_offsets(logits, labels)
    np.testing.assert_allclose(found, offsets, atol=0.15)
    assert fit_temperature(logits + found, labels) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 2**32 - 1), st.integers(2, 80), st.integers(2, 8), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_no_other_offsets_fit_better(seed, images, classes, spread):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(0, spread, (images, classes)), random.integers(0, classes, images)

    temperatures = np.geomspace(*BOUNDS, 300)

    def loss(offsets):  # at the best of these temperatures
        scaled = (logits + offsets) / temperatures[:, None, None]
        highest = scaled.max(2, keepdims=True)
        normaliser = np.log(np.exp(scaled - highest).sum(2)) + highest[..., 0]
        penalty = ((offsets / temperatures[:, None]) ** 2).sum(1) / 2 / images
        return ((normaliser - scaled[:, np.arange(images), labels]).mean(1) + penalty).min()

    found = fit_class_offsets(logits, labels)
    assert np.isfinite(found).all() and abs(found.mean()) < 1e-9
    least = loss(found)
    for change in random.normal(0, 0.1 * spread, (20, classes)):
        assert least <= loss(found + change) + 1e-4


def test_a_class_without_images_is_not_moved_far():
    logits, labels = drawn(1.0, np.zeros(4))
    offsets = fit_class_offsets(logits[labels != 3], labels[labels != 3])
    assert np.argmin(offsets) == 3 and -40 < offsets[3] < -1


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 2, 0]], ids=["all right", "all wrong"])
def test_logits_without_a_best_temperature(labels):
    offsets = fit_class_offsets(np.eye(3), np.array(labels))
    np.testing.assert_allclose(offsets, 0, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError) as caught:
        fit_class_offsets(np.zeros((2, 3)), np.array([0, 3]))
    assert str(caught.value) == "labels must be from 0 to 2, got 0 to 3; they are positions in the logits."


def test_offsets_without_a_temperature_are_refused():
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(class_offsets=True, calibrate=False))
    assert str(caught.value) == (
        "--class_offsets are fitted together with the temperature, got --calibrate no; leave one of the two out."
    )


def test_they_are_added_to_the_logits(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint).eval()
    image, offsets = torch.rand(2, 1, 48, 48), np.arange(7) - 3.0
    with torch.inference_mode():
        before = model(pixel_values=image).logits
        add_to_last_layer(model, offsets)
        after = model(pixel_values=image).logits
    torch.testing.assert_close(after, before + torch.as_tensor(offsets, dtype=torch.float32) / model.config.temperature)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A CSV with 56 training, 112 validation and 28 test images of noise, of which most are "sad"."""
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    return write_noise(path, {"Training": 4, "PublicTest": 8, "PrivateTest": 2}, [*range(7), *([4] * 7)])


def test_training_with_offsets_ends_as_the_command_does(tiny_checkpoint, data, tmp_path, capsys):
    """One training with the option; the same without it, calibrated afterwards; the command twice changes nothing."""
    common = ["--data", str(data), "--start_from", str(tiny_checkpoint), "--max_steps", "2", "--precision", "fp32"]
    trained = train.main([*common, "--output_dir", str(tmp_path / "with"), "--class_offsets", "yes"])
    plain = train.main([*common, "--output_dir", str(tmp_path / "without")])
    assert "class_offsets" not in plain["calibration"]
    entry = trained["calibration"]
    assert list(entry["class_offsets"]) == list(EMOTIONS)
    assert max(entry["class_offsets"], key=entry["class_offsets"].get) == "sad"
    assert entry["validation"]["after"]["loss"] < plain["calibration"]["validation"]["after"]["loss"]
    assert entry["validation"]["before"]["loss"] == pytest.approx(plain["calibration"]["validation"]["before"]["loss"])
    folder = tmp_path / "without" / "final"
    shutil.copytree(folder, tmp_path / "before")
    weights = []
    for _ in range(2):
        capsys.readouterr()
        calibrate.main([str(folder), "--data", str(data), "--class_offsets"])
        assert "; class offsets: angry " in capsys.readouterr().out
        made = json.loads((folder / "metrics.json").read_text())["calibration"]
        assert made["temperature"] == pytest.approx(entry["temperature"], rel=1e-3)
        assert made["class_offsets"] == pytest.approx(entry["class_offsets"], abs=1e-3)
        weights.append(FERForImageClassification.from_pretrained(folder).state_dict())
        remade = evaluate(str(folder), str(data), ["validation"])["validation"]
        assert remade["loss"] == pytest.approx(entry["validation"]["after"]["loss"], rel=1e-4)
    before = FERForImageClassification.from_pretrained(tmp_path / "before").state_dict()
    bias = f"{last_layer(FERForImageClassification.from_pretrained(folder))[0]}.bias"
    assert {name for name in before if not torch.equal(before[name], weights[0][name])} == {bias}
    torch.testing.assert_close(weights[0][bias], weights[1][bias], atol=1e-4, rtol=0)
    finals = [tmp_path / name / "final" for name in ("with", "without")]
    options = [json.loads((final / "training_args.json").read_text()) for final in finals]
    assert options[0] == options[1] and options[0]["class_offsets"] is True
    card = (folder / "README.md").read_text()
    assert "--class_offsets True" in card and "Alexandari et al. 2020" in card and "sad +" in card
    assert "Predictions, and so accuracy, are the same" not in card
    assert "Predictions, and so accuracy, are the same" in (tmp_path / "before" / "README.md").read_text()
    # offsets that are there stay fitted, also where only a temperature is asked for
    calibrate.main([str(folder), "--data", str(data)])
    assert json.loads((folder / "metrics.json").read_text())["calibration"]["class_offsets"].keys() == set(EMOTIONS)
    # the mean of a network with and one without is fitted like every other
    mean = average_checkpoints([finals[0], tmp_path / "before"], str(data), tmp_path / "mean", class_offsets=True)
    assert mean["calibration"]["validation"]["after"]["loss"] == pytest.approx(
        entry["validation"]["after"]["loss"], rel=1e-3
    )
    assert "--data path/to/fer2013 --class_offsets --output runs/average" in (tmp_path / "mean/README.md").read_text()
