"""Classes of one model and of another data set, matched by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_hub.data import FERPLUS_EMOTIONS, Targets
from fer_hub.evaluation.class_map import map_classes
from fer_hub.model import EMOTIONS


def test_usual_names_in_any_order_and_case_are_matched():
    theirs = ["Neutral", "HAPPINESS", "Sadness", "surprised", "fearful", "disgusted", "anger", "Contempt"]
    found = map_classes(theirs, EMOTIONS)
    assert [found.ours[column] for column in found.columns[:7]] == [
        "neutral", "happy", "sad", "surprise", "fear", "disgust", "angry"]  # fmt: skip
    assert found.dropped == ("Contempt",) and found.missing == () and not found.same
    assert map_classes(theirs, FERPLUS_EMOTIONS).dropped == ()
    assert map_classes(EMOTIONS, EMOTIONS).same


def test_probabilities_move_to_our_columns_and_sum_to_one_again():
    found = map_classes(["contempt", "sadness", "grief", "joy"], ["happy", "sad"], {"grief": "sad"})
    result = found.apply(np.array([[0.5, 0.1, 0.2, 0.2], [0, 0, 0, 1], [1, 0, 0, 0]], np.float32))
    assert np.allclose(result, [[0.4, 0.6], [1, 0], [0.5, 0.5]])  # 0.2 and 0.1 + 0.2 of 0.5
    assert result.dtype == np.float32


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.data())
@settings(max_examples=30, deadline=None)
def test_a_permutation_only_permutes(seed, classes, data):
    names = [f"class {index}" for index in range(classes)]
    theirs = data.draw(st.permutations(names))
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(classes), 5)
    result = map_classes(theirs, names).apply(probabilities)
    assert np.allclose(result[:, [names.index(name) for name in theirs]], probabilities)


def test_missing_classes_are_refused_or_left_out():
    found = map_classes(["joy", "sadness", "LABEL_2"], ["angry", "happy", "sad"])
    with pytest.raises(ValueError) as caught:
        found.check()
    assert str(caught.value) == (
        "the model must have all classes of the data set, but has no angry among joy, sadness, LABEL_2; name them with "
        "--map THEIRS=OURS, or leave their images out with --partial."
    )
    found.check(partial=True)
    target = Targets(
        found.ours, np.array([4, 5, 6, 9]), np.array([0, 2, 1, 2]), np.eye(3, dtype=np.float32)[[0, 2, 1, 2]]
    )
    known, positions, rest = found.without_missing(target)
    assert known.ours == ("happy", "sad") and known.columns == (0, 1, None) and known.missing == ()
    assert positions.tolist() == [1, 2, 3] and rest.rows.tolist() == [5, 6, 9]
    assert rest.classes.tolist() == [1, 0, 1] and rest.names == known.ours and rest.votes is None
    map_classes(["joy", "sadness", "LABEL_2"], ["angry", "happy", "sad"], {"LABEL_2": "Anger"}).check()


def test_nothing_in_common_is_refused_even_in_part():
    with pytest.raises(ValueError) as caught:
        map_classes(["LABEL_0", "LABEL_1"], ["angry", "happy", "sad"]).check(partial=True)
    assert str(caught.value) == (
        "the model's classes must be those of the data set, angry, happy, sad, got LABEL_0, LABEL_1; say which is "
        "which, as in --map LABEL_0=angry."
    )


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"LABEL_9": "sad"}, "--map must begin with a class of the model, joy, LABEL_1; got 'LABEL_9'."),
        ({"LABEL_1": "cross"}, "--map must end with a class of the data set, happy, sad; got 'cross'."),
    ],
)
def test_wishes_must_be_class_names(wishes, sentence):
    with pytest.raises(ValueError) as caught:
        map_classes(["joy", "LABEL_1"], ["happy", "sad"], wishes)
    assert str(caught.value) == sentence


def test_a_class_can_be_dropped_by_wish():
    found = map_classes(["joy", "sadness", "happy"], ["happy", "sad"], {"joy": ""})
    assert found.dropped == ("joy",) and found.columns == (None, 1, 0)
