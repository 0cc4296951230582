"""Input components that are safe on the public internet.

Gradio's own accept a payload without `meta` that names any file of the server, base64 and URLs of any size, and decode
an image before its size is checked. `secured` turns whatever a client sent for an input into files in the upload
folder, up to a limit, or refuses it with one sentence; `fer_hub.web.guard.Page` calls it for every input of every
event. The components check again.
"""

import base64
import binascii
import tempfile
from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image

from fer_hub.image_bounds import scans
from fer_hub.images import load_image, size_of
from fer_hub.web.fetching import fetch
from fer_hub.web.sentences import refuse, short

MAX_PHOTO_BYTES = 20_000_000
"""Largest accepted photo in bytes, whether uploaded, downloaded from a URL or sent as base64."""

MAX_PHOTOS = 20
"""Largest number of photos per request."""

MAX_VIDEO_BYTES = 100_000_000
"""Largest accepted video in bytes; also the limit of the upload route."""

MAX_PIXELS = 40_000_000
"""Largest decoded photo in pixels; a small file can decompress to a huge image."""

QUICK_PIXELS = 16_000_000
"""Photos with more pixels are slow requests."""

QUICK_SCANNED = 100_000_000
"""And so are JPEGs whose scans pass over more pixels: about a second of decoding."""

MAX_FRAME_PIXELS = 1920 * 1080
"""Largest decoded webcam frame in pixels."""


def uploaded(path: str | None, limit: int) -> Path:
    """Check a path sent by a client: it must be an existing file in the upload folder of at most `limit` bytes.

    Raises:
        gr.Error: it is not.
    """
    try:
        folder, found = Path(get_upload_folder()).resolve(), Path(path or "").resolve()
        fits = found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError):  # a name that no file can have
        fits = False
    if not fits:
        raise refuse("the input must be a file that was uploaded, got another path; upload it first.")
    _check_size(found.stat().st_size, limit)
    return found


def photograph(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the bytes of an image file to an upright RGB image.

    Raises:
        gr.Error: they are not an image, are damaged, or have too many pixels.
    """
    try:
        return load_image(data, max_pixels=max_pixels)
    except ValueError as error:  # its sentences refer to the bytes
        sentence = str(error).replace("the bytes", "the file", 1).replace(" or raise max_pixels", "")
        raise refuse(sentence) from None
    except MemoryError:
        raise refuse("the file needs more memory than the server has; make it smaller.") from None


def much_work(photo: Path) -> bool:
    """Whether a photo takes long to decode and search, as its header tells; `False` for what is refused anyway."""
    try:
        data = photo.read_bytes()
        width, height = size_of(data, max_pixels=MAX_PIXELS)
    except (OSError, ValueError):
        return False
    return width * height > QUICK_PIXELS or width * height * scans(data) > QUICK_SCANNED


async def secured(block: gr.components.Component, value: Any) -> Any:
    """The value that a client sent for an input, with every file in it checked and stored on this server.

    Raises:
        gr.Error: it names a file that was not uploaded, contains an invalid URL or base64, or is for an input that
            accepts no files.
    """
    limit = getattr(block, "max_bytes", None)
    if limit is None:
        if _names_a_file(value):
            raise refuse(f"{block.label or 'the input'} accepts no file, but got one; see the API page for its form.")
        return value
    if isinstance(value, list):
        if not isinstance(block, gr.File):
            raise refuse("the input must be one file, got a list; send one of them.")
        if len(value) > MAX_PHOTOS:
            raise refuse(f"there must be at most {MAX_PHOTOS} photos at once, got {len(value)}; send fewer.")
        return [await _local_file(block, file, limit) for file in value]
    if isinstance(value, dict) and isinstance(value.get("video"), dict):  # the older form of a video
        return await _local_file(block, value["video"], limit)
    return value if value is None else await _local_file(block, value, limit)


async def _local_file(block: gr.components.Component, file: Any, limit: int) -> Any:
    if not isinstance(file, dict):
        got = type(file).__name__
        raise refuse(
            f"a file must be sent as its upload's FileData with path and meta, got {got}; upload it first, in Python "
            "with gradio_client.handle_file."
        )
    path, url = file.get("path"), file.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        if block.streams:
            return {"url": url, "meta": {"_type": "gradio.FileData"}}
        target = _new_file(block)
        target.write_bytes(decode_base64(url, limit))
        path = str(target)
    elif isinstance(path or url, str) and "://" in (path or url)[:12]:
        target = _new_file(block)
        await fetch(path or url, target, limit)
        path = str(target)
    elif not path and not url:
        return None
    path = str(uploaded(path if isinstance(path, str) else None, limit))
    name = file.get("orig_name")
    name = name[:200] if isinstance(name, str) and name else Path(path).name
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def _new_file(block: gr.components.Component) -> Path:
    """A new path in the upload folder, which gradio deletes together with the visitor's other files."""
    target = Path(tempfile.mkdtemp(dir=get_upload_folder())) / "file"
    block.temp_files.add(str(target))
    return target


def _names_a_file(value: Any, depth: int = 0) -> bool:
    """Whether gradio would treat a part of a value as a file, and download or copy it."""
    if depth > 50:
        raise refuse("the input is nested too deeply; see the API page for its form.")
    if isinstance(value, dict):
        return ("path" in value and "meta" in value) or any(_names_a_file(v, depth + 1) for v in value.values())
    return isinstance(value, list) and any(_names_a_file(v, depth + 1) for v in value)


class WithoutStub(ComponentMeta):
    """Disables gradio's metaclass, which writes a .pyi file with the events next to the source of every subclass. Our
    subclasses add no events, and importing a package must not write files into it."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> type:
        return ABCMeta.__new__(cls, name, bases, attributes)


class Photo(gr.Image, metaclass=WithoutStub):
    """`gr.Image` for one photo; its value is its path for `photograph`, or `None`: who decodes it waits for his turn
    first."""

    max_bytes, streams = MAX_PHOTO_BYTES, False

    # no own __init__: the front end gets the properties named in the signature of __init__

    def get_block_name(self) -> str:
        return "image"  # the front end's name of the component; it does not know subclasses

    def preprocess(self, payload) -> Path | None:
        return None if payload is None or not payload.path else uploaded(payload.path, self.max_bytes)


class PhotoFile(Photo):
    """A `Photo` on the page: whoever reads it checks its size, so that a photo that is too large is explained there."""

    max_bytes = MAX_VIDEO_BYTES


class Camera(gr.Image, metaclass=WithoutStub):
    """`gr.Image` for webcam frames: an RGB PIL image in, JPEG bytes out, nothing written to disk."""

    max_bytes, streams = 4_000_000, True

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload) -> Image.Image | None:
        if payload is None or not (payload.url or payload.path):
            return None
        if (payload.url or "").startswith("data:"):
            return photograph(decode_base64(payload.url, self.max_bytes), MAX_FRAME_PIXELS)
        return photograph(uploaded(payload.path, self.max_bytes).read_bytes(), MAX_FRAME_PIXELS)

    def postprocess(self, value: bytes | None) -> ImageData | None:
        if value is None:
            return None
        return ImageData(url="data:image/jpeg;base64," + base64.b64encode(value).decode("ascii"))


class Photos(gr.File, metaclass=WithoutStub):
    """`gr.File` for several photographs; its value is a list of (file name, path), for `photograph` one by one."""

    max_bytes, streams = MAX_PHOTO_BYTES, False

    def get_block_name(self) -> str:
        return "file"

    def preprocess(self, payload) -> list[tuple[str, Path]]:
        files = [] if payload is None else getattr(payload, "root", payload)
        files = files if isinstance(files, list) else [files]
        return [(Path(file.orig_name or file.path).name, uploaded(file.path, self.max_bytes)) for file in files]


class VideoFile(gr.Video, metaclass=WithoutStub):
    """`gr.Video` whose value is the path of an uploaded video, or `None`; the video is not decoded here."""

    max_bytes, streams = MAX_VIDEO_BYTES, False

    def get_block_name(self) -> str:
        return "video"

    def preprocess(self, payload) -> Path | None:
        file = getattr(payload, "video", payload)
        return None if file is None or not file.path else uploaded(file.path, self.max_bytes)


def decode_base64(url: str, limit: int) -> bytes:
    """The bytes of a data URL, at most `limit`.

    Raises:
        gr.Error: it is not a data URL, or too large.
    """
    text = url.partition(",")[2]
    _check_size(len(text) * 3 // 4, limit)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(f"a data URL must contain base64, got {short(url, 40)}; encode the file with base64.") from None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise refuse(f"the file must be at most {limit // 10**6} MB; send a smaller one.")
