"""The forms in which people have images: each gives the same image, and what is none is refused in one sentence."""

import base64
import io
from pathlib import Path

import numpy as np
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
        ({"label": 3}, ValueError, "the row of a data set must have its image under image, img, photo, pict"),
        ({"image": None}, ValueError, "the row of a data set must have its image under image, img, photo, pict"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_one_sentence(source, kind, sentence):
    with pytest.raises(kind) as caught:
        load_image(source)
    assert str(caught.value).startswith(sentence)


def test_a_name_that_looks_like_base64_is_a_name():
    with pytest.raises(FileNotFoundError, match=r"there is no such file\.$"):
        load_image("a" * 80)


def test_one_and_several():
    one = [PIXELS, TENSOR, CONTENT, "a.jpg", Path("a.jpg"), Image.new("L", (2, 2)), {"image": 1}, io.BytesIO(), 3, None]
    assert [is_several(each) for each in one] == [False] * len(one)
    batch = PIXELS[None]
    for several in ([PIXELS], (PIXELS,), iter([PIXELS]), (x for x in [PIXELS]), batch, torch.from_numpy(batch)):
        assert is_several(several) and np.array_equal(np.asarray(next(each(several))), PIXELS)
    with pytest.raises(
        TypeError, match=r"^images must be several, as a list, .*, got bytes; put a single one in a list\.$"
    ):
        each(CONTENT)
