"""Image folders: the split and the emotion are folder names, Kaggle's file names give the official split."""

import logging

import numpy as np
import pytest

from fer_hub.data import decode_images, load_fer2013
from fer_hub.data.image_folder import load_image_folder

ENDINGS = ".avif, .bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .pgm, .png, .tif, .tiff, .webp"
ADVICE = (
    f"images must be in folders named angry, disgust, fear, happy, sad, surprise, neutral and end in {ENDINGS}, so "
    "move, rename or delete these."
)


@pytest.mark.parametrize("validation", ["validation", "val", "valid", "PublicTest"])
def test_folders_give_splits_and_emotions_by_name(write_images, make_face, validation):
    root = write_images(
        [
            "train/surprise/b.png",
            "train/Neutral/a.png",
            f"{validation}/sadness/1.png",
            "test/ANGRY/x.png",
            "train/surprise/a.PNG",
        ]
    )
    splits = load_fer2013(root)
    assert {name: split["label"][:] for name, split in splits.items()} == {
        "train": [5, 5, 6],
        "validation": [4],
        "test": [0],
    }
    assert splits["train"].column_names == ["image", "label"]
    assert np.array_equal(decode_images(splits["train"]), [make_face(4), make_face(0), make_face(1)])


def test_kaggle_file_names_give_validation_and_test(write_images, caplog):
    root = write_images(
        [
            "train/happy/Training_1.png",
            "test/happy/PublicTest_2.png",
            "test/fear/PublicTest_3.png",
            "test/fear/PrivateTest_4.png",
            "test/sad/PrivateTest_5.png",
        ]
    )
    with caplog.at_level(logging.INFO):
        splits = load_fer2013(root)
    assert {name: split["label"][:] for name, split in splits.items()} == {
        "train": [3],
        "validation": [2, 3],
        "test": [2, 4],
    }
    assert [record.getMessage() for record in caplog.records if record.name.startswith("fer_hub")] == [
        f"{root / 'test'}: 2 images are validation by their file names"
    ]


def test_a_missing_validation_is_cut_from_train_the_same_way_each_time(write_images, caplog):
    root = write_images(
        [f"train/{emotion}/{i}.png" for emotion in ("happy", "sad") for i in range(20)] + ["test/happy/0.png"]
    )
    with caplog.at_level(logging.WARNING):
        splits = load_fer2013(root, validation_fraction=0.25, seed=1)
    assert {name: np.bincount(split["label"][:]).tolist() for name, split in splits.items()} == {
        "train": [0, 0, 0, 15, 15],
        "validation": [0, 0, 0, 5, 5],
        "test": [0, 0, 0, 1],
    }
    assert caplog.records[-1].getMessage() == (
        f"{root}: no validation split; cut from train, 0.25 of every class each, seed 1: train 30 images, "
        "validation 10 images"
    )
    again = load_fer2013(root, validation_fraction=0.25, seed=1)
    other = load_fer2013(root, validation_fraction=0.25, seed=2)
    pixels = decode_images(splits["validation"])
    assert np.array_equal(decode_images(again["validation"]), pixels)
    assert not np.array_equal(decode_images(other["validation"]), pixels)


def test_emotion_folders_alone_are_all_train(write_images):
    splits = load_fer2013(write_images([f"{name}/{i}.png" for name in ("anger", "joy") for i in range(10)]))
    assert {name: split["label"][:] for name, split in splits.items()} == {
        "train": [0] * 8 + [3] * 8,
        "validation": [0, 3],
        "test": [0, 3],
    }


def test_files_of_file_managers_are_skipped(write_images):
    root = write_images(["train/sad/0.png", "val/sad/1.png", "test/sad/2.png"])
    for name in (
        ".DS_Store",
        "train/Thumbs.db",
        "train/sad/.hidden.png",
        "train/sad/desktop.ini",
        "README.md",
    ):
        (root / name).write_bytes(b"-")
    assert [len(split) for split in load_fer2013(root).values()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train/sad/notes.docx", "{root}/train: 1 bad row (file sad/notes.docx: not an image file); " + ADVICE),
        (
            "train/calm/0.png",
            "{root}/train: 1 bad row (file calm: a folder that names no emotion); " + ADVICE,
        ),
        ("train/0.png", "{root}/train: 1 bad row (file 0.png: not in the folder of an emotion); " + ADVICE),
        ("train/sad/more/0.png", "{root}/train: 1 bad row (file sad/more: not an image file); " + ADVICE),
        (
            "extra/sad/0.png",
            "{root}: unknown folder 'extra'; the folders must be train, validation and test, so "
            "rename it or move it away.",
        ),
    ],
)
def test_unexpected_files_are_named(write_images, name, text):
    root = write_images(["train/sad/0.png", "val/sad/1.png", "test/sad/2.png"])
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"-")
    with pytest.raises(ValueError) as caught:
        load_fer2013(root)
    assert str(caught.value) == text.format(root=root)


@pytest.mark.parametrize("name", ["caf\udce9/0.png", "happy/caf\udce9.png"])
def test_names_that_are_no_text_are_refused(write_images, name):
    """Else the training would end at the first file that tells of them."""
    try:
        folder = write_images(["happy/1.png", "sad/1.png", name])
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    with pytest.raises(
        ValueError, match=r"^names of folders and images must be UTF-8, got .*caf\\udce9.*; rename it\.$"
    ):
        load_image_folder(folder, any_class=True)


def test_an_empty_split_folder_is_refused(write_images):
    root = write_images(["train/sad/0.png", "test/sad/2.png"])
    (root / "validation" / "sad").mkdir(parents=True)
    with pytest.raises(ValueError) as caught:
        load_fer2013(root)
    assert str(caught.value) == (
        f"{root}: the validation split has no images; every split needs at least one, so add images to it or "
        f"more images to train."
    )


def test_unreadable_and_truncated_images_are_named(write_images, make_face, encode):
    root = write_images(["train/sad/0.png", "val/sad/1.png", "test/sad/2.png"])
    (root / "train/sad/3.jpg").write_bytes(b"not a picture")
    (root / "train/sad/4.jpg").write_bytes(encode(make_face(0), "JPEG")[:-200])
    with pytest.raises(ValueError) as caught:
        load_fer2013(root)
    text = str(caught.value)
    assert text.startswith(f"{root}: 2 bad rows (file {root}/train/sad/3.jpg: cannot be read (")
    assert f"; file {root}/train/sad/4.jpg: cannot be read (image file is truncated" in text
    assert text.endswith("); restore these files from their source or delete them.")
