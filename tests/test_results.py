"""Faces and predictions: fields, validation, conversion to JSON."""

import copy
import dataclasses
import json
import math
import pickle

import numpy as np
import pytest

from fer_hub.results import Face, FacePrediction, ReadOnly, percent
from tests.wording import says

PROBABILITIES = {"angry": 0.1, "happy": 0.7, "sad": 0.2}


def test_a_prediction_becomes_json_and_back():
    face = FacePrediction((10, 20, 50, 70), 0.5, "happy", PROBABILITIES, {"nose_tip": (30, 40)}, angle=-30)
    expected = {
        "box": {"xmin": 10, "ymin": 20, "xmax": 50, "ymax": 70},
        "detection_score": 0.5,
        "quality": None,
        "angle": -30.0,
        "keypoints": {"nose_tip": {"x": 30.0, "y": 40.0}},
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
    assert type(face.detection_score) is float and {type(p) for p in face.probabilities.values()} == {float}


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
        value.detection_score = 0.5
    for mapping in (value.keypoints, getattr(value, "probabilities", value.keypoints)):
        with pytest.raises(TypeError):
            mapping["happy"] = 1.0
        with pytest.raises(TypeError):
            del mapping["happy"]
        with pytest.raises(AttributeError):
            mapping.more = 1


def test_values_are_hashable_and_the_same_after_copying_and_pickling():
    def face(angle=0.0):
        return FacePrediction([0, 0, 9, 9], 1, "happy", dict(PROBABILITIES), {"nose_tip": [3, 4]}, 0.5, angle)

    assert len({face(), face(), face(1), Face((0, 0, 1, 1), 1), Face((0, 0, 1, 1), 1)}) == 3
    for again in (copy.deepcopy(face()), pickle.loads(pickle.dumps(face())), dataclasses.replace(face())):
        assert again == face() and hash(again) == hash(face())
    assert hash(face()) != hash(face(1))


def test_a_result_does_not_follow_the_dict_it_was_made_from():
    source = dict(PROBABILITIES)
    face = FacePrediction((0, 0, 1, 1), 1, "happy", source)
    source["happy"] = 0.0
    assert face.probabilities == PROBABILITIES and isinstance(face.probabilities, ReadOnly)


@pytest.mark.parametrize("value", [Face((0, 0, 1, 1), 0.5), FacePrediction((0, 0, 1, 1), 0.5, "happy", PROBABILITIES)])
def test_the_earlier_name_of_the_detection_score_warns_and_works(value):
    with pytest.warns(DeprecationWarning, match="score is now detection_score") as warned:
        assert value.score == 0.5
    assert warned[0].filename == __file__  # where it was used, not where it is defined


def test_a_face_may_reach_beyond_the_photo():
    face = Face((-5.5, 0, 10, 20), 0.9, {"nose_tip": (3, 4)})
    assert face.area == 15.5 * 20
    assert face.keypoints == {"nose_tip": (3.0, 4.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ((5, 0, 5, 1), 1),
            "box must ... got (5, 0, 5, 1); ...",
        ),
        (((0, 0, 1, 1), 1.5), "detection_score must be a number from 0 to 1, got 1.5."),
        (((0, 0, 1, 1), None), "detection_score must be a number from 0 to 1, got None."),
        (
            ((0, 0, 1, 1), 1, {"nose_tip": (1, 2, 3)}),
            "keypoints must map names to two finite numbers (x, y) in pixels, got {'nose_tip': (1, 2, 3)}.",
        ),
    ],
)
def test_invalid_faces_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        Face(*arguments)
    assert says(str(error.value), message)


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


def test_what_is_left_out_is_unknown():
    face = Face((0, 0, 9, 9), 0.5)
    assert (face.angle, face.quality, face.keypoints) == (0, None, {})
    assert FacePrediction((0, 0, 9, 9), 0.5, "happy", PROBABILITIES).quality is None


@pytest.mark.parametrize("name", ["detection_score", "quality"])
def test_shares_reach_from_0_to_1(name):
    for kind in (Face, lambda **fields: FacePrediction(emotion="happy", probabilities=PROBABILITIES, **fields)):
        for value in (0, 1):
            assert getattr(kind(**{"box": (0, 0, 9, 9), "detection_score": 0.5, name: value}), name) == value
        for value in (-0.001, 1.001, math.nan, "much"):
            with pytest.raises(ValueError, match=f"^{name} must be a number from 0 to 1, got "):
                kind(**{"box": (0, 0, 9, 9), "detection_score": 0.5, name: value})


def test_angles_reach_from_minus_180_to_180():
    assert [Face((0, 0, 9, 9), 0.5, angle=angle).angle for angle in (-180, 180, 0.5)] == [-180, 180, 0.5]
    for angle in (-180.5, 180.5):
        with pytest.raises(ValueError, match=r"^angle must be a number of degrees from -180 to 180, got "):
            Face((0, 0, 9, 9), 0.5, angle=angle)


@pytest.mark.parametrize("total", [0.9992, 1.0008])
def test_probabilities_may_be_rounded(total):
    assert FacePrediction((0, 0, 9, 9), 0.5, "a", {"a": total - 0.25, "b": 0.25}).probabilities["b"] == 0.25


@pytest.mark.parametrize("total", [0.9988, 1.0012])
def test_probabilities_may_not_be_off(total):
    with pytest.raises(ValueError, match=f"^probabilities must sum to 1, got a sum of {total - 1 + 1:.4g};"):
        FacePrediction((0, 0, 9, 9), 0.5, "a", {"a": total - 0.25, "b": 0.25})


def test_any_of_the_most_probable_labels_may_be_the_emotion():
    for emotion in ("a", "b"):
        assert FacePrediction((0, 0, 9, 9), 0.5, emotion, {"a": 0.5, "b": 0.5}).emotion == emotion


@pytest.mark.parametrize("point", [(math.nan, 1), (1, math.inf)])
def test_keypoints_are_finite(point):
    with pytest.raises(ValueError, match=r"^keypoints must map names to two finite numbers"):
        Face((0, 0, 9, 9), 0.5, {"nose_tip": point})


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.004, "0 %"), (0.006, "1 %"), (0.62, "62 %"), (1.0, "100 %")]
)
def test_probabilities_as_people_read_them(share, text):
    assert percent(share) == text


def test_probabilities_are_a_dict_for_json_and_nobody_changes_them():
    face = FacePrediction((0, 0, 1, 1), 1, "happy", PROBABILITIES, {"nose_tip": (3, 4)})
    assert json.loads(json.dumps([face.probabilities, face.keypoints])) == [PROBABILITIES, {"nose_tip": [3, 4]}]
    for change in (
        lambda values: values.update(happy=0), lambda values: values.pop("happy"), lambda values: values.clear(),
        lambda values: values.__setitem__("happy", 0), lambda values: values.__delitem__("happy"),
        lambda values: values.setdefault("odd", 0), lambda values: values.popitem(),
        lambda values: values.__ior__({"happy": 0}),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"^a ReadOnly cannot be changed; copy it with dict\(\)"):
            change(face.probabilities)
    with pytest.raises(AttributeError):
        face.probabilities.other = 1
    assert face.probabilities == PROBABILITIES and type(face.probabilities | {}) is dict
