"""The arguments of `load_fer2013`, where it looks, the stratified cut, and decoding."""

import logging
from datetime import timedelta

import numpy as np
import pytest
from datasets import Dataset, Features, Image
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from fer_hub.data import decode_images, load_fer2013
from fer_hub.data.splits import cut
from fer_hub.model.image_processing_fer import FERImageProcessor

ACCEPTED = (
    "a Hub dataset id (owner/name), a folder or file of parquet, fer2013.csv or icml_face_data.csv or a "
    "folder that holds one, or an image folder train/<emotion>/*.jpg"
)


def error_of(kind, *args, **options) -> str:
    with pytest.raises(kind) as caught:
        load_fer2013(*args, **options)
    return str(caught.value)


def test_arguments_out_of_range_are_refused(tmp_path):
    assert error_of(TypeError, 3) == f"source must be a path or a Hub dataset id, got int; give {ACCEPTED}."
    for fraction in (0, 0.5, -1, float("nan")):
        assert error_of(ValueError, tmp_path, validation_fraction=fraction) == (
            f"validation_fraction must be above 0 and below 0.5, got {fraction}; 0.1 is usual."
        )
    assert error_of(ValueError, tmp_path, seed=-1) == "seed must be 0 or more, got -1; any such number will do."
    assert error_of(ValueError, tmp_path, revision="main") == (
        f"revision is for Hub datasets, got 'main' with the local path {tmp_path}; leave it out."
    )
    assert error_of(FileNotFoundError, tmp_path, ferplus_csv=tmp_path / "votes.csv") == (
        f"{tmp_path / 'votes.csv'}: no such file; ferplus_csv must be the path of FER+'s fer2013new.csv."
    )


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "data/fer2013.csv", "/no/where"])
def test_a_missing_path_that_is_not_a_hub_id_is_refused(name):
    assert error_of(FileNotFoundError, name) == f"{name}: no such file or folder; --data must be {ACCEPTED}."


def test_files_and_folders_of_another_kind_are_refused(tmp_path, write_kaggle, make_dataset):
    (tmp_path / "fer2013.npz").write_bytes(b"-")
    assert error_of(ValueError, tmp_path / "fer2013.npz") == (
        f"{tmp_path / 'fer2013.npz'}: --data must be {ACCEPTED}, got a file of another kind; convert it."
    )
    assert error_of(ValueError, tmp_path) == (
        f"{tmp_path}: --data must be {ACCEPTED}, got a folder with none of these; pass the folder or file that "
        "contains the data."
    )
    write_kaggle([(0, None, "Training")])
    make_dataset([0]).to_parquet(str(tmp_path / "train.parquet"))
    assert error_of(ValueError, tmp_path) == (
        f"{tmp_path}: --data must be one data set, got fer2013.csv and parquet files; pass the one to load."
    )


@settings(deadline=timedelta(seconds=2))
@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=200).map(np.array),
    parts=st.sampled_from([["validation"], ["test"], ["validation", "test"]]),
    fraction=st.floats(0.01, 0.49),
    seed=st.integers(0, 2**32),
)
def test_the_split_is_stratified_and_uses_every_row_once(labels, parts, fraction, seed):
    rows = cut(labels, parts, fraction, seed)
    assert list(rows) == ["train", *parts]
    assert np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(len(labels)))
    for name in parts:
        for label in np.unique(labels):
            count = int((labels == label).sum())
            share = int((labels[rows[name]] == label).sum())
            assert abs(share - count * fraction) <= 1
            assert share > 0 or count <= len(parts)
    again = cut(labels, parts, fraction, seed)
    assert all(np.array_equal(rows[name], again[name]) for name in rows)


def images_of(*encoded: bytes) -> Dataset:
    return Dataset.from_dict(
        {"image": [{"bytes": data, "path": None} for data in encoded]},
        features=Features({"image": Image()}),
        split="test",
    )


def test_decoding_keeps_the_pixels_and_the_order_of_the_rows(make_face, encode):
    split = images_of(*[encode(make_face(i)) for i in range(6)]).select([4, 0, 5])
    pixels = decode_images(split)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (3, 48, 48))
    assert np.array_equal(pixels, [make_face(4), make_face(0), make_face(5)])


def test_decoding_an_empty_split_gives_an_empty_array():
    assert decode_images(images_of(b"").select([]), size=32).shape == (0, 32, 32)


def pictures(make_face, encode):
    """Every kind of image file: encoded bytes by name."""
    grey = make_face(9, (60, 40))
    colour = PILImage.merge("RGB", [make_face(seed, (60, 40)) for seed in (0, 85, 170)])
    deep = PILImage.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = PILImage.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left
    return {
        "L": encode(grey),
        "RGB": encode(colour),
        "RGBA": encode(colour.convert("RGBA")),
        "LA": encode(grey.convert("LA")),
        "P": encode(colour.convert("P")),
        "1": encode(grey.convert("1")),
        "CMYK": encode(colour.convert("CMYK"), "JPEG"),
        "16 bit": encode(deep),
        "EXIF": encode(colour, "JPEG", exif=exif),
        "already 48": encode(make_face(3)),
    }


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "16 bit", "EXIF", "already 48"])
def test_decoding_matches_the_image_processor(tmp_path, make_face, encode, kind):
    """Training reads through `decode_images`, everything else through the image processor."""
    file = tmp_path / "image"
    file.write_bytes(pictures(make_face, encode)[kind])
    with PILImage.open(file) as image:
        seen = FERImageProcessor(do_rescale=False, do_normalize=False)(image).pixel_values[0][0]
    assert np.abs(decode_images(images_of(file.read_bytes()))[0] - np.asarray(seen, dtype=float)).max() <= 1


def test_sixteen_bits_are_divided_by_257(make_face, encode):
    deep = PILImage.fromarray(np.full((48, 48), 257 * 100, np.uint16))
    assert (decode_images(images_of(encode(deep))) == 100).all()


def test_another_size_is_made_by_bilinear_resizing(make_face, encode):
    made = make_face(0)
    expected = np.asarray(made.resize((24, 24), PILImage.Resampling.BILINEAR))
    assert np.array_equal(decode_images(images_of(encode(made)), size=24)[0], expected)


def test_an_unreadable_image_is_named_by_split_row_and_file(tmp_path, make_face, encode):
    good = encode(make_face(0))
    with pytest.raises(ValueError) as caught:
        decode_images(images_of(good, good[:-30]))
    assert str(caught.value).startswith(
        "test split, row 1 (from 0), file embedded in the dataset: the image cannot be read ("
    )
    assert str(caught.value).endswith("); replace or remove the image.")
    gone = tmp_path / "gone.png"
    split = Dataset.from_dict({"image": [str(gone)]}, features=Features({"image": Image()}))
    with pytest.raises(ValueError) as caught:
        decode_images(split)
    assert str(caught.value) == (
        f"unnamed split, row 0 (from 0), file {gone}: the image cannot be read ([Errno 2] No such file or directory: "
        f"'{gone}'); replace or remove the image."
    )


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_pixel_is_refused(size):
    with pytest.raises(ValueError) as caught:
        decode_images(images_of(), size=size)
    assert str(caught.value) == f"size must be at least 1 pixel, got {size}; FER-2013 images are 48."


def test_loading_leaves_the_root_logger_alone(tmp_path, make_dataset):
    before = list(logging.getLogger().handlers)
    make_dataset([0] * 20).to_parquet(str(tmp_path / "faces.parquet"))
    load_fer2013(tmp_path)
    assert logging.getLogger().handlers == before
