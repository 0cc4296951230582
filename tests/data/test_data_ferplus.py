"""FER+ votes: the majority, and the join of `fer2013new.csv` by row."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_hub.data import FERPLUS_VOTES, ferplus_majority, has_clear_majority, load_fer2013
from tests.wording import says

HAPPY = [1, 9, 0, 0, 0, 0, 0, 0, 0, 0]
SAD = [2, 0, 0, 8, 0, 0, 0, 0, 0, 0]
NO_FACE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]
KAGGLE = [(3, None, "Training"), (4, None, "PublicTest"), (3, None, "Training"), (4, None, "PrivateTest")]
FERPLUS = [
    ("Training", "fer0000000.png", HAPPY),
    ("PublicTest", "fer0000001.png", SAD),
    ("Training", "", NO_FACE),
    ("PrivateTest", "fer0000003.png", SAD),
]


@pytest.mark.parametrize(
    ("votes", "name"),
    [
        (HAPPY, "happiness"),
        ([0, 0, 0, 0, 0, 0, 0, 10, 0, 0], "contempt"),
        ([0, 0, 5, 0, 0, 0, 5, 0, 0, 0], "surprise"),  # a tie: surprise stands before fear
        ([0, 0, 0, 0, 5, 0, 0, 0, 5, 0], "anger"),  # a tie with unknown
        ([0, 0, 0, 0, 4, 0, 0, 0, 6, 0], None),  # unknown
        (NO_FACE, None),
        ([0] * 10, None),
        (None, None),
    ],
)
def test_the_majority_is_the_first_of_the_most_votes(votes, name):
    majority = ferplus_majority(votes)
    assert majority is None if name is None else FERPLUS_VOTES[majority] == name


@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_the_majority_has_no_fewer_votes_than_any_other(votes):
    majority = ferplus_majority(votes)
    if majority is None:
        assert max(votes) == 0 or max(votes[:8]) < max(votes[8:])
    else:
        assert majority < 8
        assert all(votes[majority] > v for v in votes[:majority])
        assert all(votes[majority] >= v for v in votes[majority:])


@pytest.mark.parametrize(
    ("votes", "clear"),
    [
        (HAPPY, True),
        (NO_FACE, True),  # of "not a face": such an image has no expression, and is left out before
        ([5, 1, 0, 1, 2, 0, 1, 0, 0, 0], True),  # five of seven that are shared
        ([3, 0, 0, 3, 0, 0, 0, 0, 0, 0], False),  # half is not more than half
        ([4, 0, 0, 2, 2, 0, 1, 1, 0, 0], False),
        ([1] * 10, False),  # nobody agrees with anybody
        ([4, 0, 0, 0, 0, 0, 0, 0, 4, 2], False),  # votes for unknown and "not a face" count
    ],
)
def test_a_clear_majority_is_more_than_half_of_the_shared_votes(votes, clear):
    assert has_clear_majority(votes) is clear


@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_a_clear_majority_is_also_the_majority(votes):
    if has_clear_majority(votes):
        first = ferplus_majority(votes)
        assert sorted(votes)[-1] > sorted(votes)[-2] and (first is None or votes[first] == max(votes))


@pytest.mark.parametrize("votes", [[1] * 9, [1] * 11, [-1] + [1] * 9, []])
def test_votes_that_are_not_ten_numbers_are_refused(votes):
    with pytest.raises(ValueError) as caught:
        ferplus_majority(votes)
    assert str(caught.value) == (
        "votes must be 10 numbers of 0 or more, in the order neutral, happiness, surprise, sadness, anger, "
        f"disgust, fear, contempt, unknown, NF, got {votes}; take them from ferplus_votes."
    )


def test_votes_join_the_kaggle_file_by_row(write_kaggle, write_ferplus):
    splits = load_fer2013(write_kaggle(KAGGLE), ferplus_csv=write_ferplus(FERPLUS))
    assert {name: split["ferplus_votes"][:] for name, split in splits.items()} == {
        "train": [HAPPY, None],
        "validation": [SAD],
        "test": [SAD],
    }
    assert splits["train"].column_names == ["image", "label", "ferplus_votes", "row"]


def test_votes_join_parquet_that_knows_its_rows(tmp_path, make_dataset, write_ferplus, caplog):
    usage = ["PrivateTest", "Training", "PublicTest", "Training"]
    file = tmp_path / "faces.parquet"
    make_dataset([4, 3, 4, 3], Usage=usage, row=[3, 0, -1, 2], ferplus_votes=[None] * 4).to_parquet(str(file))
    votes = write_ferplus(FERPLUS)
    with caplog.at_level(logging.INFO, logger="fer_hub"):
        splits = load_fer2013(file, ferplus_csv=votes)
    assert {name: split["ferplus_votes"][:] for name, split in splits.items()} == {
        "train": [HAPPY, None],
        "validation": [None],
        "test": [SAD],
    }
    assert f"{file} (train): FER+ votes replaced by those of {votes}" in caplog.messages


def test_a_source_without_rows_cannot_be_joined(write_images, write_ferplus):
    root = write_images(["train/sad/0.png", "val/sad/1.png", "test/sad/2.png"])
    with pytest.raises(ValueError) as caught:
        load_fer2013(root, ferplus_csv=write_ferplus(FERPLUS))
    assert str(caught.value) == (
        f"{root}: FER+ votes are joined by the row of fer2013.csv, but the test split has no column 'row'; load "
        "fer2013.csv itself (with its Usage column), or leave out ferplus_csv."
    )


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            [FERPLUS[1], FERPLUS[0], *FERPLUS[2:]],
            "(train): 1 bad row (row 0: PublicTest in the votes, Training in the images)",
        ),
        (FERPLUS[:3], "(test): 1 bad row (row 3: not among the 3 rows of the votes)"),
    ],
)
def test_votes_of_other_images_are_refused(write_kaggle, write_ferplus, rows, text):
    images, votes = write_kaggle(KAGGLE), write_ferplus(rows)
    with pytest.raises(ValueError) as caught:
        load_fer2013(images, ferplus_csv=votes)
    assert str(caught.value) == (
        f"{votes} and {images} {text}; both files must list the same images in the same order (rows count from 0)."
    )


def test_votes_that_contradict_the_labels_are_refused(tmp_path, make_dataset, write_ferplus):
    usage = ["Training"] * 598 + ["PublicTest", "PrivateTest"]
    file = tmp_path / "faces.parquet"
    make_dataset([3] * 600, Usage=usage, row=list(range(600))).to_parquet(str(file))
    votes = write_ferplus([(usage[i], "f.png", HAPPY if i < 180 else SAD) for i in range(600)])
    with pytest.raises(ValueError) as caught:
        load_fer2013(file, ferplus_csv=votes)
    assert str(caught.value) == (
        f"{votes} and {file}: the votes agree with the labels of only 30% of 600 images, but must agree with at least "
        "40%; the two files do not list the same images in the same order, so take both from their original sources."
    )


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (("Holdout", "a.png", HAPPY), "Usage 'Holdout', must be ..."),
        (("Training", "a.png", HAPPY[:9]), "11 of 12 fields"),
        (
            ("Training", "a", ["x", *HAPPY[1:]]),
            "votes x 9 0 0 0 0 0 0 0 0, must be ten whole numbers from 0 to 255",
        ),
        (
            ("Training", "a.png", [256, *HAPPY[1:]]),
            "votes 256 9 0 0 0 0 0 0 0 0, must be ten whole numbers from 0 to 255",
        ),
    ],
)
def test_a_bad_row_of_votes_is_reported_with_its_line(write_kaggle, write_ferplus, row, text):
    images, votes = write_kaggle(KAGGLE), write_ferplus([FERPLUS[0], row])
    with pytest.raises(ValueError) as caught:
        load_fer2013(images, ferplus_csv=votes)
    assert says(str(caught.value), f"{votes}: 1 bad row (line 3: {text}); ...")


def test_a_votes_file_needs_its_columns(write_kaggle, write_ferplus):
    images = write_kaggle(KAGGLE)
    votes = write_ferplus([], header=["Usage", "Image name", *FERPLUS_VOTES[:9]])
    with pytest.raises(ValueError) as caught:
        load_fer2013(images, ferplus_csv=votes)
    names = ", ".join(FERPLUS_VOTES)
    assert str(caught.value) == (
        f"{votes}: missing column 'NF'; the columns must be Usage, Image name, {names}, got usage, image "
        f"name, {names.removesuffix(', NF')}."
    )


def test_the_real_votes_join_their_own_rows(fer2013_folder, write_ferplus):
    """The join finds for every image of the real data the votes that it carries itself."""
    carried = load_fer2013(fer2013_folder)
    usage = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
    rows = {}
    for name, split in carried.items():
        rows |= {
            row: (usage[name], "f.png", votes)
            for row, votes in zip(split["row"][:], split["ferplus_votes"][:], strict=True)
            if votes
        }
    last = {"Training": 28709, "PublicTest": 32298, "PrivateTest": 35887}
    missing = [next(name for name, end in last.items() if row < end) for row in range(35887)]
    lines = [rows.get(row, (missing[row], "", NO_FACE)) for row in range(35887)]
    joined = load_fer2013(fer2013_folder, ferplus_csv=write_ferplus(lines))
    for name, split in carried.items():
        assert joined[name]["ferplus_votes"][:] == split["ferplus_votes"][:]
