"""Files that are small but take far more work than a photo are refused before they are decoded."""

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import image_memory
from fer_hub.image_bounds import MAX_SCANS, MAX_STEPS, check_work, scans
from fer_hub.images import load_image


def encoded(kind: str, **options) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((64, 48)).save(stream, kind, **options)
    return stream.getvalue()


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated; every one of them is read over the whole image."""
    whole = encoded("JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * count + b"\xff\xd9"


def many_segments() -> bytes:
    whole = encoded("JPEG")
    return whole[:2] + b"\xff\xfe\0\2" * (MAX_STEPS + 1) + whole[2:]


def filled() -> bytes:
    whole = encoded("JPEG")
    return whole[:2] + b"\xff" * (MAX_STEPS + 1) + whole[2:]


def many_chunks() -> bytes:
    whole = encoded("PNG")
    empty = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    return whole[:33] + empty * (MAX_STEPS + 1) + whole[33:]


def many_blocks(each: bytes = b"\1a") -> bytes:
    whole = encoded("GIF")
    start = whole.index(b",", 13 + (3 << ((whole[10] & 7) + 1)))
    return whole[:start] + b"\x21\xfe" + each * (MAX_STEPS + 1) + b"\0" + whole[start:]


def many_extensions() -> bytes:
    whole = encoded("GIF")
    start = whole.index(b",", 13 + (3 << ((whole[10] & 7) + 1)))
    return whole[:start] + b"\x21\xfe\0" * (MAX_STEPS + 1) + whole[start:]


def many_strips(order: str = "<", magic: bytes = b"II*\0") -> bytes:
    """One grey pixel a row and a strip a row."""
    strips = MAX_STEPS + 1
    after = 8 + 2 + 12 * 9 + 4
    entries = [(256, 1, 1), (257, 1, strips), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, strips, after), (277, 1, 1),
               (278, 1, 1), (279, strips, after + 4 * strips)]  # fmt: skip
    directory = b"".join(struct.pack(f"{order}HHII", tag, 4, count, value) for tag, count, value in entries)
    numbers = struct.pack(f"{order}I", 8) * strips + struct.pack(f"{order}I", 1) * strips
    return magic + struct.pack(f"{order}IH", 8, len(entries)) + directory + bytes(4) + numbers


def run_lengths() -> bytes:
    pixels = b"\1\5" * 64 + b"\0\0"
    head = struct.pack("<IiiHHIIiiII", 40, 64, 1, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(pixels), 0, 0, 1078) + head + bytes(1024) + pixels


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (many_scans(MAX_SCANS), "at most 50 scans"),
        (many_segments(), "at most 20,000 segments"),
        (filled(), "at most 20,000 segments"),
        (many_chunks(), "at most 20,000 chunks"),
        (many_blocks(), "at most 4,000 blocks"),
        (many_extensions(), "at most 20,000 blocks"),
        (many_strips(), "at most 20,000 strips"),
        (many_strips(">", b"MM\0*"), "at most 20,000 strips"),
        (run_lengths(), "not be a BMP with run lengths"),
        (b"II+\0\x08\0\0\0", "not be a BigTIFF"),
    ],
    ids=["scans", "segments", "filling", "chunks", "blocks", "extensions", "strips", "strips, Motorola", "BMP",
         "BigTIFF"],
)  # fmt: skip
def test_more_work_than_a_photo_is_refused(data, sentence):
    with pytest.raises(ValueError, match=f"^the bytes must (have )?{sentence}") as caught:
        load_image(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["ICO", "JPEG2000", "PPM", "TGA", "DIB", "ICNS", "PCX", "SGI"])
def test_formats_of_no_photo_are_refused(kind):
    """An ICO of 688 kB takes 842 MB before Pillow refuses it; plain PPM and SGI are read in Python."""
    with pytest.raises(ValueError, match=r"^the bytes must be an image of a known format"):
        load_image(encoded(kind))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"comment": b"\xff\xda" * 100}), ("PNG", {}),
        ("GIF", {"comment": b"a" * 2000}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("BMP", {}),
        ("WEBP", {}), ("AVIF", {}), ("MPO", {"save_all": True, "append_images": [Image.new("RGB", (9, 9))] * 60}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "plain",
)  # fmt: skip
def test_photos_are_read(kind, options):
    assert load_image(encoded(kind, **options)).size == (64, 48)


def test_the_more_pixels_the_fewer_scans():
    """Each scan passes over all pixels: fifty over forty million of them take as long as thousands over a few."""
    whole = many_scans(5)
    start = whole.index(b"\xff\xc2") + 5
    huge = whole[:start] + struct.pack(">HH", 8000, 10_000) + whole[start + 4 :]
    with pytest.raises(ValueError, match=r"^the bytes must have at most 10 scans for its size, but has more"):
        check_work(huge, "the bytes")
    check_work(whole[:start] + struct.pack(">HH", 5000, 8000) + whole[start + 4 :], "the bytes")
    assert scans(whole) == 15 and scans(encoded("JPEG")) == scans(encoded("PNG")) == 1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux, which tells the highest memory")
def test_no_kind_of_image_takes_much_more_memory_than_its_pixels(tmp_path):
    """A photo as Pillow holds it has 4 bytes a pixel; it and its conversion to RGB are held at the same time."""
    size = (2500, 2000)
    made = {name: (image, kind, options) for name, image, kind, options in image_memory.photos(size)}
    for name in ("PNG, 16 bits", "TIFF, floats", "PNG, transparent", "WebP, lossless and transparent"):
        image, kind, options = made[name]
        image.save(tmp_path / "photo", kind, **options)
        found, memory, _ = image_memory.decoded(tmp_path / "photo")
        assert found == list(size) and memory * 1e6 < 5 * 4 * size[0] * size[1], (name, memory)


def test_what_follows_the_image_is_not_counted():
    """Phones append films, whose bytes can be anything."""
    assert load_image(encoded("JPEG") + b"\xff\xda\0\2" * 200).size == (64, 48)


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused_in_one_sentence():
    """A fixed number of cases; the seed of a failing one is in its message."""
    whole = [encoded(kind) for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "AVIF")]
    whole += [encoded("JPEG", progressive=True), many_blocks(b"\1a")[:3000]]
    for seed in range(400):
        chance = random.Random(seed)
        data = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 12)):
            at = chance.randrange(min(len(data), chance.choice((64, 600, len(data)))))
            data[at : at + chance.choice((0, 1, 4))] = chance.randbytes(chance.choice((0, 1, 1, 4, 40)))
        try:
            load_image(bytes(data), max_pixels=1_000_000)
        except ValueError as error:
            told = str(error)
            assert told.startswith("the bytes must ") and "\n" not in told, f"seed {seed}: {told!r}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


def test_the_walk_ends_for_any_bytes():
    starts = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"")
    for seed in range(600):
        chance = random.Random(seed)
        try:
            check_work(chance.choice(starts) + chance.randbytes(chance.randint(0, 400)), "the bytes")
        except ValueError as error:
            assert "must" in str(error), f"seed {seed}"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
