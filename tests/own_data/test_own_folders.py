"""Folders with classes of one's own: names, order, splits, and what is refused."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_hub.data import FERPLUS_EMOTIONS, decode_images, load_expressions, prepare
from fer_hub.data.prepared import public_name
from fer_hub.model import EMOTIONS


def write(root, *names, size=(48, 48)):
    """Image files under these names, each of a grey of its own."""
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, index).save(path)
    return root


def names_of(splits) -> list[str]:
    return splits["train"].features["label"].names


def three(*classes) -> list[str]:
    return [f"{name}/{index}.png" for name in classes for index in range(3)]


def error_of(*args, **options) -> str:
    with pytest.raises(ValueError) as caught:
        prepare(*args, **options)
    return str(caught.value)


def test_folder_names_are_the_classes_in_natural_order(crop_folder):
    splits = load_expressions(crop_folder)
    assert names_of(splits) == ["calm", "level 2", "level 10"]
    assert {name: np.bincount(split["label"][:]).tolist() for name, split in splits.items()} == {
        "train": [10, 10, 10],
        "validation": [1, 1, 1],
        "test": [1, 1, 1],
    }
    means = [
        decode_images(splits["train"])[np.array(splits["train"]["label"][:]) == index].mean() for index in range(3)
    ]
    assert np.allclose(means, [200, 60, 128], atol=3)  # colour, not square, larger: all became 48x48 grey


def test_splits_may_be_folders_and_classes_may_be_called_like_splits(tmp_path):
    splits = load_expressions(
        write(tmp_path / "a", *[f"{s}/{n}" for s in ("Train", "val", "test") for n in three("x", "y")])
    )
    assert names_of(splits) == ["x", "y"] and [len(split) for split in splits.values()] == [6, 6, 6]
    splits = load_expressions(write(tmp_path / "b", *three("test", "rest")))
    assert names_of(splits) == ["rest", "test"] and [len(split) for split in splits.values()] == [2, 2, 2]


@pytest.mark.parametrize("known", [EMOTIONS, FERPLUS_EMOTIONS])
def test_known_expressions_keep_their_order_under_any_usual_name(tmp_path, known):
    usual = {"angry": "Anger", "happy": "happiness", "sad": "Sadness", "surprise": "surprised", "fear": "afraid"}
    root = write(tmp_path / "faces", *three(*(usual.get(name, name) for name in known)))
    splits = load_expressions(root)
    assert names_of(splits) == list(known)
    first = decode_images(splits["train"].select([0]))[0, 0, 0]
    assert first // 3 == splits["train"]["label"][0]  # the grey counts the files in the order of `known`


def test_some_of_the_seven_are_classes_of_ones_own(tmp_path):
    assert names_of(load_expressions(write(tmp_path, *three("happy", "Anger")))) == ["Anger", "happy"]


def test_photographs_of_iphones_are_images_too(tmp_path):
    root = write(tmp_path, *three("x", "y"))
    shutil.copy(Path(__file__).parents[1] / "app" / "plain.heic", root / "x" / "IMG_1.HEIC")
    pixels = decode_images(prepare(root, wanted=["all"]).splits["all"])
    assert len(pixels) == 7 and pixels[3].max() > 5  # not one of the dark ones that `write` makes


def test_they_are_images_too_where_there_are_no_classes_and_what_is_none_is_named(tmp_path, caplog):
    root = write(tmp_path, "a.png", "more/b.png")
    shutil.copy(Path(__file__).parents[1] / "app" / "plain.heic", root / "IMG_1.HEIC")
    (root / "IMG_2.MOV").write_bytes(b"a film")
    with caplog.at_level(logging.WARNING, "fer_hub"):
        splits = prepare(root, wanted=["all"], labelled=False).splits
    assert len(decode_images(splits["all"])) == 2
    assert f"{root}: left out, as they are not images: 2, IMG_2.MOV, more" in caplog.messages


def test_what_was_done_is_accounted_for(tmp_path, crop_folder):
    prepared = prepare(crop_folder)
    assert prepared.about == {"name": "my_crops", "hub": False, "fer2013": False, "images": "crops",
                              "cut": ["validation", "test"]}  # fmt: skip
    assert prepared.photographs == {}
    root = write(tmp_path / "faces", *[f"{split}/{name}" for split in ("train", "test") for name in three("x", "y")])
    assert prepare(root).about["cut"] == ["validation"]
    assert prepare(root, wanted=["test"]).about["cut"] == []
    everything = prepare(root, wanted=["all"])
    assert list(everything.splits) == ["all"] and len(everything.splits["all"]) == 12


def test_fer2013_is_known_by_its_name_or_its_form(small_csv, tmp_path):
    seven = three(*EMOTIONS)
    assert prepare(small_csv).about["name"] == "FER-2013"
    assert prepare(write(tmp_path / "FER_2013", *seven)).about["fer2013"]
    mine = prepare(write(tmp_path / "my_faces", *seven)).about
    assert not mine["fer2013"] and mine["name"] == "my_faces"


def test_a_public_name_holds_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path / "secret place", *three("x", "y")))
    assert public_name(".") == "secret place" and public_name("owner/faces") == "owner/faces"


def test_too_small_classes_are_named(tmp_path):
    root = write(tmp_path / "faces", *three("x"), "y/0.png", "y/1.png", "z/0.png")
    assert error_of(root) == (
        f"{root}: every class needs at least 3 images in train, one each for train, validation and test; y has 2, z "
        "has 1. Add images (useful results need about fifty per class), or remove the class."
    )
    shutil.rmtree(root / "z")
    for name in ("x", "y"):
        (root / "train").mkdir(exist_ok=True)
        shutil.move(root / name, root / "train" / name)
    write(root, "val/x/0.png", "val/y/0.png")
    assert {name: len(split) for name, split in prepare(root).splits.items()} == {
        "train": 3,
        "validation": 2,
        "test": 2,
    }


def test_a_class_that_train_lacks_is_refused_and_one_that_test_lacks_is_said(tmp_path, caplog):
    root = write(
        tmp_path / "faces", *[f"{split}/{name}" for split in ("train", "val", "test") for name in three("x", "y")]
    )
    write(root, "train/z/0.png", "val/z/0.png")
    with caplog.at_level(logging.WARNING):
        prepare(root)
    assert f"{root}: no image of z in test, so it cannot be measured there" in [r.getMessage() for r in caplog.records]
    shutil.rmtree(root / "train" / "z")
    assert error_of(root) == (
        f"{root}: every class must have images in train, but z has none; add some, or remove the class from the other "
        "splits."
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x/broken.jpg", b"\xff\xd8\xff\xe0", "{root}: 1 bad row (file {root}/x/broken.jpg: cannot be read ("),
        ("x/notes.docx", b"-",
            "{root}: 1 bad row (file x/notes.docx: not an image file); images must be in one folder per class and end "
            "in .avif, .bmp, .gif, "),
        ("portrait.png", b"-", "{root}: 1 bad row (file portrait.png: not in the folder of a class); images must be "),
        ("x/deeper/0.png", b"-", "{root}: 1 bad row (file x/deeper: not an image file); images must be "),
    ],
)  # fmt: skip
def test_unexpected_files_are_named(tmp_path, name, content, sentence):
    root = write(tmp_path / "faces", *three("x", "y"))
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    assert error_of(root).startswith(sentence.format(root=root))


def test_one_class_is_too_few(tmp_path):
    root = write(tmp_path / "faces", *three("x"))
    assert error_of(root) == (
        f"{root}: there must be images of at least two classes, got x; a classifier needs at least two."
    )


def test_fer_plus_votes_do_not_fit_other_classes(tmp_path, crop_folder):
    votes = tmp_path / "fer2013new.csv"
    votes.write_text("-")
    assert error_of(crop_folder, ferplus_csv=votes) == (
        f"{crop_folder}: FER+ votes belong to the images of FER-2013, but this data set has the classes calm, level "
        "2, level 10; leave out ferplus_csv."
    )
    assert error_of(crop_folder, images="film") == (
        "images must be crops or photographs, got 'film'; choose one of the two."
    )


def test_an_image_that_says_it_lies_on_its_side_is_put_upright(tmp_path):
    upright = np.zeros((60, 40), np.uint8)
    upright[:30] = 255
    root = write(tmp_path / "faces", *three("x", "y"))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left
    Image.fromarray(np.rot90(upright)).save(root / "x" / "9.jpg", exif=exif, quality=95)
    everything = prepare(root, wanted=["all"]).splits["all"]
    pixels = decode_images(everything)[3]  # the fourth of x
    assert pixels[:20].min() > 240 and pixels[28:].max() < 15
