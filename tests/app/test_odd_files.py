"""Unusual images and files that are not images: a result or one sentence, as an upload and as base64."""

import base64
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"
META = {"_type": "gradio.FileData"}


def _data_url(data):
    return {"url": f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", "meta": META}


def _png(size):
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def still_good(http):
    """After every test of this file a valid request works."""
    yield
    event, answer = http.call("predict", http.upload(PORTRAIT.read_bytes(), "a.jpg"))
    assert (event, len(answer[0]["faces"])) == ("complete", 1)


def _exif_rotated():
    with Image.open(PORTRAIT) as image:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise for viewing
        stream = io.BytesIO()
        image.transpose(Image.Transpose.ROTATE_90).save(stream, "JPEG", exif=exif, quality=95)
    return stream.getvalue()


def _portrait_as(mode, kind, **options):
    with Image.open(PORTRAIT) as image:
        stream = io.BytesIO()
        image.convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _animated():
    with Image.open(PORTRAIT) as image:
        stream = io.BytesIO()
        image.save(stream, "GIF", save_all=True, append_images=[Image.new("RGB", image.size)] * 3)
    return stream.getvalue()


def _sixteen_bits():
    with Image.open(PORTRAIT) as image:
        grey = image.convert("L")
        stream = io.BytesIO()
        Image.frombytes("I;16", grey.size, b"".join(bytes((v, v)) for v in grey.tobytes())).save(stream, "PNG")
    return stream.getvalue()


def _transparent():
    with Image.open(PORTRAIT) as image:
        image = image.convert("RGBA")
        image.putalpha(Image.new("L", image.size, 200))
        stream = io.BytesIO()
        image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.gif", _animated), ("cmyk.jpg", lambda: _portrait_as("CMYK", "JPEG")), ("grey.png", _sixteen_bits),
        ("turned.jpg", _exif_rotated), ("glass.png", _transparent), ("palette.png", lambda: _portrait_as("P", "PNG")),
        ("a.webp", lambda: _portrait_as("RGB", "WEBP")), ("a.tiff", lambda: _portrait_as("RGB", "TIFF")),
        ("a.bmp", lambda: _portrait_as("RGB", "BMP")), ("no_ending", lambda: _portrait_as("RGB", "JPEG")),
        ("wrong.txt", lambda: _portrait_as("L", "JPEG")), ("<b>ä é😀.jpg", lambda: _portrait_as("RGB", "JPEG")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_unusual_images_are_read(http, name, make):
    event, told = http.call("predict", http.upload(make(), name))
    assert event == "complete", told
    [answer] = told
    assert (answer["width"], answer["height"], len(answer["faces"])) == (512, 512, 1)
    assert http.call("predict", _data_url(make()))[1][0] == answer  # base64 as well


def test_heic_photos_are_read(http):
    pytest.importorskip("pillow_heif", reason="needs pillow-heif to read HEIC")
    for name in ("IMG_1.HEIC", "photo"):
        event, told = http.call("predict", http.upload((Path(__file__).parent / "plain.heic").read_bytes(), name))
        assert event == "complete" and (told[0]["width"], told[0]["height"], told[0]["faces"]) == (64, 48, [])


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _lying_png():
    """A PNG whose header promises more rows than there are."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 600, 600, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(b"\0" * 100)) + _chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "start"),
    [
        ("empty.png", b"", "the file must be an image, but is empty."),
        ("letter.jpg", b"dear sir or madam", "the file must be an image of a known format"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "the file must be an image of a known"),
        ("cut.jpg", PORTRAIT.read_bytes()[:9000], "the file must be a complete image, but is cut off or damaged"),
        ("cut.png", _png((600, 600))[:300], "the file must be "),
        ("lying.png", _lying_png(), "the file must be a complete image"),
        ("head.gif", b"GIF89a", "the file must be an image"),
        ("page.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the file must be an image of a known"),
        ("page.pdf", b"%PDF-1.4\n", "the file must be an image of a known"),
        ("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "the file must be an image"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else "",
)  # fmt: skip
def test_files_that_are_not_images_are_refused_in_one_sentence(http, name, data, start):
    for file in (http.upload(data, name), _data_url(data)):
        sentence = http.refusal("predict", file)
        assert sentence.startswith(start)
        assert "\n" not in sentence and "Error" not in sentence


@pytest.mark.parametrize("url", ["data:image/png;base64,%%%", "data:image/png,plain", "data:", "data:;base64,"])
def test_damaged_data_urls_get_one_sentence(http, url):
    sentence = http.refusal("predict", {"url": url, "meta": META})
    assert sentence.startswith(("a data URL must contain base64, got", "the file must be an image, but is empty"))
