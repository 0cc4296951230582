"""Loading: every kind of source and mode gives upright RGB; anything else is refused with one clear sentence."""

import asyncio
import contextlib
import io
import struct
import subprocess
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_hub import images
from fer_hub.fetching import is_public
from fer_hub.images import crop, load_image
from fer_hub.model.image_processing_fer import to_grey
from tests.wording import says

RED, WHITE = (255, 0, 0), (255, 255, 255)
KINDS = (
    "a PIL image, a path, an http(s) or data: URL, base64, the bytes of an image file, a file open in binary mode, a "
    "numpy array in RGB order, a torch tensor or the row of a data set"
)
SHAPES = "(height, width), (height, width, 1), (height, width, 3) or (height, width, 4)"


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture
def photo() -> Image.Image:
    """30x20 pixels, red but for a blue corner on the upper left."""
    image = Image.new("RGB", (30, 20), RED)
    image.paste((0, 0, 255), (0, 0, 10, 10))
    return image


HEIC = Path(__file__).parent / "app" / "plain.heic"
"""A photo of one colour as written by an iPhone, 64x48 pixels."""


def test_heic_photos_are_read():
    pytest.importorskip("pillow_heif", reason="needs pillow-heif to read HEIC")
    for source in (HEIC, str(HEIC), HEIC.read_bytes()):
        assert load_image(source).size == (64, 48)


@pytest.mark.parametrize("real", [(64, 64), (5000, 4032)])
def test_heic_whose_header_lies_about_its_size_is_refused(real):
    """Were the decoder to trust the pixels instead, a small file would take any amount of memory."""
    pytest.importorskip("pillow_heif", reason="needs pillow-heif to read HEIC")
    load_image(HEIC)
    told = (5000, 4032) if real == (64, 64) else (64, 64)
    honest = encoded(Image.new("RGB", real), "HEIF", quality=10)
    assert honest.count(struct.pack(">II", *real)) == 1
    with pytest.raises(ValueError, match=r"^the bytes must be a complete image, but is cut off or damaged"):
        load_image(honest.replace(struct.pack(">II", *real), struct.pack(">II", *told)))


def test_without_pillow_heif_the_sentence_names_it():
    code = "import sys; sys.modules['pillow_heif'] = None; import fer_hub; fer_hub.load_image(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, HEIC], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ValueError: the file {HEIC} is HEIC, which needs pillow-heif, and that is not installed; "
        "run pip install pillow-heif, or convert the photo to JPEG."
    )


def test_every_kind_of_source_gives_the_same_photo(photo, tmp_path):
    path = tmp_path / "photo.png"
    photo.save(path)
    expected = np.asarray(photo)
    for source in (photo, path, str(path), path.read_bytes(), bytearray(path.read_bytes()), expected):
        loaded = load_image(source)
        assert loaded.mode == "RGB"
        assert np.array_equal(np.asarray(loaded), expected)


def test_the_result_is_a_copy_without_metadata(photo):
    photo.info["comment"] = "where I live"
    loaded = load_image(photo)
    loaded.putpixel((0, 0), WHITE)
    assert photo.getpixel((0, 0)) == (0, 0, 255)
    assert loaded.info == {}


def test_a_file_on_disk_can_be_removed_at_once(photo, tmp_path):
    path = tmp_path / "photo.jpg"
    photo.save(path)
    loaded = load_image(path)
    path.unlink()
    assert loaded.getpixel((29, 19))[0] > 250


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(photo, orientation):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = photo.transpose(turns[orientation]) if orientation in turns else photo
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, exif=exif.tobytes())
    for source in (data, Image.open(io.BytesIO(data))):
        loaded = load_image(source)
        assert np.array_equal(np.asarray(loaded), np.asarray(photo))
        assert np.array_equal(np.asarray(load_image(loaded)), np.asarray(photo))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0MM\0*\0\0\xff\x08"])
def test_broken_exif_does_not_hide_the_photo(photo, exif):
    assert load_image(encoded(photo, "JPEG", exif=exif)).size == photo.size


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "LA"])
def test_every_mode_keeps_the_brightness(mode):
    grey = Image.new("RGB", (8, 8), WHITE)
    grey.paste((0, 0, 0), (0, 0, 4, 8))
    loaded = np.asarray(load_image(grey.convert(mode))).astype(int)
    assert np.abs(loaded - np.asarray(grey)).max() <= 2


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_16_bit_grey_is_scaled_not_clipped(dtype):
    values = np.array([[0, 257 * 100], [257 * 200, 65535]], dtype)
    expected = [[0, 100], [200, 255]]
    assert np.asarray(load_image(Image.fromarray(values)))[:, :, 0].tolist() == expected
    assert np.asarray(load_image(encoded(Image.fromarray(values.astype("<u2")))))[:, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_grey_modes_are_understood_by_their_range(mode):
    for values, expected in (([0, 255], [0, 255]), ([0, 65535], [0, 255])):
        image = Image.new(mode, (2, 1))
        image.putdata(values)
        assert np.asarray(load_image(image))[0, :, 0].tolist() == expected
    unit = Image.new("F", (2, 1))
    unit.putdata([0.0, 1.0])
    assert np.asarray(load_image(unit))[0, :, 0].tolist() == [0, 255]


def hidden_red(kind: str) -> Image.Image:
    """Wholly transparent images whose hidden colour is red or black."""
    if kind == "RGBA":
        return Image.new("RGBA", (4, 4), (*RED, 0))
    if kind == "LA":
        return Image.new("LA", (4, 4), (0, 0))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([*RED, 0, 0, 0])
    palette.info["transparency"] = 0
    return palette if kind == "P" else palette.convert("PA")


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "PA"])
def test_transparency_is_composited_over_white(kind):
    assert load_image(hidden_red(kind)).getpixel((1, 1)) == WHITE


def test_transparent_files_are_composited_over_white():
    assert load_image(encoded(hidden_red("P"), transparency=0)).getpixel((1, 1)) == WHITE
    assert load_image(encoded(Image.new("RGB", (4, 4), RED), transparency=RED)).getpixel((1, 1)) == WHITE


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 255, 0))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).getpixel((0, 0)) == RED


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((4, 6), 128, np.uint8), (128, 128, 128)),
        (np.full((4, 6, 1), 128, np.uint8), (128, 128, 128)),
        (np.full((4, 6, 3), RED, np.uint8), RED),
        (np.full((4, 6, 4), (*RED, 255), np.uint8), RED),
        (np.full((4, 6, 4), (*RED, 0), np.uint8), WHITE),
        (np.full((4, 6), 257 * 9, np.uint16), (9, 9, 9)),
        (np.full((4, 6), 255, np.uint16), (1, 1, 1)),  # dark, whatever else is in the picture
        (np.full((4, 6, 3), 1.0), WHITE),
        (np.full((4, 6, 3), 0.5, np.float32), (128, 128, 128)),
        (np.full((4, 6), 1.0000004, np.float16), WHITE),
        (np.full((6, 4, 3), RED, np.uint8).transpose(1, 0, 2), RED),
        (np.full((4, 6, 3), RED, np.uint8)[:, ::-1, ::-1], (0, 0, 255)),
    ],
)
def test_arrays(array, pixel):
    loaded = load_image(array)
    assert loaded.size == (6, 4)
    assert loaded.getpixel((0, 0)) == pixel


def png_header(width: int, height: int) -> bytes:
    """A PNG with a size in its header but no data: reading the header must be enough to refuse it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">II", zlib.crc32(chunk), 9)
        + b"IDAT"
    )


NOT_AN_IMAGE = (
    "the bytes must be an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, ...), but is not or is "
    "damaged; convert it to JPEG or PNG."
)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (3.5, TypeError, f"an image must be {KINDS}, got float; convert it to one of these."),
        (None, TypeError, f"an image must be {KINDS}, got NoneType; convert it to one of these."),
        (b"", ValueError, "the bytes must be an image, but is empty."),
        (b"not an image", ValueError, NOT_AN_IMAGE),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", ValueError, NOT_AN_IMAGE),
        (
            png_header(9000, 9000),
            ValueError,
            "the bytes must have at most 80,000,000 pixels, got 9000x9000; make it smaller or raise max_pixels.",
        ),
        (
            png_header(90000, 90000),
            ValueError,
            "the bytes must have at most 80,000,000 pixels, got more; make it smaller or raise max_pixels.",
        ),
        ("no/such.jpg", FileNotFoundError, f"an image must be {KINDS}, got 'no/such.jpg'; there is no such file."),
        (
            "x" * 5000,
            FileNotFoundError,
            f"an image must be {KINDS}, got '{'x' * 200}...'; there is no such file.",
        ),
        ("file:///etc/hosts", ValueError, "a URL must start with http:// or https://, got 'file:///etc/hosts'."),
        (
            np.zeros((2, 4, 4, 3), np.uint8),
            ValueError,
            f"an image array must have the shape {SHAPES}, got (2, 4, 4, 3); give one image, channels last.",
        ),
        (
            np.zeros((3, 8, 8), np.uint8),
            ValueError,
            f"an image array must have the shape {SHAPES}, got (3, 8, 8); give one image, channels last.",
        ),
        (
            np.zeros((0, 8), np.uint8),
            ValueError,
            f"an image array must have the shape {SHAPES}, got (0, 8); give one image, channels last.",
        ),
        (
            np.zeros((4, 4), np.int64),
            TypeError,
            "an image array must be uint8, uint16 or float, got int64; values from 0 to 255 convert with "
            "array.astype('uint8').",
        ),
        (
            np.full((4, 4), 200.0),
            ValueError,
            "a float image array must have values from 0 to 1, got 200 to 200; divide values from 0 to 255 by 255.",
        ),
        (
            np.full((4, 4), np.nan),
            ValueError,
            "a float image array must have values from 0 to 1, but some are NaN; replace them.",
        ),
        (Image.new("L", (0, 5)), ValueError, "the image must have at least one pixel, got 0x5 pixels."),
        (
            Image.new("I", (2, 2), -1),
            ValueError,
            "the image must have grey values from 0 to 65535, got -1 to -1; rescale them.",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_invalid_sources_are_refused_in_one_sentence(source, kind, message):
    with pytest.raises(kind) as error:
        load_image(source)
    assert str(error.value) == message


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError) as error:
        load_image(tmp_path)
    assert str(error.value) == (
        f"an image must be a file, got {str(tmp_path)!r}, which is a folder; pass a file in it."
    )


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_file_is_refused(file_format, tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    path = tmp_path / "cut"
    data = encoded(noise, file_format)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut off or damaged|is not or is damaged") as error:
        load_image(path)
    assert str(error.value).startswith(f"the file {path} must be ")


def test_the_limit_can_be_raised_and_lowered(photo):
    assert load_image(photo, max_pixels=600).size == (30, 20)
    with pytest.raises(ValueError, match=r"^the image must have at most 599 pixels, got 30x20;"):
        load_image(photo, max_pixels=599)


class Server(BaseHTTPRequestHandler):
    """Responds according to the requested path."""

    release = threading.Event()

    def do_GET(self):
        if self.path == "/missing":
            return self.send_error(404)
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            return self.end_headers()
        if self.path == "/no-http":
            self.wfile.write(b"HTTP/1.1 abc\r\n\r\n")
            return None
        if self.path == "/drip-headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            with contextlib.suppress(OSError):
                while not self.release.wait(0.05):
                    self.wfile.write(b"x")
            return None
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow":
            self.release.wait(30)
        elif self.path == "/drip":
            with contextlib.suppress(OSError):  # the client has had enough
                while not self.release.wait(0.05):
                    self.wfile.write(b"x")
        elif self.path == "/text":
            self.wfile.write(b"<html></html>")
        else:
            self.wfile.write(encoded(Image.new("RGB", (30, 20), RED)))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    Server.release.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_url_is_read(server):
    assert load_image(f"{server}/photo.png").getpixel((3, 3)) == RED
    assert load_image(f"{server}/to?/photo.png").size == (30, 20)


def test_urls_without_a_photo_are_refused(server):
    cases = [
        ("/missing", {}, ConnectionError, "{url} must be a readable image, but the server returned 404."),
        ("/text", {}, ValueError, "the file at {url} must be an image of a known format (JPEG, PNG, WebP, GIF, BMP, "
            "TIFF, AVIF, ...), but is not or is damaged; convert it to JPEG or PNG."),
        ("/photo.png", {"max_bytes": 50}, ValueError, "the file at {url} must have at most 50 bytes, but has more."),
        ("/slow", {"timeout": 0.2}, TimeoutError,
            "{url} must respond within 0.2 seconds, but did not; try again later."),
        ("/drip", {"timeout": 0.3}, TimeoutError,  # never silent for long, and never done
            "{url} must respond within 0.3 seconds, but did not; try again later."),
        ("/drip-headers", {"timeout": 0.3}, TimeoutError,
            "{url} must respond within 0.3 seconds, but did not; try again later."),
        ("/no-http", {}, ConnectionError,
            "{url} cannot be read (illegal status line: bytearray(b'HTTP/1.1 abc')); check the URL."),
        ("/to?/to?/to?/to?/to?/to?/to?/to?/photo.png", {}, ValueError,
            "{url} must not redirect more than 5 times; use the final URL."),
        ("/to?file:///etc/hosts", {}, ValueError,
            "a URL must start with http:// or https://, got 'file:///etc/hosts'."),
        ("/to?ftp://host/x", {}, ValueError, "a URL must start with http:// or https://, got 'ftp://host/x'."),
    ]  # fmt: skip
    for path, options, kind, message in cases:
        with pytest.raises(kind) as error:
            load_image(server + path, **options)
        assert str(error.value) == message.format(url=server + path)


@pytest.mark.parametrize("url", ["http://[::1/a.png", "http://host:99999999/a.png", "http://a\x00b/"])
def test_a_malformed_url_is_one_sentence(url):
    with pytest.raises(ValueError, match=r"^a URL must be well-formed, got .*; correct it\.$"):
        load_image(url)


def test_a_url_is_read_where_an_event_loop_runs(server):
    async def caller():
        return load_image(f"{server}/photo.png").size

    assert asyncio.run(caller()) == (30, 20)


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1", "::ffff:10.0.0.1", "::a00:1",
        "::ffff:0:93.184.215.14", "2002:a00:1::1", "2001:0:a00:1::", "fe80::1%eth0", "fd00::1", "ff02::1", "::", "::1",
        "100.64.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "192.168.0.1",
    ],
)  # fmt: skip
def test_internal_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]
)
def test_public_addresses_are_accepted(address):
    assert is_public(address)


def test_an_unreachable_url():
    with pytest.raises(ConnectionError, match=r"^http://127\.0\.0\.1:1/x cannot be reached \(.*\); check the URL\.$"):
        load_image("http://127.0.0.1:1/x")


def ramp(width: int, height: int) -> Image.Image:
    """Red grows by 2 with x, green by 2 with y, at pixel centres."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.dstack([2 * x, 2 * y, 0 * x]).astype(np.uint8))


def test_a_crop_of_whole_pixels_is_exact():
    image = ramp(100, 80)
    assert np.array_equal(np.asarray(crop(image, (10, 20, 40, 50))), np.asarray(image)[20:50, 10:40])


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("size", [10, 20, 60])
def test_a_crop_has_sub_pixel_accuracy(shift, size):
    side = 20
    cut = np.asarray(crop(ramp(100, 80), (30 + shift, 40, 50 + shift, 60), size)).astype(float)
    step = side / size
    expected = 2 * (30 + shift - 0.5 + (np.arange(size) + 0.5) * step)
    assert np.abs(cut[:, :, 0] - expected).max() <= 1
    assert np.abs(cut[:, :, 1].T - (2 * (40 - 0.5 + (np.arange(size) + 0.5) * step))).max() <= 1


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = Image.fromarray((np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8)).convert("RGB")
    assert np.abs(np.asarray(crop(stripes, (10, 10, 390, 390), 48)).astype(float) - 127.5).max() < 12


def test_outside_the_photo_edges_are_repeated_or_filled():
    image = Image.new("RGB", (40, 40), RED)
    assert (np.asarray(crop(image, (-20, -20, 20, 20), 40)) == RED).all()
    padded = np.asarray(crop(image, (-20, -20, 60, 60), 80, fill=(0, 0, 255)))
    assert padded[40, 40].tolist() == list(RED)
    assert padded[0, 0].tolist() == padded[79, 79].tolist() == padded[40, 79].tolist() == [0, 0, 255]
    assert (padded[:, :, 0] == 255).sum() == 1600


def test_a_crop_without_a_size_keeps_its_own():
    assert crop(Image.new("RGB", (99, 99)), (10.2, 10.2, 40.9, 40.9)).size == (31, 31)
    assert crop(Image.new("RGB", (99, 99)), (10.1, 10.1, 10.2, 10.2)).size == (1, 1)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((40, 0, 60, 20), "box must overlap the image of 40x40 pixels, got (40, 0, 60, 20)."),
        ((0, -9, 20, 0), "box must overlap the image of 40x40 pixels, got (0, -9, 20, 0)."),
        ((9, 0, 5, 20), "box must ... got (9, 0, 5, 20); ..."),
    ],
)
def test_invalid_crops_are_refused(box, message):
    with pytest.raises(ValueError) as error:
        crop(Image.new("RGB", (40, 40)), box)
    assert says(str(error.value), message)


def test_the_examples_are_portraits():
    for path in sorted((Path(__file__).parent.parent / "examples").glob("*.jpg")):
        assert min(load_image(path).size) >= 450


@pytest.mark.parametrize(
    ("angle", "turn"),
    [(90, Image.Transpose.ROTATE_270), (180, Image.Transpose.ROTATE_180), (-90, Image.Transpose.ROTATE_90)],
)
def test_a_rotated_crop_is_upright(angle, turn):
    """Cut out of the photo turned clockwise, a square looks as it does in the photo itself."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    photo = Image.fromarray(noise).resize((240, 240), Image.Resampling.BICUBIC)
    box = (80, 80, 160, 160)  # in the middle, so that it is the same one in the turned photo
    upright, turned = crop(photo, box, 48), crop(photo.transpose(turn), box, 48, angle=angle)
    difference = np.abs(np.asarray(upright, int) - np.asarray(turned, int))
    assert difference.mean() < 6
    wrong = np.abs(np.asarray(upright, int) - np.asarray(crop(photo.transpose(turn), box, 48), int))
    assert wrong.mean() > 4 * difference.mean()


def test_a_box_far_beyond_the_photo_costs_what_comes_out():
    """The whole of what the box covers would be 5 gigapixels; what is seen of the photo stays where it belongs."""
    photo = Image.new("RGB", (100, 100), RED)
    shown = np.asarray(crop(photo, (-20_000, -20_000, 52_000, 52_000), 720, fill="white"))
    seen = np.argwhere((shown[..., 1] < 128) & (shown[..., 0] > 200))
    assert seen.tolist() == [[200, 200]]  # 72,000 pixels to 720: the photo is one pixel
    edge = np.asarray(crop(photo, (-20_000, -20_000, 52_000, 52_000), 48))
    assert (edge == RED).all()


def test_a_shrunk_copy_looks_as_the_whole_one(monkeypatch):
    photo = ramp(100, 90)
    for box in ((-150, -170, 400, 380), (-900, -60, 200, 1040)):
        monkeypatch.setattr(images, "_MOST_PADDING", 4)
        quick = np.asarray(crop(photo, box, 48)).astype(int)
        monkeypatch.setattr(images, "_MOST_PADDING", 10**9)
        whole = np.asarray(crop(photo, box, 48)).astype(int)
        assert np.abs(quick - whole).max() <= 12


def test_a_large_turned_crop_needs_memory_for_what_comes_out():
    photo = Image.new("RGB", (3200, 3200), RED)
    box = (100, 100, 3100, 3100)
    code = (
        "import resource; from PIL import Image; from fer_hub.images import crop\n"
        f"photo = Image.new('RGB', {photo.size}, {RED})\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"size = crop(photo, {box}, angle=20).size\n"
        "print(*size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    width, height, megabytes = map(int, done.stdout.split())
    assert (width, height) == (3000, 3000) and megabytes < 12 * 3000 * 3000 * 3 / 1e6
    turned = np.asarray(crop(photo, box, angle=20))
    assert (turned == RED).all()


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F", "LA", "La", "PA", "RGBa"]
)
def test_pipeline_processor_and_training_see_the_same(mode):
    """Half of the picture is transparent where a mode can be, over a colour that nobody sees."""
    grey = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (8, 1))
    alpha = np.zeros_like(grey)
    alpha[4:] = 255
    image = Image.fromarray(np.dstack([grey, grey, grey, alpha]))
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 3)  # dark: nothing above 765 of 65535
    elif mode == "F":
        image = Image.fromarray((grey / 255).astype(np.float32))
    elif mode in ("La", "PA"):
        image = image.convert("LA").convert(mode)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    expected = np.asarray(load_image(image).convert("L"))
    assert np.array_equal(np.asarray(to_grey(image)), expected)
    if mode in ("RGBA", "LA", "La", "RGBa"):  # to "PA" Pillow takes no transparency along
        assert (expected[:4] == 255).all() and (expected[4:] != 255).any()
