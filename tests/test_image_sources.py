"""The forms in which people have images: each gives the same image, and what is none is refused in one sentence."""

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from fer_hub import load_image
from fer_hub.image_sources import each, is_several

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
TENSOR = torch.from_numpy(PIXELS).permute(2, 0, 1)
FILE = io.BytesIO()
Image.fromarray(PIXELS).save(FILE, "PNG")
CONTENT = FILE.getvalue()
BASE64 = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "source",
    [
        io.BytesIO(CONTENT), BASE64, f"data:image/png;base64,{BASE64}", "DATA:;base64," + BASE64,
        "\n".join(BASE64[start : start + 76] for start in range(0, len(BASE64), 76)),
        TENSOR, TENSOR.double() / 255, (TENSOR / 255).requires_grad_(), TENSOR.contiguous(),
        (TENSOR.int() * 257).to(torch.uint16),
        {"image": Image.fromarray(PIXELS), "label": 3}, {"label": 3, "img": TENSOR},
        {"photo": {"bytes": CONTENT, "path": "x"}},
        {"bytes": CONTENT, "path": None},
        BASE64.encode(), bytearray(f"data:image/png;base64,{BASE64}", "ascii"), BASE64.rstrip("="),
        base64.urlsafe_b64encode(CONTENT).decode(), base64.urlsafe_b64encode(CONTENT).rstrip(b"="),
        np.frombuffer(CONTENT, np.uint8), PIXELS.astype(np.uint16) * 257,
    ],
)  # fmt: skip
def test_every_form_gives_the_same_image(source):
    assert np.array_equal(np.asarray(load_image(source)), PIXELS)


def test_grey_and_half_precision_tensors():
    grey = torch.from_numpy(PIXELS[:, :, 0])
    for source in (grey, grey[None], (grey / 255).to(torch.bfloat16)):
        assert np.abs(np.asarray(load_image(source), int)[:, :, 1] - PIXELS[:, :, 0]).max() <= 1


def test_an_open_file_is_read_and_left_open(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(CONTENT)
    with open(path, "rb") as file:
        assert load_image(file).size == (30, 20) and not file.closed
    assert load_image({"path": str(path), "bytes": None}).size == (30, 20)


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        (io.StringIO("x"), TypeError, "a file with an image must be open in binary mode, but reading it gave str; "),
        ("data:image/png,abc", ValueError, "a data: URL with an image must be data:image/...;base64,..., got "),
        ("data:image/png;base64,a", ValueError, "the base64 of an image must be complete, but cannot be decoded ("),
        (BASE64[:-3], ValueError, "the base64 of an image must be complete, but cannot be decoded ("),
        (torch.zeros(20, 30, 3), ValueError, "an image tensor must have the shape (height, width) or "),
        (torch.zeros(3, 4, 4) + 7, ValueError, "a float image array must have values from 0 to 1, got 7 to 7; divide"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), TypeError, "an image array must be uint8, uint16 or float, got "),
        (torch.full((3, 4, 4), torch.nan), ValueError, "a float image array must have values from 0 to 1, but some a"),
        (np.full((4, 4), np.inf), ValueError, "a float image array must have values from 0 to 1, but some are infinit"),
        ({"image": [PIXELS] * 2}, TypeError, "the row of a data set must have one image under image, got 2, "),
        ({"label": 3}, ValueError, "the row of a data set must have its image under image, img, photo, pict"),
        ({"image": None}, ValueError, "the row of a data set must have its image under image, img, photo, pict"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_one_sentence(source, kind, sentence):
    with pytest.raises(kind) as caught:
        load_image(source)
    assert str(caught.value).startswith(sentence)


def test_a_mask_is_black_and_white():
    assert np.unique(load_image(PIXELS[:, :, 0] > 127)).tolist() == [0, 255]


def test_an_entry_of_a_folder_is_a_path(tmp_path):
    (tmp_path / "a.png").write_bytes(CONTENT)
    with os.scandir(tmp_path) as entries:
        assert [load_image(entry).size for entry in entries] == [(30, 20)]


class Upload:
    """As FastAPI's UploadFile."""

    async def read(self):
        raise AssertionError("nobody waits for it")


def test_a_file_that_is_read_with_await_is_refused(recwarn):
    with pytest.raises(TypeError) as caught:
        load_image(Upload())
    assert str(caught.value) == (
        "a file with an image must be read without await, got Upload; pass await file.read() instead."
    )
    assert not recwarn.list  # of a coroutine that was never awaited


def test_an_image_may_be_read_by_many_threads_at_once(tmp_path):
    """Pillow decodes it when it is asked for, with one place in the file for all."""
    exif = Image.Exif()
    exif[0x112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg", exif=exif)
    barrier = Barrier(8)

    def read(image):
        barrier.wait()
        return load_image(image)

    expected = load_image(tmp_path / "a.jpg")
    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            with Image.open(tmp_path / "a.jpg") as image:
                assert all(found == expected for found in threads.map(read, [image] * 8))


@pytest.mark.parametrize("close", ["its file", "itself"])
def test_a_closed_image_is_called_closed(tmp_path, close):
    (tmp_path / "a.png").write_bytes(CONTENT)
    if close == "itself":
        image = Image.new("L", (3, 3))
        image.close()
    else:
        with Image.open(tmp_path / "a.png") as image:
            pass
    with pytest.raises(ValueError) as caught:
        load_image(image)
    assert str(caught.value) == (
        "the image must be open, but it or its file was closed before its pixels were read; use it inside its with "
        "block, or pass the path."
    )


def test_a_name_that_looks_like_base64_is_a_name():
    with pytest.raises(FileNotFoundError, match=r"there is no such file\.$"):
        load_image("a" * 80)


def test_one_and_several():
    one = [PIXELS, TENSOR, CONTENT, "a.jpg", Path("a.jpg"), Image.new("L", (2, 2)), {"image": 1}, io.BytesIO(), 3, None]
    assert [is_several(each) for each in one] == [False] * len(one)
    batch = PIXELS[None]
    for several in ([PIXELS], (PIXELS,), iter([PIXELS]), (x for x in [PIXELS]), batch, torch.from_numpy(batch)):
        assert is_several(several) and np.array_equal(np.asarray(next(each(several))), PIXELS)
    ragged = np.empty(2, object)
    ragged[0], ragged[1] = PIXELS, PIXELS[:9]
    for several in (np.array(["a.jpg", "b.jpg"]), np.array([Path("a.jpg")]), ragged):
        assert is_several(several) and len([*each(several)]) == len(several)
    with pytest.raises(TypeError) as caught:
        each(pandas.DataFrame({"path": ["a.jpg"], "label": ["happy"]}))
    assert str(caught.value) == (
        "images must be one column of a table, got DataFrame with the columns path, label; pass table[name]."
    )
    with pytest.raises(
        TypeError, match=r"^images must be several, as a list, .*, got bytes; put a single one in a list\.$"
    ):
        each(CONTENT)
