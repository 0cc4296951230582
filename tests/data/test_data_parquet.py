"""Parquet files, and the accepted names of splits, columns and emotions in them and in Hub datasets."""

import logging
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value

from fer_hub.data import load_fer2013
from fer_hub.data.loading import normalise
from fer_hub.model.configuration_fer import EMOTIONS

VOTES = [7, 3, 0, 0, 0, 0, 0, 0, 0, 0]


def write_splits(folder: Path, dataset: Dataset, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        dataset.to_parquet(str(folder / name))
    return folder


def test_a_parquet_folder_gives_three_splits_in_order(tmp_path, make_dataset):
    made = make_dataset([6, 0, 3], ferplus_votes=[VOTES, None, VOTES], row=[0, -1, 7])
    names = (
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "validation-00000-of-00001.parquet",
    )
    splits = load_fer2013(write_splits(tmp_path / "fer", made, *names))
    assert list(splits) == ["train", "validation", "test"]
    assert {name: len(split) for name, split in splits.items()} == {"train": 6, "validation": 3, "test": 3}
    for name, split in splits.items():
        assert split.split == name
        assert split.column_names == ["image", "label", "ferplus_votes", "row"]
        assert split.features["label"] == ClassLabel(names=list(EMOTIONS))
        assert split.features["image"] == Image()
        assert split[1]["ferplus_votes"] is None
        assert split[2] | {"image": None} == {"image": None, "label": 3, "ferplus_votes": VOTES, "row": 7}
        assert split[2]["image"].size == (48, 48)


@pytest.mark.parametrize(
    "names",
    [
        ("Training.parquet", "PublicTest.parquet", "PrivateTest.parquet"),
        ("data/train-0.parquet", "data/valid-0.parquet", "data/test-0.parquet"),
        ("train.parquet", "val.parquet", "test.parquet"),
    ],
)
def test_splits_are_known_by_their_usual_file_names(tmp_path, make_dataset, names):
    splits = load_fer2013(write_splits(tmp_path / "fer", make_dataset([1, 2]), *names))
    assert {name: split["label"][:] for name, split in splits.items()} == {
        name: [1, 2] for name in ("train", "validation", "test")
    }


@pytest.mark.parametrize("column", ["Usage", "split"])
def test_one_parquet_file_is_split_by_its_column(tmp_path, make_dataset, column):
    usage = ["PrivateTest", "Training", "Training", "PublicTest"]
    file = tmp_path / "faces.parquet"
    make_dataset([5, 0, 6, 2], **{column: usage}).to_parquet(str(file))
    splits = load_fer2013(file)
    assert {name: split["label"][:] for name, split in splits.items()} == {
        "train": [0, 6],
        "validation": [2],
        "test": [5],
    }
    assert splits["train"].column_names == ["image", "label"]


def test_one_parquet_file_without_such_a_column_is_cut_by_class(tmp_path, make_dataset, caplog):
    file = tmp_path / "faces.parquet"
    make_dataset([0] * 40 + [1] * 20).to_parquet(str(file))
    with caplog.at_level(logging.WARNING):
        splits = load_fer2013(file, validation_fraction=0.2, seed=3)
    assert {name: Counter(split["label"][:]) for name, split in splits.items()} == {
        "train": {0: 24, 1: 12},
        "validation": {0: 8, 1: 4},
        "test": {0: 8, 1: 4},
    }
    assert [split.split for split in splits.values()] == ["train", "validation", "test"]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("fer_hub")] == [
        f"{file}: no validation and no test split; cut from train, 0.2 of every class each, seed 3: "
        "train 36 images, validation 12 images, test 12 images"
    ]


def test_class_names_in_any_order_are_normalised(make_dataset):
    names = ["Neutral", "anger", "DISGUST", "Fear", "Happiness", "sadness", "surprised"]
    made = make_dataset([0, 1, 2, 3, 4, 5, 6], names)
    splits = normalise({"train": made, "val": made, "test": made}, "someone/faces")
    for split in splits.values():
        assert split.features["label"].names == list(EMOTIONS)
        assert split["label"][:] == [6, 0, 1, 2, 3, 4, 5]
        assert np.asarray(split[4]["image"])[0, 0] == 4  # the images stayed with their labels


def test_emotion_names_as_text_become_class_labels(make_dataset):
    made = make_dataset(["sad", "Anger"], feature=Value("string")).rename_column("label", "emotion")
    splits = normalise({"train": made, "validation": made, "test": made}, "someone/faces")
    assert splits["test"]["label"][:] == [4, 0]


def test_a_split_without_votes_gets_null_and_row_minus_one(make_dataset):
    rich = make_dataset([3], ferplus_votes=[VOTES], row=[5])
    splits = normalise({"train": rich, "validation": make_dataset([3]), "test": rich}, "someone/faces")
    assert splits["validation"].features == splits["train"].features
    assert (splits["validation"]["ferplus_votes"][:], splits["validation"]["row"][:]) == ([None], [-1])


def bad_splits(make_dataset):
    good = make_dataset([0, 1])
    whole = {"train": good, "validation": good, "test": good}
    no_image = Dataset.from_dict({"label": ["sad"], "pixels": ["0 0"]})
    missing = Dataset.from_dict(
        {"image": [{"bytes": b"x", "path": None}, None], "label": ["sad", "sad"]},
        features=Features({"image": Image(), "label": Value("string")}),
    )
    return {
        "integers": (
            whole | {"train": make_dataset([0, 1], feature=Value("int64"))},
            "made (train): column 'label' must be a ClassLabel or emotion names, got Value('int64'); numbers "
            "alone do not say their order, so cast them first with dataset.cast_column('label', "
            "datasets.ClassLabel(names=[...])), the names in the order of your numbers.",
        ),
        "unknown emotion": (
            whole | {"test": make_dataset([0, 1, 1], ["sad", "contempt"])},
            "made (test): 2 bad rows (row 1: unknown label 'contempt'; row 2: unknown label 'contempt'); "
            "labels must be angry, disgust, fear, happy, sad, surprise, neutral, so rename or leave out the "
            "others (rows count from 0).",
        ),
        "unlabelled": (
            whole | {"test": make_dataset([0, -1, None])},
            "made (test): 2 bad rows (row 1: unknown label -1; row 2: unknown label None); labels must be "
            "angry, disgust, fear, happy, sad, surprise, neutral, so rename or leave out the others (rows "
            "count from 0).",
        ),
        "many bad rows": (
            whole | {"test": make_dataset([0] * 7, ["calm"])},
            "made (test): 7 bad rows (row 0: unknown label 'calm'; row 1: unknown label 'calm'; row 2: "
            "unknown label 'calm'; row 3: unknown label 'calm'; row 4: unknown label 'calm'; and 2 more); "
            "labels must be angry, disgust, fear, happy, sad, surprise, neutral, so rename or leave out the "
            "others (rows count from 0).",
        ),
        "no image column": (
            {"train": no_image},
            "made (train): column 'image' must be a datasets.Image, got no such column among label, pixels; "
            "rename it or cast it with dataset.cast_column('image', datasets.Image()).",
        ),
        "no label column": (
            {"train": good.rename_column("label", "feeling")},
            "made (train): there must be a column 'label', got image, feeling; rename the column of the "
            "emotions to 'label'.",
        ),
        "missing image": (
            {"train": missing},
            "made (train): 1 bad row (row 1: no image); every row needs an image, so remove these rows (rows count "
            "from 0).",
        ),
        "nine votes": (
            whole | {"train": make_dataset([0, 1], ferplus_votes=[VOTES, VOTES[:9]])},
            "made (train): 1 bad row (row 1: 9 votes); ferplus_votes must be null or ten whole numbers from "
            "0 to 255 (rows count from 0).",
        ),
        "unknown split": (
            whole | {"extra": good},
            "made: unknown split 'extra'; splits must be train, validation and test (or Training, PublicTest "
            "and PrivateTest), so rename it or leave it out.",
        ),
        "split twice": (
            whole | {"val": good},
            "made: 'val' is a second validation split; merge the two or remove one.",
        ),
        "unknown Usage": (
            {"train": make_dataset([0, 1], Usage=["Training", "Holdout"])},
            "made: 1 bad row (row 1: unknown Usage 'Holdout'); Usage must be Training, PublicTest or "
            "PrivateTest (rows count from 0).",
        ),
        "no train": (
            {"validation": good, "test": good},
            "made: there is no train split, only validation, test; name the training images 'train'.",
        ),
        "empty split": (
            whole | {"validation": good.select([])},
            "made: the validation split has no images; every split needs at least one, so add images to it "
            "or more images to train.",
        ),
        "too few to cut": (
            {"train": make_dataset([0, 1])},
            "made: the validation split has no images; every split needs at least one, so add images to it "
            "or more images to train.",
        ),
    }


@pytest.mark.parametrize(
    "case",
    [
        "integers",
        "unknown emotion",
        "unlabelled",
        "many bad rows",
        "no image column",
        "no label column",
        "missing image",
        "nine votes",
        "unknown split",
        "split twice",
        "unknown Usage",
        "no train",
        "empty split",
        "too few to cut",
    ],
)
def test_problems_of_a_dataset_are_named(make_dataset, case):
    splits, text = bad_splits(make_dataset)[case]
    with pytest.raises(ValueError) as caught:
        normalise(splits, "made")
    assert str(caught.value) == text


def test_a_file_beside_splits_must_name_its_split(tmp_path, make_dataset):
    folder = write_splits(tmp_path / "fer", make_dataset([0]), "train.parquet", "faces.parquet")
    with pytest.raises(ValueError) as caught:
        load_fer2013(folder)
    assert str(caught.value) == (
        f"{folder / 'faces.parquet'}: the file name must begin with train, validation or test, like the other files "
        "in its folder; rename it or move it away."
    )


def test_a_damaged_parquet_file_is_named(tmp_path, make_dataset):
    file = tmp_path / "train.parquet"
    make_dataset([0]).to_parquet(str(file))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError) as caught:
        load_fer2013(file)
    assert str(caught.value).startswith(f"{file}: not a readable parquet file (")
    assert str(caught.value).endswith("); write or download it again.")


def test_files_of_one_split_must_have_the_same_columns(tmp_path, make_dataset):
    folder = write_splits(tmp_path / "fer", make_dataset([0], row=[1]), "train-0.parquet")
    write_splits(folder, make_dataset([0]), "train-1.parquet")
    with pytest.raises(ValueError) as caught:
        load_fer2013(folder)
    assert str(caught.value) == (
        f"{folder / 'train-1.parquet'}: its columns must be those of train-0.parquet, got image, label; all files of "
        "a split need the same columns."
    )


def test_the_real_data_has_the_published_number_of_each_emotion(fer2013_folder):
    splits = load_fer2013(fer2013_folder)
    assert isinstance(splits, DatasetDict)
    counts = {name: np.bincount(split["label"][:], minlength=7).tolist() for name, split in splits.items()}
    assert counts == {
        "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
        "validation": [467, 56, 496, 895, 653, 415, 607],
        "test": [491, 55, 528, 879, 594, 416, 626],
    }
    assert splits["train"].features["label"].names == list(EMOTIONS)
    assert splits["train"].column_names == ["image", "label", "ferplus_votes", "row"]
    without = sum(votes is None for split in splits.values() for votes in split["ferplus_votes"][:])
    assert without == 177


def test_mutated_files_are_read_or_refused_in_one_sentence_that_names_the_file(tmp_path, make_dataset):
    """A fixed number of cases; the seed of a failing one is in its message."""
    [whole] = [path.read_bytes() for path in write_splits(tmp_path, make_dataset([0, 3] * 40), "a.parquet").iterdir()]
    for seed in range(30):
        chance = random.Random(seed)
        data = bytearray(whole)
        start = chance.choice((0, len(data) // 2, len(data) - 2000))  # pixels, columns or the description at the end
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(max(start, 0), len(data))
            data[at] ^= 1 << chance.randrange(8)
        file = tmp_path / f"{seed}.parquet"
        file.write_bytes(data)
        try:
            load_fer2013(file)
        except ValueError as error:
            told = str(error)
            assert told.startswith(f"{file}") and "\n" not in told, f"seed {seed}: {told!r}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


def test_a_damaged_file_is_named_with_its_row(tmp_path, make_dataset):
    [file] = write_splits(tmp_path, make_dataset([0, 3] * 40), "train.parquet").iterdir()
    data = bytearray(file.read_bytes())
    data[4:60] = bytes(56)  # the head of the first page
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"train\.parquet: not a readable parquet file from about row 0 \(from 0\) on"):
        load_fer2013(file)
