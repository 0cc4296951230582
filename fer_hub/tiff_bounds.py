"""Directories of TIFF files and of Exif data, which cameras write in the same form: refused where Pillow errs on them.

Before Pillow 13 a directory whose entries all name the same bytes is read once for each entry, so that a file of a
megabyte takes gigabytes; repeated beginnings of Exif data are cut off one by one, each time with a copy of the rest;
and tiles, YCbCr and JPEG in TIFF are decoded with reads beyond their buffers (release notes of Pillow 13.0.0:
CVE-2026-96643, GHSA-wqgw-9xfh-qf2g, GHSA-462x-pgg6-55fp, GHSA-c6hw-5grf-ff96, GHSA-q45j-58j2-45rg).
"""

import contextlib
import re
import struct

from PIL import Image

MAX_STRIPS = 20_000
"""Strips of a TIFF file, which Pillow reads one by one in Python."""

MAX_ENTRIES = 4_000
"""Entries of a directory; cameras and programs write some dozens."""

MAX_HEADERS = 100
"""Places of a file at which Exif data could begin. By chance four bytes look like that once in hundreds of photos."""

_BEGINNING = b"Exif\0\0"

_MOST_BEGINNINGS = 3
"""Some cameras write two, and Pillow puts one before those of PNG."""

_HEADER = re.compile(rb"II\*\0|MM\0\*")

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Type of an entry → bytes of each of its values."""

_COMPRESSION, _COLOURS, _STRIPS, _TILES = 259, 262, (273, 279), (322, 323, 324, 325)

_JPEG, _YCBCR = (6, 7), 6

Entry = tuple[int, int, int, int]
"""Tag, type, number of values, and the first value if it is a short one."""


def entries(data: bytes, at: int = 0) -> list[Entry]:
    """The entries of the first directory, at most one more than `MAX_ENTRIES`; those before its end if it is cut off.

    Args:
        at: where the data begin.
    """
    order = "<" if data[at : at + 2] == b"II" else ">"
    found = []
    try:
        [start] = struct.unpack_from(f"{order}I", data, at + 4)
        [count] = struct.unpack_from(f"{order}H", data, at + start)
        for number in range(min(count, MAX_ENTRIES + 1)):
            found.append(struct.unpack_from(f"{order}HHIH", data, at + start + 2 + 12 * number))
    except struct.error:  # Pillow says so
        pass
    return found


def check_tiff(data: bytes, name: str) -> None:
    """Refuse a TIFF file with too many strips, with shared entries, or of a kind that Pillow decodes unsafely.

    Raises:
        ValueError: what it must not have.
    """
    found = entries(data)
    _check_entries(found, len(data), name)
    for tag, _, count, value in found:
        if tag in _STRIPS and count > MAX_STRIPS:
            raise ValueError(too_many(name, MAX_STRIPS, "strips"))
        if tag in _TILES or (tag == _COMPRESSION and value in _JPEG) or (tag == _COLOURS and value == _YCBCR):
            raise ValueError(
                f"{name} must not be a TIFF with tiles, JPEG compression or YCbCr colours, but is one; save it anew as "
                "JPEG or PNG."
            )


def check_exif(data: bytes, name: str) -> None:
    """Refuse Exif data that begins again and again, or whose entries share their bytes.

    Args:
        data: with or without its beginning.
        name: what the sentence calls the file.

    Raises:
        ValueError: its metadata are damaged on purpose.

    Example:
        >>> check_exif(b"Exif\\0\\0" * 4, "the file")
        Traceback (most recent call last):
        ...
        ValueError: the file must have intact metadata (Exif), but has not; save it anew.
    """
    start, length = 0, len(_BEGINNING)
    while data[start : start + length] == _BEGINNING:
        start += length
        if start > _MOST_BEGINNINGS * length:
            raise ValueError(_damaged(name))
    data = data[start:]
    if _HEADER.match(data):
        _check_entries(entries(data), len(data), name)


def check_exif_of(image: Image.Image, name: str) -> None:
    """The same for what Pillow has found, which it reads when an image is turned upright."""
    exif, as_text = image.info.get("exif"), image.info.get("Raw profile type exif")  # the latter in older PNG files
    if exif is None and isinstance(as_text, str):
        with contextlib.suppress(ValueError):
            exif = bytes.fromhex("".join(as_text.split("\n")[3:]))
    if isinstance(exif, bytes):
        check_exif(exif, name)


def check_hidden_exif(data: bytes, name: str) -> None:
    """The same wherever Exif data may lie in a file whose structure is not walked here.

    Raises:
        ValueError: as `check_exif`.
    """
    if _BEGINNING * (_MOST_BEGINNINGS + 1) in data:
        raise ValueError(_damaged(name))
    for number, found in enumerate(_HEADER.finditer(data)):
        if number == MAX_HEADERS:
            raise ValueError(_damaged(name))
        _check_entries(entries(data, found.start()), len(data) - found.start(), name)


def too_many(name: str, most: int, what: str) -> str:
    """The sentence for a file with more parts than a picture has, of any format."""
    return f"{name} must have at most {most:,} {what}, but has more, and would take too long to decode; save it anew."


def _check_entries(found: list[Entry], length: int, name: str) -> None:
    """Values that lie apart from each other are together no longer than the file; each tag has one entry."""
    sizes = [_SIZES.get(kind, 1) * count for _, kind, count, _ in found]
    held = sum(size for size in sizes if 4 < size <= length)  # longer ones are not read
    tags = [tag for tag, *_ in found]
    if held > length or len(set(tags)) < len(tags) or len(tags) > MAX_ENTRIES:
        raise ValueError(_damaged(name))


def _damaged(name: str) -> str:
    return f"{name} must have intact metadata (Exif), but has not; save it anew."
