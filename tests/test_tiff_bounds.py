"""Exif data and TIFF files on which Pillow errs, in every kind of file that carries them, are refused in a sentence."""

import io
import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fer_hub.heic import register_heic
from fer_hub.images import load_image

BEGINNING = b"Exif\0\0"
DAMAGED = "the bytes must have intact metadata (Exif), but has not; save it anew."
UNSAFE = (
    "the bytes must not be a TIFF with tiles, JPEG compression or YCbCr colours, but is one; save it anew as JPEG or "
    "PNG."
)


def exif(entries: list[tuple[int, int, int, int]], order: str = "<", rest: bytes = b"") -> bytes:
    """A directory of (tag, type, number of values, value or offset), and what follows it."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 8) + directory(entries, order) + rest


def directory(entries: list[tuple[int, int, int, int]], order: str = "<") -> bytes:
    packed = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + struct.pack(f"{order}Hxx" if (kind, count) == (3, 1) else f"{order}I", value)
        for tag, kind, count, value in entries
    )
    return struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


def below(tag: int, kind: int = 4, count: int = 1, order: str = "<") -> bytes:
    """Exif data whose entries share their bytes in a directory below the first, which Pillow reads to turn a photo.

    Args:
        tag: the one that tells its place.
        kind: the type of the place.
        count: how often it is told; Pillow takes the first.
    """
    shared = directory(SHARED_ENTRIES, order)
    place = 8 + 2 + 12 * 2 + 4  # behind the first directory
    if count == 1:
        return exif([UPRIGHT, (tag, kind, 1, place)], order, shared + bytes(4000))
    places = struct.pack(f"{order}{count}I", *[place + 4 * count] * count)
    return exif([UPRIGHT, (tag, kind, count, place)], order, places + shared + bytes(4000))


UPRIGHT = (0x0112, 3, 1, 6)
"""Photographs lie on their side."""

SHARED_ENTRIES = [(0x9000 + number, 7, 6000, 8) for number in range(200)]

SHARED = exif([*SHARED_ENTRIES, UPRIGHT], rest=bytes(4000))
"""Of 6 kB, of which 1.2 MB would be read."""

BAD = {
    "shared": SHARED,
    "shared, Motorola": exif(SHARED_ENTRIES, ">", bytes(4000)),
    "begins again": BEGINNING * 4 + exif([UPRIGHT]),
    "twice the same": exif([UPRIGHT, UPRIGHT]),
    "shared below, Exif": below(0x8769),
    "shared below, GPS, Motorola": below(0x8825, order=">"),
    "shared below, of a short place": below(0x8769, kind=3),
    "shared below, of several places": below(0x8769, count=2),
    "shared, Intel's letters in Motorola's order": b"II\0*" + SHARED[4:],
    "shared, Motorola's letters in Intel's order": b"MM*\0" + exif(SHARED_ENTRIES, ">", bytes(4000))[4:],
    "shared, letters of a BigTIFF": b"MM\0+" + exif(SHARED_ENTRIES, ">", bytes(4000))[4:],
}


def photo() -> Image.Image:
    return Image.radial_gradient("L").convert("RGB").resize((64, 48))


def saved(kind: str, data: bytes = b"", **options) -> bytes:
    """A photo with these Exif data, which are written as they are."""
    if kind == "HEIF":
        register_heic()
    stream = io.BytesIO()
    if kind == "PNG, as text":
        told = PngInfo()
        told.add_text("Raw profile type exif", "\nexif\n1\n" + (BEGINNING + data).hex(), zip=True)
        photo().save(stream, "PNG", pnginfo=told)
    elif kind == "JPEG, in parts":
        whole = saved("JPEG")
        parts = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        segments = [b"\xff\xe1" + struct.pack(">H", 8 + len(part)) + BEGINNING + part for part in parts]
        stream.write(whole[:2] + b"".join(segments) + whole[2:])
    elif kind == "JPEG":
        whole = io.BytesIO()
        photo().save(whole, "JPEG", **options)
        segment = b"\xff\xe1" + struct.pack(">H", 8 + len(data)) + BEGINNING + data if data else b""
        stream.write(whole.getvalue()[:2] + segment + whole.getvalue()[2:])
    elif kind in ("AVIF", "HEIF"):  # whose writers look into Exif data: others of the same length are written
        other = exif([(0x010F, 3, 1, 1)], rest=b"#" * (len(data) - 26))
        photo().save(stream, kind, exif=BEGINNING + other)
        return stream.getvalue().replace(other, data)
    else:
        photo().save(stream, kind, **options | ({"exif": BEGINNING + data} if data else {}))
    return stream.getvalue()


CARRIERS = ("JPEG", "JPEG, in parts", "PNG", "PNG, as text", "WEBP", "AVIF", "HEIF")


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("bad", BAD)
def test_exif_data_that_cost_much_are_refused(carrier, bad):
    with pytest.raises(ValueError) as caught:
        load_image(saved(carrier, BAD[bad]))
    assert str(caught.value) == DAMAGED


@pytest.mark.parametrize(
    "data", [b"II*\0" * 101, exif([(number, 3, 1, 0) for number in range(4001)])], ids=["many", "long"]
)
def test_searching_for_exif_data_has_an_end(data):
    """What a file of millions of beginnings, or of thousands of entries after each, would cost."""
    with pytest.raises(ValueError) as caught:
        load_image(b"\0\0\0\x20ftypavif" + data)
    assert str(caught.value) == DAMAGED


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_photographs_are_turned_upright_as_before(carrier, order):
    below = directory([(0x829A, 5, 1, 62), (0x9000, 7, 4, 0)], order)  # which has its own values
    entries = [(0x010F, 2, 20, 62), UPRIGHT, (0x8769, 4, 1, 122), (0x8825, 4, 1, 0)]  # nothing is there of GPS
    good = exif(entries, order, b"a camera of somebody" * 3 + below)
    turned = carrier not in ("AVIF", "HEIF")  # which have a property of their own for it
    assert load_image(saved(carrier, good)).size == ((48, 64) if turned else (64, 48))


@pytest.mark.parametrize("carrier", ["JPEG", "PNG", "WEBP"])
def test_a_second_beginning_is_some_cameras_habit(carrier):
    assert load_image(saved(carrier, BEGINNING + exif([UPRIGHT]))).size == (48, 64)


def test_the_directory_of_a_jpegs_further_images_is_one_too():
    whole = saved("JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", 6 + len(SHARED)) + b"MPF\0" + SHARED
    with pytest.raises(ValueError) as caught:
        load_image(whole[:2] + segment + whole[2:])
    assert str(caught.value) == DAMAGED


def test_tiff_files_are_read():
    for options in (
        {},
        {"compression": "tiff_lzw"},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "packbits"},
    ):
        assert load_image(saved("TIFF", **options)).size == (64, 48)
    for mode in ("1", "L", "P", "I;16", "F", "RGBA", "CMYK", "LAB"):
        stream = io.BytesIO()
        image = photo().convert("RGB" if mode in ("LAB", "F", "I;16") else mode)
        (image if mode == "LAB" else image.convert("L").convert(mode) if mode in ("F", "I;16") else image).save(
            stream, "TIFF"
        )
        assert load_image(stream.getvalue()).size == (64, 48)


def test_kinds_of_tiff_that_are_decoded_unsafely_are_refused():
    stream = io.BytesIO()
    photo().convert("YCbCr").save(stream, "TIFF")
    tiled = exif([(256, 3, 1, 64), (257, 3, 1, 48), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (322, 3, 1, 16),
                  (323, 3, 1, 16), (324, 4, 12, 8), (325, 4, 12, 8)], rest=bytes(4000))  # fmt: skip
    for data in (stream.getvalue(), saved("TIFF", compression="jpeg"), tiled):
        with pytest.raises(ValueError) as caught:
            load_image(data)
        assert str(caught.value) == UNSAFE


@pytest.mark.parametrize("magic", [b"MM\0*", b"MM*\0"])
@pytest.mark.parametrize(
    ("kind", "count", "sentence"), [(4, 1, UNSAFE), (4, 3, UNSAFE), (11, 1, DAMAGED)], ids=["long", "three", "float"]
)
def test_colours_of_a_tiff_are_recognised_in_every_type(magic, kind, count, sentence):
    """Pillow takes the first of several, and 6.0 for 6."""
    values = struct.pack(">3I", 6, 6, 6) + struct.pack(">3H", 8, 8, 8) + bytes(64 * 48 * 4)
    value = {(4, 1): 6, (4, 3): 134, (11, 1): 0x40C00000}[kind, count]
    data = exif([(256, 3, 1, 64), (257, 3, 1, 48), (258, 3, 3, 146), (259, 3, 1, 1), (262, kind, count, value),
                 (273, 4, 1, 152), (277, 3, 1, 3), (278, 3, 1, 48), (279, 4, 1, 64 * 48 * 4), (284, 3, 1, 1)],
                ">", values)  # fmt: skip
    with pytest.raises(ValueError) as caught:
        load_image(magic + data[4:])
    assert str(caught.value) == sentence


def test_a_tag_of_a_tiff_has_one_value():
    """Pillow would read the last one, and the library that decodes for it the first."""
    whole = exif([(256, 3, 1, 64), (257, 3, 1, 48), (262, 3, 1, 1), (262, 3, 1, 2)], rest=bytes(4000))
    with pytest.raises(ValueError) as caught:
        load_image(whole)
    assert str(caught.value) == DAMAGED


def test_shared_entries_of_a_tiff_are_refused():
    whole = exif([(256, 3, 1, 64), (257, 3, 1, 48), *((0x9000 + n, 7, 6000, 8) for n in range(200))], rest=bytes(6000))
    with pytest.raises(ValueError) as caught:
        load_image(whole)
    assert str(caught.value) == DAMAGED


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_jpeg_has_one_size(where):
    """Before Pillow 13 lines wider than the image would be written beyond it (GHSA-8g5g-8vmr-9782)."""
    whole = saved("JPEG")
    start = whole.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(whole[start + 2 : start + 4], "big")
    wide = whole[start : start + 5] + struct.pack(">HH", 48, 640) + whole[start + 9 : end]
    at = start if where == "before" else end
    with pytest.raises(ValueError) as caught:
        load_image(whole[:at] + wide + whole[at:])
    assert str(caught.value) == "the bytes must have one size, but is a JPEG with two; save it anew."
