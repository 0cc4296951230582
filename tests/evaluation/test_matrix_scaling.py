"""Matrix scaling: the fit against known maps and against its neighbours, and where it goes."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch.nn import functional as F

import train
from fer_hub.evaluation import calibrate
from fer_hub.evaluation import evaluate as measuring
from fer_hub.evaluation.matrix_scaling import DIAGONAL, PENALTIES, MatrixScaling, fit_matrix_scaling
from fer_hub.evaluation.temperature import fit_temperature
from fer_hub.model import FERForImageClassification
from fer_hub.training.arguments import ModelArguments
from fer_hub.training.average_checkpoints import average_checkpoints
from fer_hub.training.fine_tuning import last_layer
from fer_hub.training.starting import check_start
from tests.noise import drawn, write_noise

CLASSES = 4


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_a_known_map_is_found(temperature):
    """The labels are drawn from the logits, and the network shows others: those before the map."""
    true, labels = drawn(temperature, np.zeros(CLASSES), images=10_000)
    matrix = np.array([[1.2, 0.0, 0.0, -0.2], [0.0, 0.9, 0.1, 0.0], [-0.2, 0.0, 1.2, 0.0], [0.0, 0.0, 0.0, 1.0]])
    offsets = np.array([0.8, -0.5, 0.3, -0.6]) * temperature
    seen = (true - offsets) @ np.linalg.inv(matrix).T
    scaling = fit_matrix_scaling(seen, labels)
    found = scaling(seen)
    fitted = found / fit_temperature(found, labels)
    wanted = true / temperature
    difference = seen / fit_temperature(seen, labels) - wanted
    left = fitted - wanted  # a constant for all classes does not count
    assert (left - left.mean(1, keepdims=True)).std() < 0.25 * (difference - difference.mean(1, keepdims=True)).std()
    assert scaling.penalty < PENALTIES[-1]


def test_logits_that_are_right_stay():
    logits, labels = drawn(1.0, np.zeros(CLASSES))
    scaling = fit_matrix_scaling(logits, labels)
    np.testing.assert_allclose(scaling.matrix, np.eye(CLASSES), atol=0.05)
    np.testing.assert_allclose(scaling.offsets, 0, atol=0.1)


def test_with_few_images_the_penalty_is_high():
    """So few say nothing about numbers off the diagonal: fitted freely they would make unseen images worse."""
    logits, labels = drawn(1.0, np.zeros(7), images=150)
    scaling = fit_matrix_scaling(logits, labels)
    assert scaling.penalty > PENALTIES[0]
    assert np.abs(scaling.matrix[~np.eye(7, dtype=bool)]).max() < 0.1


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.integers(2, 6), st.floats(0.1, 10))
@settings(max_examples=15, deadline=None, phases=[Phase.generate])
def test_no_other_map_fits_better(seed, images, classes, spread):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(0, spread, (images, classes)), random.integers(0, classes, images)
    scaling = fit_matrix_scaling(logits, labels)
    np.testing.assert_allclose(scaling(logits).mean(1), logits.mean(1), atol=1e-9)
    assert abs(scaling.offsets.mean()) < 1e-9
    unit = fit_temperature(logits, labels)
    scaled = torch.from_numpy((logits - logits.mean(1, keepdims=True)) / unit)
    identity = np.eye(classes)

    def loss(slope, added, offsets):
        said = scaled @ torch.from_numpy((slope * identity + added).T) + torch.from_numpy(offsets)
        outside = scaling.penalty * (added[identity == 0] ** 2).sum()
        penalty = outside + DIAGONAL * (np.diag(added) ** 2).sum() + (offsets**2).sum()
        return F.cross_entropy(said, torch.from_numpy(labels)).item() + penalty / 2 / images

    def fitted(slope):
        """The map is known up to what softmax does not see: what all rows or all columns share, and the slope."""
        added = slope * (scaling.matrix - identity)
        weights = np.sqrt(scaling.penalty * (1 - identity) + DIAGONAL * identity).ravel()
        shared = np.concatenate([np.kron(identity, np.ones((classes, 1))), np.kron(np.ones((classes, 1)), identity)], 1)
        least = np.linalg.lstsq(shared * weights[:, None], -added.ravel() * weights, rcond=None)[0]
        return slope, added + (shared @ least).reshape(added.shape), scaling.offsets * slope / unit

    found = minimize_scalar(lambda slope: loss(*fitted(slope)), bounds=(0.05, 20), method="bounded")
    best = fitted(found.x)
    for change in range(20):
        size = 10.0 ** -(change % 4)
        other = (
            np.clip(best[0] * np.exp(random.normal(0, size)), 0.05, 20),
            best[1] + random.normal(0, size, best[1].shape),
            best[2] + random.normal(0, size, classes),
        )
        assert loss(*best) <= loss(*other) + 1e-4


@pytest.mark.parametrize("labels", [[0, 1, 2] * 3, [1, 2, 0] * 3, [0]], ids=["all right", "all wrong", "one image"])
def test_logits_without_a_best_temperature(labels):
    scaling = fit_matrix_scaling(np.eye(3)[np.arange(len(labels)) % 3], np.array(labels))
    assert np.isfinite(scaling.matrix).all() and np.isfinite(scaling.offsets).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError) as caught:
        fit_matrix_scaling(np.zeros((2, 3)), np.array([0, 3]))
    assert str(caught.value) == "labels must be from 0 to 2, got 0 to 3; they are positions in the logits."


def test_matrix_scaling_without_a_temperature_is_refused():
    with pytest.raises(ValueError) as caught:
        check_start(ModelArguments(matrix_scaling=True, calibrate=False))
    assert str(caught.value) == (
        "--matrix_scaling is fitted together with the temperature, got --calibrate no; leave one of the two out."
    )


def test_it_goes_into_the_last_layer_and_out_again(tiny_checkpoint):
    model = FERForImageClassification.from_pretrained(tiny_checkpoint).eval()
    model.config.temperature = 1.0
    image, random = torch.rand(2, 1, 48, 48), np.random.default_rng(0)
    scaling = MatrixScaling(np.eye(7) + random.normal(0, 0.1, (7, 7)), random.normal(0, 1, 7), 30.0)
    assert (
        MatrixScaling.from_entry(json.loads(json.dumps(scaling.entry())))(np.eye(7)).tolist()
        == scaling(np.eye(7)).tolist()
    )
    with torch.inference_mode():
        before = model(pixel_values=image).logits
        scaling.put_into(model)
        after = model(pixel_values=image).logits
        scaling.take_out_of(model)
        again = model(pixel_values=image).logits
    np.testing.assert_allclose(after.numpy(), scaling(before.numpy()), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(again, before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A CSV with 56 training, 112 validation and 28 test images of noise, of which most are "sad"."""
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    return write_noise(path, {"Training": 4, "PublicTest": 8, "PrivateTest": 2}, [*range(7), *([4] * 7)])


def test_training_with_it_ends_as_the_command_does(tiny_checkpoint, data, tmp_path, capsys):
    """One training with the option; the same without it, calibrated afterwards; the command twice changes nothing."""
    common = ["--data", str(data), "--start_from", str(tiny_checkpoint), "--max_steps", "2", "--precision", "fp32"]
    trained = train.main([*common, "--output_dir", str(tmp_path / "with"), "--matrix_scaling", "yes"])
    plain = train.main([*common, "--output_dir", str(tmp_path / "without")])
    assert "matrix_scaling" not in plain["calibration"]
    entry = trained["calibration"]
    assert np.argmax(entry["matrix_scaling"]["offsets"]) == 4  # sad
    assert entry["validation"]["after"]["loss"] < plain["calibration"]["validation"]["after"]["loss"]
    assert entry["validation"]["before"]["loss"] == pytest.approx(plain["calibration"]["validation"]["before"]["loss"])
    folder = tmp_path / "without" / "final"
    shutil.copytree(folder, tmp_path / "before")
    weights = []
    for _ in range(2):
        capsys.readouterr()
        calibrate.main([str(folder), "--data", str(data), "--matrix_scaling"])
        assert f"; matrix scaling with penalty {entry['matrix_scaling']['penalty']:g}\n" in capsys.readouterr().out
        made = json.loads((folder / "metrics.json").read_text())["calibration"]
        assert made["temperature"] == pytest.approx(entry["temperature"], rel=1e-3)
        for part in ("matrix", "offsets"):
            np.testing.assert_allclose(made["matrix_scaling"][part], entry["matrix_scaling"][part], atol=1e-3)
        weights.append(FERForImageClassification.from_pretrained(folder).state_dict())
        remade = measuring.evaluate(str(folder), str(data), ["validation"])["validation"]
        assert remade["loss"] == pytest.approx(entry["validation"]["after"]["loss"], rel=1e-4)
    # the command that measures it says again what it was before, also on test
    measuring.main([str(folder), "--data", str(data), "--write"])
    again = json.loads((folder / "metrics.json").read_text())["calibration"]
    assert again["matrix_scaling"] == made["matrix_scaling"] and again["images"] == 112
    for split in ("validation", "test"):
        for when in ("before", "after"):
            assert again[split][when]["loss"] == pytest.approx(entry[split][when]["loss"], rel=1e-3)
    before = FERForImageClassification.from_pretrained(tmp_path / "before").state_dict()
    head = last_layer(FERForImageClassification.from_pretrained(folder))[0]
    changed = {name for name in before if not torch.equal(before[name], weights[0][name])}
    assert changed == {f"{head}.weight", f"{head}.bias"}
    for name in changed:
        torch.testing.assert_close(weights[0][name], weights[1][name], atol=1e-4, rtol=0)
    finals = [tmp_path / name / "final" for name in ("with", "without")]
    options = [json.loads((final / "training_args.json").read_text()) for final in finals]
    assert options[0] == options[1] and options[0]["matrix_scaling"] is True
    card = (folder / "README.md").read_text()
    assert "--matrix_scaling True" in card and "Kull et al. 2019" in card
    assert "Predictions, and so accuracy, are the same" not in card
    assert "Predictions, and so accuracy, are the same" in (tmp_path / "before" / "README.md").read_text()
    # a map that is there stays fitted, also where only a temperature is asked for
    calibrate.main([str(folder), "--data", str(data)])
    assert "matrix_scaling" in json.loads((folder / "metrics.json").read_text())["calibration"]
    # the mean of a network with and one without is fitted like every other
    mean = average_checkpoints([finals[0], tmp_path / "before"], str(data), tmp_path / "mean", matrix_scaling=True)
    assert mean["calibration"]["validation"]["after"]["loss"] == pytest.approx(
        entry["validation"]["after"]["loss"], rel=0.02
    )
    assert "--data path/to/fer2013 --matrix_scaling --output runs/average" in (tmp_path / "mean/README.md").read_text()
