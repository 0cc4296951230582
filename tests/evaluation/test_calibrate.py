"""Temperature scaling: the fit, the command on a checkpoint, and its use in training and in the card."""

import copy
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_hub.commands import main
from fer_hub.data import load_fer2013, targets
from fer_hub.data.decoding import decode_images
from fer_hub.evaluation.calibration import before_and_after, fit_calibration, mean_probabilities, summary
from fer_hub.evaluation.corruptions import mixed_corruptions
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.evaluation.measuring import measure, measure_trained
from fer_hub.evaluation.metrics import classification_metrics, vote_metrics
from fer_hub.evaluation.temperature import BOUNDS, fit_temperature
from fer_hub.hub.card import fill
from fer_hub.inference.logits import predict_logits, predict_probabilities, softmax
from fer_hub.model import FERForImageClassification, FERImageProcessor
from tests.noise import drawn, write_noise


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.03)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 8), st.floats(0.1, 30))
@settings(max_examples=40, deadline=None)
def test_no_other_temperature_has_a_lower_loss(seed, images, classes, spread):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(0, spread, (images, classes)), random.integers(0, classes, images)

    def loss(temperature):
        scaled = logits / temperature
        highest = scaled.max(1, keepdims=True)
        normaliser = np.log(np.exp(scaled - highest).sum(1)) + highest[:, 0]
        return (normaliser - scaled[np.arange(images), labels]).mean()

    fitted = fit_temperature(logits, labels)
    assert BOUNDS[0] <= fitted <= BOUNDS[1]
    others = [
        t for t in (*BOUNDS, 0.99 * fitted, 1.01 * fitted, *np.geomspace(*BOUNDS, 25)) if BOUNDS[0] <= t <= BOUNDS[1]
    ]
    assert loss(fitted) <= min(map(loss, others)) + 1e-9


def test_where_there_is_no_minimum_the_bound_is_returned():
    right = np.eye(3)[[0, 1, 2]]
    assert fit_temperature(right, np.array([0, 1, 2])) == BOUNDS[0]
    assert fit_temperature(right, np.array([1, 2, 0])) == BOUNDS[1]
    assert fit_temperature(np.zeros((3, 3)), np.array([1, 2, 0])) == BOUNDS[1]
    assert BOUNDS == (0.05, 20)


def test_huge_logits_do_not_overflow():
    logits, labels = drawn(1.0, images=2_000)
    assert fit_temperature(logits * 15 + 1e4, labels) == pytest.approx(15 * fit_temperature(logits, labels), rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (np.zeros((0, 3)), [], "logits must be of shape (images, classes) with one label each and at least one image, "
         "got (0, 3) and (0,) labels; predict every image of the validation split once."),
        (np.zeros((2, 3)), [0], "logits must be of shape (images, classes) with one label each and at least one image, "
         "got (2, 3) and (1,) labels; predict every image of the validation split once."),
        (np.array([[np.nan, 0.0]]), [0],
         "logits must be finite numbers, but some are not; the network's weights may be damaged."),
        (np.zeros((2, 3)), [0, 3], "labels must be from 0 to 2, got 0 to 3; they are positions in the logits."),
    ],
)  # fmt: skip
def test_invalid_arguments_are_refused(logits, labels, sentence):
    with pytest.raises(ValueError) as caught:
        fit_temperature(logits, np.array(labels, dtype=int))
    assert str(caught.value) == sentence


def test_before_and_after_are_the_metrics_at_both_temperatures():
    logits, labels = drawn(2.5, images=3_000)
    result = before_and_after(logits, labels, 2.5)
    for name, temperature in (("before", 1), ("after", 2.5)):
        whole = classification_metrics(softmax(logits / temperature), labels, list("abcdefg"))
        assert result[name] == {key: whole[key] for key in ("loss", "calibration_error", "calibration_bins")}
    assert result["after"]["calibration_error"] < 0.05 < result["before"]["calibration_error"]
    json.dumps(result)
    sure = before_and_after(np.array([[2000.0, 0.0]]), np.array([1]), 2.0)  # certain and wrong: no infinite loss
    assert sure["before"]["loss"] == sure["after"]["loss"] == pytest.approx(-math.log(1e-12))


def test_the_summary_is_in_percent():
    both = {"before": {"calibration_error": 0.2}, "after": {"calibration_error": 0.0625}}
    entry = {"temperature": 1.25, "test": both, "validation": {**both, "after": {"calibration_error": 0.5}}}
    said = "temperature: 1.250, calibration error validation 20.0 → 50.0 %, test 20.0 → 6.2 %"
    assert summary(entry) == said and summary({**entry, "train": both}) == said
    assert summary({"temperature": 2, "validation": both}) == (
        "temperature: 2.000, calibration error validation 20.0 → 6.2 %"
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A CSV with 112 validation and 28 test images of noise, enough for a temperature."""
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    return write_noise(path, {"Training": 1, "PublicTest": 16, "PrivateTest": 4}, range(7))


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the small checkpoint with logits ten times as large, hence overconfident, with its JSON files."""
    folder = tmp_path / "checkpoint"
    model = FERForImageClassification.from_pretrained(tiny_checkpoint)
    for parameter in model.network.classifier.parameters():
        parameter.data *= 10
    model.save_pretrained(folder)
    for name in ("preprocessor_config.json", "image_processing_fer.py"):
        shutil.copy(tiny_checkpoint / name, folder)
    (folder / "training_args.json").write_text("{}")
    return folder


TRAINING = {"parameters": 5, "epochs": 1.0, "seconds": 60, "train_images": 70, "device": "cpu"}


def write_metrics(folder, data):
    model, image_processor = (kind.from_pretrained(folder) for kind in (FERForImageClassification, FERImageProcessor))
    test = load_fer2013(data)["test"]
    row = measure(model, image_processor, decode_images(test), np.asarray(test["label"][:]))
    (folder / "metrics.json").write_text(json.dumps({"test": row, "training": TRAINING}))
    return row


def test_the_command_writes_temperature_figures_and_card(checkpoint, data, capsys):
    before = write_metrics(checkpoint, data)
    config = json.loads((checkpoint / "config.json").read_text())
    assert main(["calibrate", str(checkpoint), "--data", str(data)]) == 0
    written = json.loads((checkpoint / "metrics.json").read_text())
    entry = written["calibration"]
    changed = json.loads((checkpoint / "config.json").read_text())
    assert changed == config | {name: changed[name] for name in ("temperature", "class_shares")}
    assert changed["temperature"] == entry["temperature"] > 1.5 and sum(changed["class_shares"]) == pytest.approx(1)
    assert (entry["split"], entry["images"]) == ("validation", 112) and "test" not in entry
    assert capsys.readouterr().out == (
        f"temperature: {entry['temperature']:.3f}, calibration error validation "
        f"{100 * entry['validation']['before']['calibration_error']:.1f} → "
        f"{100 * entry['validation']['after']['calibration_error']:.1f} %\n"
    )
    assert entry["validation"]["after"]["loss"] < entry["validation"]["before"]["loss"]
    # validation is what whoever loads the checkpoint now measures; test is as it was, and the card says so
    remade = evaluate(str(checkpoint), str(data), ["validation"])["validation"]
    assert remade["loss"] == pytest.approx(written["validation"]["loss"], rel=1e-5)
    assert remade["temperature"] == written["validation"]["temperature"] == entry["temperature"]
    assert written["test"] == before and written["training"] == TRAINING
    card = (checkpoint / "README.md").read_text()
    assert f"divided by a temperature of {entry['temperature']:.3f}, fitted on validation" in card
    assert "on average on test, measured at temperature 1.000, before the\npresent one was fitted:" in card
    shown = entry["validation"]
    assert (
        f"| validation | {shown['before']['calibration_error']:.3f} | {shown['after']['calibration_error']:.3f} | "
        f"{shown['before']['loss']:.3f} | {shown['after']['loss']:.3f} |\n\nPredictions,"
    ) in card
    assert main(["calibrate", str(checkpoint), "--data", str(data)]) == 0  # a second time changes nothing
    again = json.loads((checkpoint / "metrics.json").read_text())["calibration"]
    assert again["temperature"] == pytest.approx(entry["temperature"], rel=1e-5)


def test_too_few_images_and_a_missing_checkpoint_are_refused(checkpoint, data, small_csv, tmp_path, capsys):
    config = (checkpoint / "config.json").read_bytes()
    for argument, source, sentence in (
        (checkpoint, small_csv, 
            "the validation split must have at least 100 images to fit a temperature, got 21; use more, or leave the "
            "checkpoint uncalibrated."),
        (tmp_path / "none", data, f"calibration needs a checkpoint folder with config.json, got {tmp_path / 'none'}; "
         "download a Hub checkpoint first."),
    ):  # fmt: skip
        assert main(["calibrate", str(argument), "--data", str(source)]) == 1
        assert capsys.readouterr().err.splitlines()[-1] == f"error: {sentence}"
    assert (checkpoint / "config.json").read_bytes() == config


@pytest.mark.parametrize("kind", ["name", "images"])
def test_the_temperature_of_other_data_is_not_written(checkpoint, data, capsys, kind):
    """The card would tell the figures as those of the data that was measured before."""
    about = {"name": "FER-2013", "hub": False, "fer2013": True, "images": "crops", "cut": []}
    metrics = {"data": about, "validation": {"images": 112}, "test": {"images": 28}}
    if kind == "name":
        metrics["data"] = about | {"name": "my photos", "fer2013": False}
    else:
        metrics["validation"]["images"] = 3589
    (checkpoint / "metrics.json").write_text(json.dumps(metrics))
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert main(["calibrate", str(checkpoint), "--data", str(data)]) == 1
    said = capsys.readouterr().err
    assert "calibration needs the data that the checkpoint was measured on, " in said and "112 images" in said
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def splits_of(data):
    faces = load_fer2013(data)
    return {name: decode_images(split) for name, split in faces.items()}, {n: targets(s) for n, s in faces.items()}


def best_temperature(model, image_processor, images, target):
    """The temperature with the lowest loss on these images, from logits without any temperature."""
    model = copy.deepcopy(model)
    model.config.temperature = 1.0
    return fit_temperature(predict_logits(model, image_processor, images), target.classes)


def test_a_trained_network_is_calibrated_before_test_is_measured(checkpoint, data, tmp_path):
    model, image_processor = (
        kind.from_pretrained(checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    images, wanted = splits_of(data)
    model.config.temperature = 1.0
    for split, every in (("validation", 4), ("test", 2)):  # so many are wrong: the two need different temperatures
        logits = predict_logits(model, image_processor, images[split])
        labels = logits.argmax(1)
        labels[::every] = logits.argmin(1)[::every]
        wanted[split] = replace(wanted[split], classes=labels)
    model.config.temperature = 7.0  # of the checkpoint that training started from
    said = []
    metrics = measure_trained(model, image_processor, images, wanted, say=said.append, report=tmp_path / "report")
    entry = metrics["calibration"]
    assert model.config.temperature == entry["temperature"] and entry["temperature"] not in (1, 7)
    assert said == [summary(entry)] and " test " in said[0]
    for split in ("validation", "test"):
        direct = measure(model, image_processor, images[split], wanted[split].classes)
        assert metrics[split]["accuracy"] == direct["accuracy"]
        assert metrics[split]["loss"] == pytest.approx(direct["loss"], rel=1e-5)
        for key in ("loss", "calibration_error"):
            assert entry[split]["after"][key] == pytest.approx(metrics[split][key], rel=1e-5)
    # what was fitted on validation is the best for validation, whatever it does to test
    assert entry["validation"]["after"]["loss"] < entry["validation"]["before"]["loss"]
    best = {
        split: best_temperature(model, image_processor, images[split], wanted[split])
        for split in ("validation", "test")
    }
    assert entry["temperature"] == pytest.approx(best["validation"], rel=1e-5)
    assert best["test"] != pytest.approx(best["validation"], rel=0.1)  # otherwise the line above would say nothing
    assert (entry["split"], entry["images"]) == ("validation", 112)
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == metrics
    assert "## test" in (tmp_path / "report" / "report.md").read_text()
    card = str(fill(json.loads(model.config.to_json_string(use_diff=False)), metrics | {"training": TRAINING}, {}, 10))
    assert "| test | " in card[card.index("| split | calibration error before") :] and "measured at" not in card


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (True, ["temperature: stays 1, as 21 validation images are too few to fit one (at least 100)."]),
        (False, []),
    ],
)
def test_without_a_fit_the_temperature_is_one(checkpoint, small_csv, wish, said):
    model, image_processor = (
        kind.from_pretrained(checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    model.config.temperature = 7.0
    heard = []
    metrics = measure_trained(model, image_processor, *splits_of(small_csv), calibrate=wish, say=heard.append)
    assert model.config.temperature == metrics["test"]["temperature"] == 1 and "calibration" not in metrics
    assert heard == said


def test_a_temperature_for_corrupted_images_is_fitted_on_both_kinds(checkpoint, data):
    """Confident and correct on original images, uninformative on corrupted ones: the temperature is in between."""
    model, image_processor = (
        kind.from_pretrained(checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    model.config.temperature = 1.0
    images, wanted = splits_of(data)
    pixels, known = images["validation"], wanted["validation"].classes
    good, labels = {"validation": 4.0 * np.eye(7)[np.where(np.arange(len(known)) % 4, known, 0)]}, {"validation": known}
    entry = fit_calibration(model, image_processor, pixels, good, labels, degraded=True)
    assert model.config.temperature == entry["temperature"]
    model.config.temperature = 1.0
    bad = predict_logits(model, image_processor, mixed_corruptions(pixels))
    both = np.concatenate([good["validation"], bad]), np.concatenate([known, known])
    assert entry["temperature"] == fit_temperature(*both)
    assert entry["degraded"] and entry["temperature"] > 1.01 * fit_temperature(good["validation"], known)
    assert entry["validation"] == before_and_after(good["validation"], known, entry["temperature"])


def test_the_class_prior_is_that_of_the_calibrated_probabilities(checkpoint, data):
    """So that with a uniform prior every class gets the same share of what the network says on validation."""
    model, image_processor = (
        kind.from_pretrained(checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    images, wanted = splits_of(data)
    model.config.class_shares = None
    measure_trained(model, image_processor, images, wanted, say=lambda text: None)
    said = predict_probabilities(model, image_processor, images["validation"]).astype(float).mean(0)
    assert model.config.class_shares == pytest.approx(said / said.sum(), rel=1e-4)
    assert model.config.class_shares != pytest.approx([1 / 7] * 7, rel=1e-3)  # otherwise no prior would show it


def test_a_class_that_is_never_predicted_keeps_a_prior_to_divide_by():
    shares = mean_probabilities(np.array([[1000.0, 0.0, 0.0], [0.0, 1000.0, 0.0]]))
    assert shares == pytest.approx([0.5, 0.5, 1e-6], rel=1e-5) and sum(shares) == pytest.approx(1)


def test_votes_are_measured_with_the_fitted_temperature(checkpoint, data):
    model, image_processor = (
        kind.from_pretrained(checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    images, wanted = splits_of(data)
    votes = np.random.default_rng(0).dirichlet(np.ones(7), 28).astype(np.float32)
    wanted["test"] = replace(wanted["test"], votes=votes)
    row = measure_trained(model, image_processor, images, wanted, say=lambda text: None)["test"]
    probabilities = predict_probabilities(model, image_processor, images["test"])
    assert model.config.temperature > 1
    for name, value in vote_metrics(probabilities, votes).items():
        assert row[name] == pytest.approx(value, rel=1e-5)


def test_real_logits_have_their_lowest_loss_inside_the_bounds(shipped_checkpoint, fer2013_folder):
    """Real logits: a temperature is found inside the bounds and lowers the loss on the images it was fitted on."""
    model, image_processor = (
        kind.from_pretrained(shipped_checkpoint) for kind in (FERForImageClassification, FERImageProcessor)
    )
    validation = load_fer2013(fer2013_folder)["validation"].select(range(700))
    logits = predict_logits(model, image_processor, decode_images(validation)) * model.config.temperature
    labels = np.asarray(validation["label"][:])
    temperature = fit_temperature(logits, labels)
    assert 0.5 < temperature < 2 and math.isfinite(temperature)
    result = before_and_after(logits, labels, temperature)
    assert result["after"]["loss"] <= result["before"]["loss"]
