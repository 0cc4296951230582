"""Kaggle's CSV files: pixels as text, `Usage` as the split."""

import numpy as np
import pytest

from fer_hub.data import decode_images, load_fer2013

ROWS = [(0, None, "Training"), (3, None, "PublicTest"), (6, None, "Training"), (5, None, "PrivateTest")]
CLASSES = "must be 0 to 6 or angry, disgust, fear, happy, sad, surprise, neutral"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "header", "order"),
    [
        ("fer2013.csv", ("emotion", "pixels", "Usage"), (0, 1, 2)),
        ("icml_face_data.csv", ("emotion", " Usage", " pixels"), (0, 2, 1)),
        ("fer2013/fer2013.csv", ("emotion", "pixels", "Usage"), (0, 1, 2)),
    ],
)
def test_both_kaggle_files_load_alone_and_from_their_folder(
    tmp_path, write_kaggle, make_face, name, header, order, end
):
    file = write_kaggle(ROWS, name, header, order)
    file.write_bytes(file.read_bytes().replace(b"\n", end.encode()))
    for source in (file, str(file), tmp_path):
        splits = load_fer2013(source)
        assert {name: (split["label"][:], split["row"][:]) for name, split in splits.items()} == {
            "train": ([0, 6], [0, 2]),
            "validation": ([3], [1]),
            "test": ([5], [3]),
        }
        assert splits["train"].column_names == ["image", "label", "row"]
        assert np.array_equal(decode_images(splits["train"]), [make_face(0), make_face(2)])


def test_a_file_without_usage_is_all_train_and_has_no_row(write_kaggle):
    file = write_kaggle([(0, None)] * 20, "train.csv", ("emotion", "pixels"))
    splits = load_fer2013(file, validation_fraction=0.1)
    assert {name: len(split) for name, split in splits.items()} == {"train": 16, "validation": 2, "test": 2}
    assert splits["train"].column_names == ["image", "label"]


@pytest.mark.parametrize("space", ["\t", "  ", "\n"])
def test_pixels_may_stand_apart_in_any_way(write_kaggle, make_face, space):
    pixels = space.join(map(str, np.asarray(make_face(0)).ravel()))
    file = write_kaggle([(3, f'"{pixels}"', "Training"), *ROWS])
    assert np.array_equal(decode_images(load_fer2013(file)["train"])[0], make_face(0))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((0, " ".join(["7"] * 2303), "Training"), "2303 pixels, must be 2304 (48 x 48)"),
        ((0, " ".join(["7"] * 2305), "Training"), "2305 pixels, must be 2304 (48 x 48)"),
        ((0, "", "Training"), "0 pixels, must be 2304 (48 x 48)"),
        (
            (0, " ".join(["7"] * 2303 + ["256"]), "Training"),
            "pixel value 256, must be whole numbers from 0 to 255",
        ),
        ((0, " ".join(["-1"] * 2304), "Training"), "pixel value '-1', must be whole numbers from 0 to 255"),
        ((0, " ".join(["1.5"] * 2304), "Training"), "pixel value '1.5', must be whole numbers from 0 to 255"),
        (
            (0, " ".join(["9" * 30] * 2304), "Training"),
            "pixel value 9223372036854775807, must be whole numbers from 0 to 255",
        ),
        ((7, None, "Training"), f"emotion '7', {CLASSES}"),
        (("calm", None, "Training"), f"emotion 'calm', {CLASSES}"),
        ((0, None, "Holdout"), "Usage 'Holdout', must be Training, PublicTest or PrivateTest"),
        ((0, None), "2 of 3 fields"),
    ],
)
def test_a_bad_row_is_reported_with_its_line(write_kaggle, row, text):
    file = write_kaggle([ROWS[0], row, *ROWS[1:]])
    with pytest.raises(ValueError) as caught:
        load_fer2013(file)
    assert str(caught.value) == (f"{file}: 1 bad row (line 3: {text}); correct these lines or download the file again.")


def test_a_truncated_last_row_is_refused(write_kaggle):
    file = write_kaggle(ROWS)
    file.write_text(file.read_text()[:-1000])
    with pytest.raises(ValueError) as caught:
        load_fer2013(file)
    assert str(caught.value) == (
        f"{file}: 1 bad row (line 5: 2 of 3 fields); correct these lines or download the file again."
    )


def test_many_bad_rows_are_counted_and_the_first_five_named(write_kaggle):
    file = write_kaggle([*ROWS, *[(8, None, "Training")] * 5, (0, "1 2", "Training"), (0, None)])
    with pytest.raises(ValueError) as caught:
        load_fer2013(file)
    told = "; ".join(f"line {line}: emotion '8', {CLASSES}" for line in range(6, 11))
    assert str(caught.value) == (
        f"{file}: 7 bad rows ({told}; and 2 more); correct these lines or download the file again."
    )


def test_a_usage_without_images_is_cut_from_train(write_kaggle):
    splits = load_fer2013(write_kaggle([*ROWS[:2], *[ROWS[2]] * 19]), validation_fraction=0.1)
    assert {name: len(split) for name, split in splits.items()} == {"train": 18, "validation": 1, "test": 2}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            b"emotion,Usage\n0,Training\n",
            "missing column 'pixels'; the columns must be emotion, pixels, got emotion, usage.",
        ),
        (
            b"",
            "the file must begin with a line of column names, got an empty line or file; download it again.",
        ),
        (b"emotion,pixels,pixels\n", "column 'pixels' appears twice; remove one."),
        (b"emotion,pixels,Usage\n", "there are no images; pass the folder or file that contains them."),
        (
            b'emotion,pixels,Usage\n0,"1 2 3,Training\n',
            "line 2 is not CSV text (unexpected end of data); download the file again.",
        ),
        (
            b"\x1f\x8b\x08\x00",
            "not a CSV text file ('utf-8' codec can't decode byte 0x8b in position 1: invalid "
            "start byte); unpack or download it again.",
        ),
    ],
)
def test_a_file_that_is_not_kaggles_is_refused(tmp_path, content, text):
    file = tmp_path / "fer2013.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        load_fer2013(file)
    assert str(caught.value) == f"{file}: {text}"
