"""Faces and predictions: fields, validation, conversion to JSON."""

import dataclasses
import json
import math

import numpy as np
import pytest

from fer_hub.results import Face, FacePrediction

PROBABILITIES = {"angry": 0.1, "happy": 0.7, "sad": 0.2}


def test_a_prediction_becomes_json_and_back():
    face = FacePrediction((10, 20, 50, 70), 0.5, "happy", PROBABILITIES, {"nose_tip": (30, 40)})
    expected = {
        "box": {"xmin": 10, "ymin": 20, "xmax": 50, "ymax": 70},
        "score": 0.5,
        "quality": None,
        "emotion": "happy",
        "probabilities": PROBABILITIES,
    }
    assert face.to_dict() == expected
    assert json.loads(json.dumps(face.to_dict())) == expected


def test_numbers_of_numpy_become_plain_ones():
    face = FacePrediction(
        np.array([1, 2, 3, 4]), np.float32(0.5), "happy", {k: np.float64(v) for k, v in PROBABILITIES.items()}
    )
    assert json.loads(json.dumps(face.to_dict()))["box"] == {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}
    assert type(face.score) is float and {type(p) for p in face.probabilities.values()} == {float}


def test_the_order_of_the_labels_is_kept():
    assert list(FacePrediction((0, 0, 1, 1), 1, "happy", PROBABILITIES).to_dict()["probabilities"]) == [
        "angry",
        "happy",
        "sad",
    ]


def test_changing_the_result_of_to_dict_changes_nothing():
    face = FacePrediction((0, 0, 1, 1), 1, "happy", PROBABILITIES)
    face.to_dict()["probabilities"]["happy"] = 0
    assert face.probabilities["happy"] == 0.7


@pytest.mark.parametrize("value", [Face((0, 0, 1, 1), 1), FacePrediction((0, 0, 1, 1), 1, "happy", PROBABILITIES)])
def test_values_cannot_be_changed(value):
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.score = 0.5


def test_a_face_may_reach_beyond_the_photo():
    face = Face((-5.5, 0, 10, 20), 0.9, {"nose_tip": (3, 4)})
    assert face.area == 15.5 * 20
    assert face.keypoints == {"nose_tip": (3.0, 4.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ((5, 0, 5, 1), 1),
            "box must have x0 < x1 and y0 < y1, got (5, 0, 5, 1); the order is left, top, right, bottom.",
        ),
        (((0, 0, 1, 1), 1.5), "score must be a number from 0 to 1, got 1.5."),
        (((0, 0, 1, 1), None), "score must be a number from 0 to 1, got None."),
        (
            ((0, 0, 1, 1), 1, {"nose_tip": (1, 2, 3)}),
            "keypoints must map names to two finite numbers (x, y) in pixels, got {'nose_tip': (1, 2, 3)}.",
        ),
    ],
)
def test_invalid_faces_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        Face(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("emotion", "probabilities", "message"),
    [
        ("happy", {}, "probabilities must map every label to its probability, got {}."),
        ("happy", [1.0], "probabilities must map every label to its probability, got [1.0]."),
        ("happy", {"happy": 1.2, "sad": -0.2}, "the probability of 'happy' must be a number from 0 to 1, got 1.2."),
        (
            "happy",
            {"happy": 0.9, "sad": 0.9},
            "probabilities must sum to 1, got a sum of 1.8; apply softmax to logits first.",
        ),
        ("sad", PROBABILITIES, "emotion must be the most probable label, 'happy' here, got 'sad'."),
        ("bored", PROBABILITIES, "emotion must be the most probable label, 'happy' here, got 'bored'."),
    ],
)
def test_invalid_predictions_are_refused(emotion, probabilities, message):
    with pytest.raises(ValueError) as error:
        FacePrediction((0, 0, 1, 1), 1, emotion, probabilities)
    assert str(error.value) == message


@pytest.mark.parametrize("angle", [200, "45", True, math.nan])
def test_an_angle_is_checked(angle):
    with pytest.raises(ValueError) as error:
        Face((0, 0, 9, 9), 0.5, angle=angle)
    assert str(error.value) == f"angle must be a number of degrees from -180 to 180, got {angle!r}."
