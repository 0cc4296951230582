"""Loading any kind of image as upright RGB, and cropping a square from it."""

import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from fer_hub.boxes import Box, centre, check_box
from fer_hub.files import at_home
from fer_hub.given_images import upright
from fer_hub.heic import is_heic, register_heic
from fer_hub.image_bounds import check_work, two_sizes
from fer_hub.image_modes import to_rgb
from fer_hub.image_sources import unwrapped

MAX_PIXELS = 80_000_000
"""Largest image that `load_image` decodes by default; as RGB it takes 240 MB."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of the accepted file formats: those of photos. Others are decoded with external programs (EPS), take
far more memory than their pixels (ICO), or are read byte by byte in Python (plain PPM)."""

_USUAL = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n")
"""What JPEG and PNG files begin with."""

_MOST_PADDING = 4
"""From this many times the photo's own area, padding is made of a shrunk copy of it."""

_SMALL = 512
"""Side of the largest crop that is turned at twice its size, in pixels; larger ones are sharp enough without."""

ImageSource = Image.Image | np.ndarray | bytes | str | Path | BinaryIO | Mapping[str, Any]

_KINDS = (
    "a PIL image, a path, an http(s) or data: URL, base64, the bytes of an image file, a file open in binary mode, a "
    "numpy array in RGB order, a torch tensor or the row of a data set"
)


def load_image(
    source: ImageSource, *, timeout: float = 10.0, max_bytes: int = 50_000_000, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Load a photo as people see it: upright, RGB, 8 bits.

    The EXIF orientation is applied, transparency is composited over white, and the first frame of an animation is used.
    16-bit values are divided by 257. Pillow's modes "I" and "F" name no range: their values are taken as 16-bit if any
    exceeds 255, else as 8-bit, and those of "F" as from 0 to 1 if none exceeds 1. The image processor and training
    (`fer_hub.model.image_processing_fer.to_grey`) do the same.

    Args:
        source: a PIL image in any mode, which other threads may use too; a path; an http, https or data: URL; the
            bytes of an image file, also as an array of one axis, or their base64; a file open in binary mode; a numpy
            array (height, width), (height, width, 1), (height, width, 3) RGB or (height, width, 4) RGBA, as uint8,
            uint16 in [0, 65535], float in [0, 1] or bool; a torch tensor of the same types, (height, width) or
            channels first; or the row of a data set with its image under "image", "img", "photo" or "picture".
        timeout: seconds within which a URL must be read completely.
        max_bytes: largest file read from a URL.
        max_pixels: largest width times height; a larger photo is refused before it is decoded.

    Returns:
        A new RGB image that shares nothing with `source` and carries no metadata.

    Raises:
        TypeError: `source` has another type, or is an array of another dtype.
        FileNotFoundError: there is no such file.
        ConnectionError: the URL cannot be read. TimeoutError: not within `timeout`.
        ValueError: not an image, damaged, too large, of a structure that takes too long to decode (see
            `fer_hub.image_bounds`), or an array of another shape or range.

    Example:
        >>> load_image(np.zeros((480, 640), np.uint8))
        <PIL.Image.Image image mode=RGB size=640x480 at ...>
    """
    source = unwrapped(source)
    if isinstance(source, np.ndarray):
        image, name = _from_array(source), "the array"
    elif isinstance(source, Image.Image):
        image, name = source, "the image"
    elif isinstance(source, (bytes, bytearray, memoryview)):
        image, name = _open(BytesIO(source), "the bytes", len(source), max_pixels), "the bytes"
    elif isinstance(source, str) and "://" in source[:12]:
        from fer_hub.fetching import read_url, shown  # imports httpx, which takes a moment

        data, name = read_url(source, timeout=timeout, max_bytes=max_bytes), f"the file at {shown(source)}"
        image = _open(BytesIO(data), name, len(data), max_pixels)
    elif isinstance(source, (str, Path)):
        data, name = _read(Path(source)), f"the file {source}"
        image = _open(BytesIO(data), name, len(data), max_pixels)
    else:
        raise TypeError(f"an image must be {_KINDS}, got {type(source).__name__}; convert it to one of these.")
    _check_size(image.size, name, max_pixels)
    image = upright(image, name)  # a copy; of a file the first one is freed
    rgb = to_rgb(image, name)
    rgb.info = {}
    return rgb


def size_of(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of an image file in pixels as its header tells, before it is turned upright; nothing is decoded.

    Raises:
        ValueError: as `load_image`, if that can be told without decoding.

    Example:
        >>> stream = BytesIO()
        >>> Image.new("RGB", (640, 480)).save(stream, "JPEG")
        >>> size_of(stream.getvalue())
        (640, 480)
    """
    with _open(BytesIO(data), "the bytes", len(data), max_pixels) as image:
        _check_size(image.size, "the bytes", max_pixels)
        return image.size


def crop(
    image: Image.Image,
    box: Box,
    size: int | None = None,
    *,
    fill: str | tuple[int, int, int] = "edge",
    resample: int = Image.Resampling.BILINEAR,
    angle: float = 0.0,
) -> Image.Image:
    """Crop a box from a photo with sub-pixel accuracy, padded where it extends beyond the photo.

    Args:
        image: RGB.
        box: (x0, y0, x1, y1) in pixels of the image; overlaps the image.
        size: width and height of the crop in pixels; `None` keeps the box's own, rounded to whole pixels.
        fill: padding outside the photo: "edge" repeats the edge pixels, otherwise an RGB colour.
        resample: Pillow's filter, antialiased when downscaling.
        angle: clockwise rotation of the box around its centre in degrees; a face rotated by the same angle in the
            photo is upright in the crop.

    Returns:
        A new RGB image of size x size pixels.

    Raises:
        ValueError: the box is malformed or does not overlap the image.

    Example:
        >>> crop(Image.new("RGB", (100, 100)), (-10, -10, 40.5, 40.5), 48).size
        (48, 48)
    """
    x0, y0, x1, y1 = check_box(box)
    if angle:
        return _turned_crop(image, (x0, y0, x1, y1), size, angle, fill, resample)
    target = (size, size) if size else (max(1, round(x1 - x0)), max(1, round(y1 - y0)))
    # a margin for the filter, whose support extends beyond the box
    margin_x = math.ceil(2 * max(1, (x1 - x0) / target[0]))
    margin_y = math.ceil(2 * max(1, (y1 - y0) / target[1]))
    left, top = math.floor(x0) - margin_x, math.floor(y0) - margin_y
    right, bottom = math.ceil(x1) + margin_x, math.ceil(y1) + margin_y
    inside = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    if x1 <= 0 or y1 <= 0 or x0 >= image.width or y0 >= image.height:
        raise ValueError(f"box must overlap the image of {image.width}x{image.height} pixels, got {tuple(box)}.")
    region, widths = image.crop(inside), (inside[0] - left, inside[1] - top, right - inside[2], bottom - inside[3])
    inner = (x0 - left, y0 - top, x1 - left, y1 - top)
    if (right - left) * (bottom - top) > _MOST_PADDING * image.width * image.height:
        # of a box far beyond the photo little but padding would be made, so what is seen of the photo is shrunk before
        factor = max(1, math.floor(min((x1 - x0) / target[0], (y1 - y0) / target[1]) / 3))
        a, b, c, d = widths
        region = region.reduce(factor)
        widths = (math.ceil(a / factor), math.ceil(b / factor), math.ceil(c / factor), math.ceil(d / factor))
        pairs = zip((x0, y0, x1, y1), inside[:2] * 2, widths[:2] * 2, strict=True)
        edges = [(edge - at) / factor + width for edge, at, width in pairs]
        inner = (edges[0], edges[1], edges[2], edges[3])
    if any(widths):
        region = _pad(region, widths, fill)
    # much larger regions are first box-averaged to three times the size, which is much faster and looks the same
    return region.resize(target, resample, box=inner, reducing_gap=3.0)


def _turned_crop(
    image: Image.Image, box: Box, size: int | None, angle: float, fill: str | tuple[int, int, int], resample: int
) -> Image.Image:
    """A rotated box: cropped with enough margin, rotated upright, and downscaled, if small from twice the size."""
    target = (size, size) if size else (max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1])))
    half = math.hypot(box[2] - box[0], box[3] - box[1]) / 2
    x, y = centre(box)
    enlarged = 2 if max(target) <= _SMALL else 1
    pixels = enlarged * max(target) / max(box[2] - box[0], box[3] - box[1])  # of that copy, per pixel of the photo
    around = crop(image, (x - half, y - half, x + half, y + half), math.ceil(2 * half * pixels), fill=fill)
    upright = around.rotate(angle, Image.Resampling.BICUBIC)  # Pillow rotates anticlockwise
    pixels = around.width / (2 * half)
    middle, across, down = around.width / 2, (box[2] - box[0]) * pixels / 2, (box[3] - box[1]) * pixels / 2
    return upright.resize(target, resample, box=(middle - across, middle - down, middle + across, middle + down))


def _pad(image: Image.Image, widths: tuple[int, int, int, int], fill: str | tuple[int, int, int]) -> Image.Image:
    """`image` with that many pixels added on the left, top, right and bottom."""
    left, top, right, bottom = widths
    if fill == "edge":
        return Image.fromarray(np.pad(np.asarray(image), ((top, bottom), (left, right), (0, 0)), mode="edge"))
    canvas = Image.new("RGB", (image.width + left + right, image.height + top + bottom), fill)
    canvas.paste(image, (left, top))
    return canvas


def _read(path: Path) -> bytes:
    """Read the whole file at once, so that it does not stay open if decoding fails."""
    path = at_home(path)
    try:
        if path.is_dir():
            raise ValueError(f"an image must be a file, got {str(path)!r}, which is a folder; pass a file in it.")
        found = path.exists()
    except OSError:  # a name that no file can have: thousands of characters, for example
        found = False
    if not found:
        name = str(path) if len(str(path)) <= 200 else str(path)[:200] + "..."
        raise FileNotFoundError(f"an image must be {_KINDS}, got {name!r}; there is no such file.")
    return path.read_bytes()


def _open(file: BytesIO, name: str, length: int, max_pixels: int) -> Image.Image:
    """Read the header only; nothing is decoded yet."""
    if length == 0:
        raise ValueError(f"{name} must be an image, but is empty.")
    frame = check_work(file.getvalue(), name)
    if file.getvalue()[:8].startswith(_USUAL):
        Image.preinit()  # reads these, in a third of the time that all formats take to import
    else:
        Image.init()
        register_heic()
    try:
        image = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # a warning if those are made errors
        raise ValueError(_too_large(name, "more", max_pixels)) from None
    except MemoryError:
        raise
    except Exception:
        if not register_heic() and is_heic(file.getvalue()[:12]):
            raise ValueError(
                f"{name} is HEIC, which needs pillow-heif, and that is not installed; run pip install pillow-heif, or "
                "convert the photo to JPEG."
            ) from None
        raise ValueError(
            f"{name} must be an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, ...), but is not or is "
            "damaged; convert it to JPEG or PNG."
        ) from None
    if frame is not None and image.size != frame:  # before Pillow 13 its decoder would write beyond the image
        raise ValueError(two_sizes(name))
    return image


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    if 0 in size:
        raise ValueError(f"{name} must have at least one pixel, got {size[0]}x{size[1]} pixels.")
    if size[0] * size[1] > max_pixels:
        raise ValueError(_too_large(name, f"{size[0]}x{size[1]}", max_pixels))


def _too_large(name: str, got: str, max_pixels: int) -> str:
    return f"{name} must have at most {max_pixels:,} pixels, got {got}; make it smaller or raise max_pixels."


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or 0 in array.shape:
        raise ValueError(
            "an image array must have the shape (height, width), (height, width, 1), (height, width, 3) or "
            f"(height, width, 4), got {array.shape}; give one image, channels last."
        )
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not math.isfinite(low) or not math.isfinite(high):
            what = "NaN" if math.isnan(low) else "infinite"
            raise ValueError(f"a float image array must have values from 0 to 1, but some are {what}; replace them.")
        if low < -1e-3 or high > 1 + 1e-3:  # interpolation can overshoot a little
            raise ValueError(
                f"a float image array must have values from 0 to 1, got {low:g} to {high:g}; divide values from 0 to "
                "255 by 255."
            )
        array = np.rint(np.clip(array, 0, 1).astype(np.float64) * 255).astype(np.uint8)
    elif array.dtype == bool:  # a mask, or PIL's mode "1"
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = np.rint(array / 257).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise TypeError(
            f"an image array must be uint8, uint16 or float, got {array.dtype}; values from 0 to 255 convert with "
            "array.astype('uint8')."
        )
    return Image.fromarray(np.ascontiguousarray(array))
