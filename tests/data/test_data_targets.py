"""Targets: the seven labels, FER+ by majority and by votes, and excluded images."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from fer_hub.data import FERPLUS_EMOTIONS, targets
from fer_hub.model import EMOTIONS

VOTES = [
    [0, 10, 0, 0, 0, 0, 0, 0, 0, 0],  # happy
    [1, 0, 0, 6, 0, 0, 1, 0, 2, 0],  # sad, two say unknown
    [0, 0, 0, 1, 0, 0, 0, 0, 9, 0],  # unknown: left out
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 9],  # not a face: left out
    None,  # no votes: left out
    [0, 0, 0, 0, 0, 0, 4, 5, 0, 1],  # contempt
]


@pytest.fixture()
def split():
    features = Features({"label": ClassLabel(names=list(EMOTIONS)), "ferplus_votes": List(Value("uint8"))})
    return Dataset.from_dict({"label": [3, 4, 0, 1, 2, 6], "ferplus_votes": VOTES}, features=features)


def test_fer2013_uses_every_image(split):
    result = targets(split)
    assert result.names == targets(split, "auto").names == EMOTIONS and result.votes is None
    assert result.rows.tolist() == [0, 1, 2, 3, 4, 5] and result.classes.tolist() == [3, 4, 0, 1, 2, 6]


@pytest.mark.parametrize("labels", ["ferplus", "ferplus_votes"])
def test_ferplus_uses_images_with_a_majority(split, labels):
    result = targets(split, labels)
    assert [FERPLUS_EMOTIONS[index] for index in result.classes] == ["happy", "sad", "contempt"]
    assert result.rows.tolist() == [0, 1, 5]
    assert np.allclose(result.votes.sum(1), 1)
    assert result.votes[1] == pytest.approx([1 / 8, 0, 0, 6 / 8, 0, 0, 1 / 8, 0])
    assert result.clear.tolist() == [True, True, True]
    assert result.only(np.array([2])).clear.tolist() == [True] and targets(split).clear is None


def test_both_is_a_mean_of_label_and_votes_over_the_eight_classes(split):
    result = targets(split, "both", 0.25)
    assert result.names == FERPLUS_EMOTIONS and result.votes.dtype == np.float32
    assert result.rows.tolist() == [0, 1, 2, 5]  # without what is no face, or has no votes
    assert result.votes[0] == pytest.approx([0, 1, 0, 0, 0, 0, 0, 0])  # label and votes agree
    assert result.votes[1] == pytest.approx([0.75 / 8, 0, 0, 0.25 + 0.75 * 6 / 8, 0, 0, 0.75 / 8, 0])
    assert result.votes[2] == pytest.approx([0, 0, 0, 0.75, 0.25, 0, 0, 0])  # labelled angry, one vote for sad
    assert result.votes[3] == pytest.approx([0.25, 0, 0, 0, 0, 0, 0.75 * 4 / 9, 0.75 * 5 / 9])
    assert result.classes.tolist() == [1, 3, 3, 7]
    assert np.allclose(targets(split, "both", 0).votes[1], targets(split, "ferplus_votes").votes[1])
    assert [FERPLUS_EMOTIONS[row.argmax()] for row in targets(split, "both", 1).votes] == [
        "happy", "sad", "angry", "neutral",
    ]  # fmt: skip


def test_where_nobody_votes_for_an_expression_the_label_counts_alone(split):
    unknown = split.select([2]).map(lambda row: {"ferplus_votes": [0] * 8 + [7, 3]})
    assert targets(unknown, "both", 0.25).votes.tolist() == [[0, 0, 0, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_is_from_0_to_1(split, share):
    with pytest.raises(ValueError) as caught:
        targets(split, "both", share)
    assert str(caught.value) == f"label_share must be from 0 to 1, got {share:g}; with 0.5 both count the same."


def test_auto_takes_the_classes_of_the_split():
    features = Features({"label": ClassLabel(names=["bored", "attentive"])})
    own = Dataset.from_dict({"label": [1, 0, 1]}, features=features)
    result = targets(own, "auto")
    assert result.names == ("bored", "attentive") and result.classes.tolist() == [1, 0, 1] and result.votes is None
    with pytest.raises(ValueError) as caught:
        targets(own, "fer2013")
    assert str(caught.value) == (
        "labels fer2013 need the classes angry, disgust, fear, happy, sad, surprise, neutral, but the unnamed split "
        "has bored, attentive; use auto, which keeps the classes."
    )


def test_problems_are_named(split):
    with pytest.raises(ValueError) as caught:
        targets(split, "affectnet")
    assert str(caught.value) == (
        "labels must be auto or one of fer2013, ferplus, ferplus_votes, both, got 'affectnet'; choose one of these."
    )
    with pytest.raises(ValueError) as caught:
        targets(split.remove_columns("ferplus_votes"), "ferplus")
    assert str(caught.value) == (
        "labels ferplus need FER+ votes, but the unnamed split has none; pass fer2013new.csv with --ferplus-csv, "
        "use a data set that contains them, or choose --labels fer2013."
    )
