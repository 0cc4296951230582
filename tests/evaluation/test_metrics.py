"""Metrics against values worked out by hand, and the bootstrap against plain resampling."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from fer_hub.evaluation.metrics import calibration, calibration_error_by_chance, classification_metrics, vote_metrics

NAMES = ["a", "b", "c"]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.25, 0.45]])
LABELS = np.array([0, 1, 1, 2])


def test_values_by_hand():
    result = classification_metrics(PROBABILITIES, LABELS, NAMES)
    assert result["images"] == 4
    assert result["accuracy"] == result["weighted_recall"] == 0.75
    assert result["top2_accuracy"] == 1.0
    assert result["recall"] == {"a": 1.0, "b": 0.5, "c": 1.0}
    assert result["precision"] == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert result["balanced_accuracy"] == result["macro_recall"] == pytest.approx(2.5 / 3)
    # F1: a = 2*1/(2*1+1+0) = 2/3, b = 2*1/(2*1+0+1) = 2/3, c = 1; b counts twice in the weighted mean
    assert result["f1"] == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1.0})
    assert result["macro_f1"] == pytest.approx(7 / 9)
    assert result["weighted_f1"] == pytest.approx((2 / 3 + 2 * 2 / 3 + 1) / 4)
    assert result["loss"] == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.45]).mean())
    assert result["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    # four intervals with one image each: |1-0.7|, |0-0.6|, |1-0.8|, |1-0.45|
    assert result["calibration_error"] == pytest.approx((0.3 + 0.6 + 0.2 + 0.55) / 4)
    assert sum(row["images"] for row in result["calibration_bins"]) == 4
    json.dumps(result)


def test_calibration_pools_within_an_interval():
    probabilities = np.array([[0.61, 0.39], [0.65, 0.35]])  # both in [0.6, 0.6667)
    error, bins = calibration(probabilities, np.array([0, 1]))
    assert error == pytest.approx(abs(0.5 - 0.63))
    assert bins[9] == {"images": 2, "confidence": pytest.approx(0.63), "accuracy": 0.5}
    assert calibration(np.array([[1.0, 0.0]]), np.array([0]))[0] == 0


@pytest.mark.parametrize(("images", "sure"), [(1, 0.8), (20, 0.8), (300, 0.55)])
def test_chance_alone_is_the_mean_deviation_of_a_binomial(images, sure):
    probabilities = np.tile([sure, 1 - sure], (images, 1))
    chances = [math.comb(images, right) * sure**right * (1 - sure) ** (images - right) for right in range(images + 1)]
    expected = sum(chance * abs(right / images - sure) for right, chance in enumerate(chances))
    assert calibration_error_by_chance(probabilities) == pytest.approx(expected, rel=0.1)


def test_true_probabilities_have_the_error_of_chance():
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.full(5, 0.4), 2000)
    drawn = (random.random((50, 2000, 1)) > probabilities.cumsum(1)).sum(2).clip(max=4)
    errors = [calibration(probabilities, labels)[0] for labels in drawn]
    assert calibration_error_by_chance(probabilities) == pytest.approx(np.mean(errors), rel=0.1)
    result = classification_metrics(probabilities, drawn[0], list("abcde"))
    assert result["calibration_error_by_chance"] == calibration_error_by_chance(probabilities)


def test_a_class_without_images_has_recall_zero_and_does_not_count():
    result = classification_metrics(PROBABILITIES[:1], LABELS[:1], NAMES)
    assert result["recall"]["c"] == 0.0 and result["macro_f1"] == result["balanced_accuracy"] == 1.0


def test_votes_by_hand():
    votes = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0.2, 0.3, 0.5]])
    result = classification_metrics(PROBABILITIES, LABELS, NAMES, votes)
    entropies = [-np.log(0.7), -(np.log(0.6) + np.log(0.3)) / 2, -np.log(0.8)]
    entropies.append(-(0.2 * np.log(0.3) + 0.3 * np.log(0.25) + 0.5 * np.log(0.45)))
    assert result["vote_cross_entropy"] == pytest.approx(np.mean(entropies))
    # |votes - probabilities| summed over the classes: 0.3+0.2+0.1, 0.1+0.2+0.1, 0.1+0.2+0.1, 0.1+0.05+0.05
    assert result["vote_mean_absolute_error"] == pytest.approx((0.6 + 0.4 + 0.4 + 0.2) / 12)
    assert vote_metrics(votes, votes)["vote_mean_absolute_error"] == 0
    assert not [name for name in classification_metrics(PROBABILITIES, LABELS, NAMES) if "vote" in name]
    assert {k: v for k, v in result.items() if "vote" not in k} == classification_metrics(PROBABILITIES, LABELS, NAMES)


def test_accuracy_with_a_clear_majority():
    result = classification_metrics(PROBABILITIES, LABELS, NAMES, clear=np.array([True, True, False, True]))
    assert (result["clear_majority_images"], result["clear_majority_accuracy"]) == (3, 2 / 3)
    nobody = classification_metrics(PROBABILITIES, LABELS, NAMES, clear=np.zeros(4, dtype=bool))
    assert "clear_majority_accuracy" not in nobody


def test_unanimous_votes_give_the_loss_of_the_labels():
    result = classification_metrics(PROBABILITIES, LABELS, NAMES, np.eye(3)[LABELS])
    assert result["vote_cross_entropy"] == pytest.approx(result["loss"])


def test_votes_must_have_the_shape_of_the_probabilities():
    with pytest.raises(ValueError) as caught:
        vote_metrics(PROBABILITIES, np.ones((4, 2)) / 2)
    assert str(caught.value) == (
        "votes must have the shape of the probabilities, (4, 3), got (4, 2); give every image the shares of its votes "
        "for all classes."
    )


def test_intervals_are_those_of_plain_resampling():
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 300)
    probabilities = np.eye(3)[np.where(random.random(300) < 0.7, labels, (labels + 1) % 3)]
    result = classification_metrics(probabilities, labels, NAMES)
    predicted = probabilities.argmax(1)
    draws = [random.integers(0, 300, 300) for _ in range(600)]
    plain = {
        "accuracy": [(predicted[rows] == labels[rows]).mean() for rows in draws],
        "macro_f1": [f1_score(labels[rows], predicted[rows], average="macro") for rows in draws],
    }
    for name, values in plain.items():
        assert result[f"{name}_interval"] == pytest.approx(np.percentile(values, [2.5, 97.5]).tolist(), abs=0.015)
        assert result[f"{name}_interval"][0] < result[name] < result[f"{name}_interval"][1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_everything_stays_in_range(seed, images, classes):
    random = np.random.default_rng(seed)
    names = [str(index) for index in range(classes)]
    probabilities, labels = random.dirichlet(np.ones(classes), images), random.integers(0, classes, images)
    result = classification_metrics(probabilities, labels, names)
    for name, value in result.items():
        if isinstance(value, float) and name != "loss":
            assert 0 <= value <= 1, name
    assert result["accuracy"] <= result["top2_accuracy"]
    assert sum(map(sum, result["confusion"])) == images


@pytest.mark.parametrize("rows", [0, 3])
def test_shapes_must_fit(rows):
    wanted = min(rows, 2)
    with pytest.raises(ValueError) as caught:
        classification_metrics(PROBABILITIES[:rows], LABELS[:wanted], NAMES)
    assert str(caught.value) == (
        f"probabilities must have one row per label and one column per name, ({wanted}, 3) and at least one row, got "
        f"({rows}, 3); predict every image of the split once."
    )


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (
            [[0.5, 0.5], [np.nan, np.nan]], [0, 1],
            "probabilities must be finite numbers, got 1 rows with NaN or infinity, the first is row 1; check the "
            "network that gave them.",
        ),
        (
            [[0.5, 0.5], [0.2, 0.8]], [0, -1],
            "labels must be class indices from 0 to 1, got -1; leave out images without a label.",
        ),
        (
            [[2.0, -1.0], [0.2, 0.8]], [0, 1],
            "every row of probabilities must be at least 0 and sum to 1, got the sum 1 and the lowest value -1; give "
            "logits through a softmax first.",
        ),
        (
            [[3.0, 4.0], [0.2, 0.8]], [0, 1],
            "every row of probabilities must be at least 0 and sum to 1, got the sum 7 and the lowest value 0.2; give "
            "logits through a softmax first.",
        ),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(rows, labels, message):
    with pytest.raises(ValueError) as caught:
        classification_metrics(np.array(rows), np.array(labels), ["a", "b"])
    assert str(caught.value) == message


def test_the_third_guess_is_not_among_the_first_two():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    assert classification_metrics(probabilities, np.array([0, 1, 2, 2]), NAMES)["top2_accuracy"] == 0.5


def test_a_certain_error_has_a_finite_loss():
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    result = classification_metrics(sure, np.array([0, 1]), ["a", "b"], np.eye(2))
    assert result["loss"] == result["vote_cross_entropy"] == pytest.approx(-math.log(1e-12) / 2)


@pytest.mark.parametrize("label", [2, 0.5, -1, np.nan])
def test_labels_are_the_numbers_of_the_classes(label):
    with pytest.raises(ValueError, match=f"^labels must be class indices from 0 to 1, got {label};"):
        classification_metrics(np.array([[0.5, 0.5]]), np.array([label]), ["a", "b"])


def test_rows_may_be_as_inexact_as_half_precision():
    for total in (0.991, 1.009):
        classification_metrics(np.array([[total - 0.25, 0.25]]), np.array([0]), ["a", "b"])
    for total in (0.985, 1.015):
        with pytest.raises(ValueError, match=f"^every row of probabilities .* got the sum {total:.4g} and"):
            classification_metrics(np.array([[total - 0.25, 0.25]]), np.array([0]), ["a", "b"])


def test_the_draws_can_be_repeated():
    """The documented seed and number of draws, so that others can remake the stored figures to the last digit."""
    probabilities = np.random.default_rng(5).dirichlet(np.ones(3), 200)
    labels = np.random.default_rng(6).integers(0, 3, 200)
    result = classification_metrics(probabilities, labels, NAMES)
    random, confidence = np.random.default_rng(0), probabilities.max(1)
    errors = []
    for _ in range(500):
        right = (random.random(200) < confidence).astype(float)
        parts = [(right - confidence)[(confidence * 15).astype(int) == index].sum() for index in range(15)]
        errors.append(np.abs(parts).sum() / 200)
    assert result["calibration_error_by_chance"] == pytest.approx(np.mean(errors), rel=1e-9)
    shares = np.array(result["confusion"]).ravel() / 200
    confusions = np.random.default_rng(0).multinomial(200, shares, size=1000).reshape(-1, 3, 3)
    accuracies = [np.trace(each) / 200 for each in confusions]
    assert result["accuracy_interval"] == pytest.approx(np.percentile(accuracies, [2.5, 97.5]).tolist(), rel=1e-9)
    scores = [np.mean(2 * np.diag(each) / (each.sum(0) + each.sum(1))) for each in confusions]  # all three occur
    assert result["macro_f1_interval"] == pytest.approx(np.percentile(scores, [2.5, 97.5]).tolist(), rel=1e-9)


def test_bins_are_fifteen_of_equal_width():
    edges = np.array([[0.6, 0.4], [0.599, 0.401], [1.0, 0.0]])
    _, bins = calibration(edges, np.array([0, 0, 1]))
    assert [row["images"] for row in bins] == [0] * 8 + [1, 1, 0, 0, 0, 0, 1]
    assert bins[14] == {"images": 1, "confidence": 1.0, "accuracy": 0.0}
