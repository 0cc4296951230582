"""Parquet and Hub data sets with classes of their own: with any columns, sizes, colours and splits."""

import logging

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as PILImage

from fer_hub.data import FERPLUS_EMOTIONS, decode_images, load_expressions
from fer_hub.model import EMOTIONS

MOODS = ["wild", "calm", "odd"]


@pytest.fixture
def make_table(encode):
    """(labels, feature) → colour images of 100x80 pixels whose red is ten times the row, and these labels."""

    def make(labels, feature=None, image="picture", label="mood", **columns) -> Dataset:
        images = [
            {"bytes": encode(PILImage.new("RGB", (100, 80), (10 * i, 0, 0))), "path": None} for i in range(len(labels))
        ]
        features = {image: Image(), label: feature or ClassLabel(names=MOODS)}
        features |= {name: kind for name, (kind, _) in columns.items()}
        data = {image: images, label: labels} | {name: values for name, (_, values) in columns.items()}
        return Dataset.from_dict(data, features=Features(features))

    return make


def load(tmp_path, **splits):
    for name, dataset in splits.items():
        dataset.to_parquet(str(tmp_path / f"{name}.parquet"))
    return load_expressions(tmp_path)


def error_of(tmp_path, **splits) -> str:
    with pytest.raises(ValueError) as caught:
        load(tmp_path, **splits)
    return str(caught.value)


def test_columns_are_found_by_their_types_and_colour_of_any_size_is_decoded(tmp_path, make_table):
    made = make_table([0, 1, 2, 1], name=(Value("string"), ["a", "b", "c", "d"]))
    splits = load(tmp_path, train=made, validation=made, test=made)
    assert splits["train"].column_names == ["image", "label"]
    assert splits["train"].features["label"].names == MOODS  # the data set's own order
    assert splits["train"]["label"][:] == [0, 1, 2, 1]
    assert decode_images(splits["train"])[:, 10, 10].tolist() == [0, 3, 6, 9]  # 0.299 of the red
    assert decode_images(splits["train"], 64).shape == (4, 64, 64)


def test_train_alone_is_cut(tmp_path, make_table, caplog):
    with caplog.at_level(logging.WARNING):
        splits = load(tmp_path, train=make_table([0, 1, 2] * 10))
    assert {name: np.bincount(split["label"][:]).tolist() for name, split in splits.items()} == {
        "train": [8, 8, 8], "validation": [1, 1, 1], "test": [1, 1, 1]}  # fmt: skip
    assert "no validation and no test split; cut from train" in caplog.records[-1].getMessage()


def test_names_in_a_text_column_come_in_natural_order(tmp_path, make_table):
    made = make_table(["day 10", "day 9", "day 9"], Value("string"), label="expression")
    splits = load(tmp_path, train=made, validation=made, test=made)
    assert splits["train"].features["label"].names == ["day 9", "day 10"] and splits["train"]["label"][:] == [1, 0, 0]


@pytest.mark.parametrize("known", [EMOTIONS, FERPLUS_EMOTIONS])
def test_known_expressions_take_our_order(tmp_path, make_table, known):
    theirs = sorted("Happiness" if name == "happy" else name for name in known)
    made = make_table(list(range(len(theirs))), ClassLabel(names=theirs))
    splits = load(tmp_path, train=made, validation=made, test=made)
    assert splits["train"].features["label"].names == list(known)
    ours = [known.index("happy" if name == "Happiness" else name) for name in theirs]
    assert splits["train"]["label"][:] == ours


def test_unused_classes_hidden_labels_and_unknown_splits_are_left_out_and_logged(tmp_path, make_table, caplog):
    hidden = make_table([-1, -1])
    with caplog.at_level(logging.WARNING):
        splits = load(tmp_path, train=make_table([0, 1] * 5), validation=make_table([0, 1]), test=hidden)
    assert splits["train"].features["label"].names == ["wild", "calm"] and len(splits["test"]) == 2
    told = [record.getMessage() for record in caplog.records]
    assert told[:2] == [
        f"{tmp_path}: splits without labels are left out: test",
        f"{tmp_path}: classes without images are left out: odd",
    ]
    assert "no test split; cut from train" in told[2]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"feature": Value("int64")}, "{root}: the labels are whole numbers, 0, 1, 2, which do not name classes; name "
         "them in their order, as with --label-names angry disgust fear (label_names in Python)."),
        ({"feature": Value("float32")}, "{where}: column 'label' must be names or whole numbers, got Value('float32'); "
         "cast it."),
        ({"other": (ClassLabel(names=["x", "y"]), [0, 1, 0])}, "{where}: there must be one column of labels, a "
         "ClassLabel, got mood, other among picture (Image), mood (ClassLabel), other (ClassLabel); name it with "
         "label_column."),
        ({"mask": (Image(), [None] * 3)}, "{where}: there must be one column of images, a datasets.Image, got picture, "
         "mask among picture (Image), mood (ClassLabel), mask (Image); name it with image_column."),
    ],
)  # fmt: skip
def test_ambiguous_columns_are_refused(tmp_path, make_table, columns, sentence):
    if "feature" in columns:
        columns["label"] = "label"
    made = make_table([0, 1, 2], **columns)
    assert error_of(tmp_path, train=made) == sentence.format(where=f"{tmp_path} (train)", root=tmp_path)


def test_columns_can_be_named(tmp_path, make_table):
    other = (ClassLabel(names=["x", "y"]), [0, 1] * 4)
    mask = (Image(), [None] * 8)
    made = make_table([0, 1, 2, 1] * 2, other=other, mask=mask)
    made.to_parquet(str(tmp_path / "train.parquet"))
    splits = load_expressions(tmp_path, image_column="picture", label_column="other", validation_fraction=0.25)
    assert splits["train"].features["label"].names == ["x", "y"] and "mask" not in splits["train"].column_names
    with pytest.raises(ValueError) as caught:
        load_expressions(tmp_path, image_column="picture", label_column="moods")
    assert str(caught.value) == (
        f"{tmp_path} (train): there must be a column 'moods', got picture (Image), mood (ClassLabel), other "
        "(ClassLabel), mask (Image); name one of these."
    )


def test_images_without_a_class_are_named(tmp_path, make_table):
    assert error_of(tmp_path, train=make_table([0, None, 1])) == (
        f"{tmp_path} (train): 1 bad row (row 1: no label); every image needs a class, so remove these rows (rows "
        "count from 0)."
    )
