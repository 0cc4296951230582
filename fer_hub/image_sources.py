"""The forms in which people have images, brought to those that `fer_hub.images.load_image` decodes.

Imports nothing of fer_hub.
"""

import base64
import binascii
import inspect
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLUMNS = ("image", "img", "photo", "picture")
"""Names under which the row of a data set has its image."""

BASE64_FROM = 64
"""Texts with fewer characters are no base64 of an image: they are names of files."""

_BASE64 = re.compile(r"[A-Za-z0-9+/\s_-]+={0,2}\s*")  # also the alphabet for addresses, with - and _
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def unwrapped(source: Any) -> Any:
    """A PIL image, array, bytes, path or http(s) URL for any other form of an image; what is none is left as it is.

    Args:
        source: a file open in binary mode; a `data:` URL or the base64 of an image file, as text or bytes; the bytes
            of an image file as a uint8 array of one axis, as OpenCV gives them; any `os.PathLike`; a torch tensor,
            channels first; or a row of a data set, whose image stands under one of `COLUMNS`, or as
            `{"bytes", "path"}`.

    Raises:
        TypeError: a file is open in text mode or read with `await`, or a row has several images. ValueError: the text
            of a `data:` URL is no base64, a tensor has another shape, or a row has no image.
    """
    if isinstance(source, str):
        return _from_text(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_bytes(source)
    if isinstance(source, np.ndarray) and source.ndim == 1 and source.dtype == np.uint8:
        return source.tobytes()
    if isinstance(source, os.PathLike) and not isinstance(source, Path):
        return Path(os.fsdecode(source))
    if isinstance(source, Mapping):
        return _from_row(source)
    if hasattr(source, "detach") and hasattr(source, "shape"):
        return _from_tensor(source)
    if hasattr(source, "read") and not isinstance(source, (Path, Image.Image)):
        if inspect.iscoroutinefunction(source.read):  # an upload of FastAPI or Starlette
            raise TypeError(
                f"a file with an image must be read without await, got {type(source).__name__}; pass await "
                "file.read() instead."
            )
        content = source.read()
        if not isinstance(content, bytes):
            raise TypeError(
                f"a file with an image must be open in binary mode, but reading it gave {type(content).__name__}; open "
                'it with open(path, "rb").'
            )
        return content
    return source


def is_several(images: Any) -> bool:
    """Whether this is a stream or batch of images: a list, an iterator, a data set, an array or tensor of 4 axes.

    An array of names or of images, which numpy makes of a list of them, is one too.
    """
    if isinstance(images, np.ndarray) and images.dtype.kind in "OUT":
        return images.ndim == 1
    if isinstance(images, np.ndarray) or (hasattr(images, "detach") and hasattr(images, "shape")):
        return len(images.shape) == 4
    one = (str, bytes, bytearray, memoryview, Path, Image.Image, Mapping)
    return isinstance(images, Iterable) and not isinstance(images, one) and not hasattr(images, "read")


def each(images: Any) -> Iterator[Any]:
    """The images of a stream or batch, one after the other.

    Raises:
        TypeError: this is a single image, none, or a whole table.
    """
    if not is_several(images):
        raise TypeError(
            f"images must be several, as a list, iterator, data set or array of 4 axes, got {type(images).__name__}; "
            "put a single one in a list."
        )
    if hasattr(images, "columns") and hasattr(images, "dtypes"):  # of pandas or polars, which gives names of columns
        raise TypeError(
            f"images must be one column of a table, got {type(images).__name__} with the columns "
            f"{', '.join(map(str, images.columns))}; pass table[name]."
        )
    return iter(images)


def _from_text(text: str) -> Any:
    if text[:5].lower() == "data:":
        head, comma, body = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise ValueError(
                f"a data: URL with an image must be data:image/...;base64,..., got {text[:40]!r}; encode it in base64."
            )
        return _decoded(body)
    if len(text) >= BASE64_FROM and "://" not in text[:12] and _BASE64.fullmatch(text):
        try:
            start = base64.b64decode(_usual("".join(text[:48].split())[:32]))
        except binascii.Error:
            return text
        if start.startswith(_BEGINNINGS) or start[4:8] == b"ftyp":
            return _decoded(text)
    return text


def _from_bytes(data: bytes | bytearray | memoryview) -> Any:
    """The same, or what stands there in base64, which `base64.b64encode` gives as bytes."""
    start = bytes(memoryview(data)[:BASE64_FROM])
    if not start.isascii() or not (start[:5].lower() == b"data:" or _BASE64.fullmatch(start.decode("ascii"))):
        return data
    text = bytes(data).decode("latin-1")
    found = _from_text(text)
    return data if found is text else found


def _usual(text: str) -> str:
    """Base64 of the alphabet for addresses, and without the = at its end, as it is written elsewhere."""
    text = "".join(text.split()).replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(_usual(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(
            f"the base64 of an image must be complete, but cannot be decoded ({error}); encode the file again."
        ) from None


def _from_row(row: Mapping[str, Any]) -> Any:
    name = next((name for name in COLUMNS if row.get(name) is not None), None)
    if name is not None and isinstance(row[name], (list, tuple)):
        raise TypeError(
            f"the row of a data set must have one image under {name}, got {len(row[name])}, as a batch has; pass "
            f"batch[{name!r}] instead."
        )
    if name is not None:
        return unwrapped(row[name])
    for key in ("bytes", "path"):
        if row.get(key):
            return row[key]
    raise ValueError(
        f"the row of a data set must have its image under {', '.join(COLUMNS)}, got "
        f"{', '.join(map(str, row)) or 'nothing'}; pass row[name] instead."
    )


def _from_tensor(tensor: Any) -> np.ndarray:
    shape = tuple(tensor.shape)
    if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3, 4))):
        raise ValueError(
            f"an image tensor must have the shape (height, width) or (channels, height, width), got {shape}; give one "
            "image, channels first."
        )
    tensor = tensor.detach().cpu()
    array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return array if array.ndim == 2 else np.moveaxis(array, 0, -1)
