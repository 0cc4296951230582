"""Targets: the seven labels as they are, FER+ by majority and by votes, and what is left out."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from fer_hub.data import FERPLUS_EMOTIONS, label_shares, targets
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


def test_fer2013_takes_every_image(split):
    result = targets(split)
    assert result.names == targets(split, "auto").names == EMOTIONS and result.votes is None
    assert result.rows.tolist() == [0, 1, 2, 3, 4, 5] and result.classes.tolist() == [3, 4, 0, 1, 2, 6]


@pytest.mark.parametrize("labels", ["ferplus", "ferplus_votes"])
def test_ferplus_takes_what_has_a_majority(split, labels):
    result = targets(split, labels)
    assert [FERPLUS_EMOTIONS[index] for index in result.classes] == ["happy", "sad", "contempt"]
    assert result.rows.tolist() == [0, 1, 5]
    assert np.allclose(result.votes.sum(1), 1)
    assert result.votes[1] == pytest.approx([1 / 8, 0, 0, 6 / 8, 0, 0, 1 / 8, 0])
    assert result.clear.tolist() == [True, True, True]
    assert result.only(np.array([2])).clear.tolist() == [True] and targets(split).clear is None


def test_shares_are_for_every_image(split):
    rows = np.array([1, 2, 4, 5])
    votes = label_shares(split, "ferplus_votes", rows)
    assert votes.dtype == np.float32 and votes.shape == (4, 8)
    assert np.allclose(votes[0], targets(split, "ferplus_votes").votes[1])
    assert not votes[1:3].any()  # unknown, and no votes
    majority = label_shares(split, "ferplus", rows)
    assert [FERPLUS_EMOTIONS[row.argmax()] for row in majority if row.any()] == ["sad", "contempt"]
    assert majority.any(1).tolist() == [True, False, False, True] and majority.sum() == 2
    own = label_shares(split, "fer2013", rows)
    assert own.argmax(1).tolist() == [4, 0, 2, 6] and own.sum() == 4


def test_auto_takes_the_classes_of_the_split():
    features = Features({"label": ClassLabel(names=["bored", "attentive"])})
    own = Dataset.from_dict({"label": [1, 0, 1]}, features=features)
    result = targets(own, "auto")
    assert result.names == ("bored", "attentive") and result.classes.tolist() == [1, 0, 1] and result.votes is None
    with pytest.raises(ValueError) as caught:
        targets(own, "fer2013")
    assert str(caught.value) == (
        "labels fer2013 need the classes angry, disgust, fear, happy, sad, surprise, neutral, and the unnamed split "
        "has bored, attentive; take auto, which takes the classes as they are."
    )


def test_problems_are_named(split):
    with pytest.raises(ValueError) as caught:
        targets(split, "affectnet")
    assert str(caught.value) == (
        "labels must be auto or one of fer2013, ferplus, ferplus_votes, got 'affectnet'; choose one of these."
    )
    with pytest.raises(ValueError) as caught:
        targets(split.remove_columns("ferplus_votes"), "ferplus")
    assert str(caught.value) == (
        "labels ferplus need FER+ votes, and the unnamed split has none; name fer2013new.csv with --ferplus_csv, or "
        "take a data set that carries them."
    )
