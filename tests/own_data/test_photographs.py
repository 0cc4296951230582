"""Photographs become the crops that the pipeline would make of them; those without a face are left out and listed."""

import csv
import io
import logging

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image

from fer_hub.data import decode_images, prepare, write_faces
from fer_hub.data.prepared import LEFT_OUT
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.framing import face_crop
from fer_hub.images import load_image
from fer_hub.model.image_processing_fer import to_grey
from tests.wording import says


@pytest.fixture(scope="module")
def found(photo_folder):
    """All photos of the folder, processed once."""
    return prepare(photo_folder, images="photographs", wanted=["all"])


def test_the_crops_are_those_of_the_pipeline(found, photo_folder):
    pixels = decode_images(found.splits["all"])
    assert pixels.shape == (8, 48, 48)
    files = [photo.file for photo in found.photographs["all"]]
    with FaceDetector() as detector:
        for file, crop in list(zip(files, pixels, strict=True))[::3]:
            photo = load_image(file)
            [face] = detector.detect(photo)
            assert np.array_equal(crop, to_grey(face_crop(photo, face, 48)))
    assert files == sorted(files) and all(str(photo_folder) in file for file in files)


def test_results_are_logged_and_counted(found, photo_folder):
    assert found.about["photographs"] == 9 and found.about["missed"] == 1
    [missed] = found.photographs[LEFT_OUT]
    assert (missed.file, missed.label, missed.face_count, missed.face) == (
        str(photo_folder / "bored/sky.jpg"),
        "bored",
        0,
        None,
    )
    assert {photo.label for photo in found.photographs["all"]} == {"attentive", "bored"}


def test_photos_without_a_face_are_logged(photo_folder, caplog, tmp_path):
    for name in ("attentive", "bored"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.jpg").symlink_to(photo_folder / name / "0.8-0.jpg")
    for index in range(7):
        Image.new("RGB", (64, 64), (10 * index, 0, 0)).save(tmp_path / "bored" / f"{index}.png")
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError) as caught:
        prepare(tmp_path, images="photographs")
    told = f"{tmp_path}: 7 of 9 photos without a face are left out: {tmp_path}/bored/0.png, "
    assert caplog.records[0].getMessage().startswith(told)
    assert caplog.records[0].getMessage().endswith(f"{tmp_path}/bored/4.png and 2 more")
    wanted = "... at least 3 images ... attentive has 1, bored has 1 (and 7 photos without a face). ..."
    assert says(str(caught.value), str(tmp_path) + wanted)


def test_faces_are_listed_in_a_table(found, tmp_path):
    write_faces(tmp_path / "faces.csv", found.photographs)
    rows = list(csv.DictReader((tmp_path / "faces.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["split"] for row in rows] == [LEFT_OUT] + ["all"] * 8
    assert rows[0] == {"file": rows[0]["file"], "split": LEFT_OUT, "class": "bored", "face_count": "0",
                       "detection_score": "", "xmin": "", "ymin": "", "xmax": "", "ymax": ""}  # fmt: skip
    for row in rows[1:]:
        assert row["face_count"] == "1" and float(row["detection_score"]) > 0.5
        assert 0 < float(row["xmin"]) < float(row["xmax"]) < 256


def test_a_sideways_photo_gives_the_upright_face(faces, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left
    for name, photo in zip(("x", "y"), faces.values(), strict=True):
        (tmp_path / name).mkdir()
        photo.save(tmp_path / name / "1.png")
        photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / name / "2.png", exif=exif)
    pixels = decode_images(prepare(tmp_path, images="photographs", wanted=["all"]).splits["all"])
    assert np.array_equal(pixels[0], pixels[1]) and np.array_equal(pixels[2], pixels[3])


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def parquet(path, contents):
    features = Features({"photo": ImageFeature(), "mood": ClassLabel(names=["calm", "wild"])})
    rows = {
        "photo": [{"bytes": data, "path": None} for data in contents],
        "mood": [i % 2 for i in range(len(contents))],
    }
    Dataset.from_dict(rows, features=features).to_parquet(str(path))
    return path


def test_photos_of_a_table_are_named_by_their_row(faces, tmp_path):
    photos = [encoded(photo) for photo in faces.values()]
    blank = encoded(Image.new("RGB", (64, 64)))
    found = prepare(parquet(tmp_path / "photos.parquet", [*photos, blank]), images="photographs", wanted=["all"])
    assert [photo.file for photo in found.photographs[LEFT_OUT]] == ["train, row 2"]
    assert found.about["name"] == "photos" and found.splits["all"]["label"][:] == [0, 1]


def test_an_unreadable_photo_is_named(faces, tmp_path):
    photos = [encoded(photo) for photo in faces.values()]
    with pytest.raises(ValueError) as caught:
        prepare(parquet(tmp_path / "photos.parquet", [*photos, photos[0][:-5000]]), images="photographs")
    assert str(caught.value).startswith(
        "train: 1 bad row (photograph train, row 2: the bytes must be a complete image, "
    )
    assert str(caught.value).endswith("replace or remove these photos.")


def test_no_face_at_all_is_an_error(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        Image.new("L", (48, 48)).save(tmp_path / name / "0.png")
    with pytest.raises(ValueError) as caught:
        prepare(tmp_path, images="photographs")
    assert str(caught.value) == (
        f"{tmp_path}: the photos must show faces, but no face was detected in any of 2; if the images already are "
        "face crops, load them as crops."
    )
