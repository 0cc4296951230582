"""Directories of TIFF files and of Exif data, which cameras write in the same form: refused where Pillow errs on them.

Before Pillow 13 a directory whose entries all name the same bytes is read once for each entry, so that a file of a
megabyte takes gigabytes: the first one where a file is opened, those below it where a photo is turned upright. Repeated
beginnings of Exif data are cut off one by one, each time with a copy of the rest. Tiles, YCbCr and JPEG in TIFF are
decoded with reads beyond their buffers (release notes of Pillow 13.0.0: CVE-2026-96643, GHSA-wqgw-9xfh-qf2g,
GHSA-462x-pgg6-55fp, GHSA-c6hw-5grf-ff96, GHSA-q45j-58j2-45rg).
"""

import contextlib
import re
import struct
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from PIL import Image

MAX_STRIPS = 20_000
"""Strips of a TIFF file, which Pillow reads one by one in Python."""

MAX_ENTRIES = 4_000
"""Entries of a directory and of those below it; cameras and programs write some dozens."""

MAX_HEADERS = 100
"""Places of a file at which Exif data could begin. By chance four bytes look like that once in hundreds of photos."""

HEADERS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0")
"""What TIFF files begin with; the last two are wrong, but Pillow reads them too."""

_BEGINNING = b"Exif\0\0"

_MOST_BEGINNINGS = 3
"""Some cameras write two, and Pillow puts one before those of PNG."""

_HEADER = re.compile(b"|".join(map(re.escape, (*HEADERS, b"MM\0+"))))
"""What Exif data begin with: Pillow reads that of a big-endian BigTIFF as TIFF, and fails on the other BigTIFF."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Type of an entry → bytes of each of its values."""

_WHOLE = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q"}
"""Types of whole numbers → their letters in `struct`."""

_COMPRESSION, _COLOURS, _STRIPS, _TILES = 259, 262, (273, 279), (322, 323, 324, 325)

_BELOW = (34665, 34853, 40965)
"""Tags whose value is the place of another directory, which Pillow reads too: Exif, GPS and interoperability."""

_JPEG, _YCBCR = (6, 7), 6


class _Entry(NamedTuple):
    """An entry of a directory.

    Attributes:
        tag: what it is about.
        number: how many values it has.
        size: bytes of its values; `None` if they are cut off.
        value: the first value; `None` if that is cut off or no whole number.
    """

    tag: int
    number: int
    size: int | None
    value: int | None


def check_tiff(data: bytes, name: str) -> None:
    """Refuse a TIFF file with too many strips, with shared entries, or of a kind that Pillow decodes unsafely.

    Raises:
        ValueError: what it must not have.
    """
    for tag, number, _, value in _checked(data, 0, name):
        if tag in _STRIPS and number > MAX_STRIPS:
            raise ValueError(too_many(name, MAX_STRIPS, "strips"))
        if tag in (_COMPRESSION, _COLOURS) and value is None:  # Pillow takes 7.0 for 7
            raise ValueError(_damaged(name))
        if tag in _TILES or (tag == _COMPRESSION and value in _JPEG) or (tag == _COLOURS and value == _YCBCR):
            raise ValueError(
                f"{name} must not be a TIFF with tiles, JPEG compression or YCbCr colours, but is one; save it anew as "
                "JPEG or PNG."
            )


def check_exif(data: bytes, name: str) -> None:
    """Refuse Exif data that begin again and again, or whose entries share their bytes, in the directories below too.

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
    if _HEADER.match(data, start):
        _checked(data, start, name)


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
        _checked(data, found.start(), name)


def too_many(name: str, most: int, what: str) -> str:
    """The sentence for a file with more parts than a picture has, of any format."""
    return f"{name} must have at most {most:,} {what}, but has more, and would take too long to decode; save it anew."


def _checked(data: bytes, at: int, name: str) -> list[_Entry]:
    """The entries of the first directory.

    Args:
        at: where the TIFF or the Exif data begin.

    Raises:
        ValueError: the values of this directory and of those below it are together longer than the data, there are
            too many entries, or two of the first directory have the same tag.
    """
    order = "<" if data[at : at + 1] == b"I" else ">"
    if at + 8 > len(data):  # Pillow says so
        return []
    [start] = struct.unpack_from(f"{order}I", data, at + 4)
    first = list(_entries(data, at, start, order))
    if len({entry.tag for entry in first}) < len(first):
        raise ValueError(_damaged(name))
    read, starts = [*first], {start}
    for entry in read:  # which grows meanwhile
        if entry.tag in _BELOW and entry.value is not None and entry.value not in starts:
            starts.add(entry.value)
            # up to the first that is cut off, at which Pillow stops: damaged places lead to any bytes
            read += takewhile(lambda below: below.size is not None, _entries(data, at, entry.value, order))
        if len(read) > MAX_ENTRIES:
            raise ValueError(_damaged(name))
    if sum(entry.size for entry in read if entry.size is not None and entry.size > 4) > len(data) - at:
        raise ValueError(_damaged(name))
    return first


def _entries(data: bytes, at: int, start: int, order: str) -> Iterator[_Entry]:
    """The entries of the directory at `start`, at most one more than `MAX_ENTRIES`; those before its end if cut off."""
    if not 0 <= at + start <= len(data) - 2:  # Pillow says so
        return
    [length] = struct.unpack_from(f"{order}H", data, at + start)
    begin = at + start + 2
    for place in range(begin, min(begin + 12 * min(length, MAX_ENTRIES + 1), len(data) - 11), 12):
        tag, kind, number, offset = struct.unpack_from(f"{order}HHII", data, place)
        size = _SIZES.get(kind, 0) * number
        values = at + offset if size > 4 else place + 8
        cut_off = values + size > len(data)
        value = None
        if kind in _WHOLE and number and not cut_off:
            [value] = struct.unpack_from(order + _WHOLE[kind], data, values)
        yield _Entry(tag, number, None if cut_off else size, value)


def _damaged(name: str) -> str:
    return f"{name} must have intact metadata (Exif), but has not; save it anew."
