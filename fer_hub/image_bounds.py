"""Image files whose decoding takes far more work than a photo's: refused by their structure, before they are decoded.

Pillow bounds the pixels of a file, not the work that its bytes ask for: a JPEG of a few hundred kilobytes can hold
thousands of scans, each of which passes over the whole image, and the structure of most formats is read in Python, step
by step. Each check walks the structure of one format and stops at a limit that no camera or program comes near.
"""

import re
import struct
from collections.abc import Iterator

from fer_hub.tiff_bounds import HEADERS, check_exif, check_hidden_exif, check_tiff, too_many

MAX_SCANS = 50
"""Scans of a JPEG, of any size."""

PLAIN_SCANS, MAX_SCANNED = 10, 800_000_000
"""So many scans a JPEG of any size may have, as progressive ones do; with more, pixels times scans are bounded."""

MAX_STEPS = 20_000
"""Segments or chunks of a file, which Pillow reads one by one in Python."""

MAX_BLOCKS = 4_000
"""Blocks of 255 bytes before the image of a GIF. Before Pillow 13 each block of a comment copies those before it."""

_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""What ends the data of a scan: a marker that is neither a stuffed zero nor a restart."""

_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers of a JPEG that no length follows: TEM, RST0 to RST7 and SOI."""

_EOI, _SOS, _APP1, _APP2 = 0xD9, 0xDA, 0xE1, 0xE2

_FRAMES = frozenset([*range(0xC0, 0xD0)]) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that tell its size: SOF0 to SOF15."""


def check_work(data: bytes, name: str) -> tuple[int, int] | None:
    """Refuse a file whose decoding would take unusually long; of a file that is damaged anyway nothing is said.

    Args:
        data: the content of a file of any kind.
        name: what the sentence calls it, such as "the file".

    Raises:
        ValueError: there are more scans, segments, chunks, blocks or strips than any photo has, the variant of the
            format is one that nobody needs and that is decoded slowly or unsafely (BMP with run lengths, BigTIFF, and
            what `fer_hub.tiff_bounds` names), or a JPEG has two sizes.

    Returns:
        Width and height of a JPEG as its decoder will find them, 0 where it finds none; `None` for other kinds.

    Example:
        >>> check_work(b"\\xff\\xd8" + b"\\xff\\xda\\0\\2" * 51, "the file")
        Traceback (most recent call last):
        ...
        ValueError: the file must have at most 50 scans, but has more, and would take too long to decode; save it ...
    """
    if data[:2] == b"\xff\xd8":
        return _check_jpeg(data, name)[1]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        _check_png(data, name)
    elif data[:4] == b"GIF8":
        _check_gif(data, name)
    elif data[:4] in HEADERS:
        check_tiff(data, name)
    elif data[:4] in (b"II+\0", b"MM\0+"):
        raise ValueError(f"{name} must not be a BigTIFF, but is one; save it anew as TIFF, JPEG or PNG.")
    elif data[:2] == b"BM" and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        raise ValueError(f"{name} must not be a BMP with run lengths, but is one; save it anew as PNG.")
    elif data[4:8] == b"ftyp":  # AVIF, whose reader looks into the Exif data before anything else can
        check_hidden_exif(data, name)
    return None


def scans(data: bytes) -> int:
    """Number of scans of a JPEG, 1 for a file of another kind.

    Raises:
        ValueError: as `check_work`.
    """
    return _check_jpeg(data, "the bytes")[0] if data[:2] == b"\xff\xd8" else 1


def _check_jpeg(data: bytes, name: str) -> tuple[int, tuple[int, int]]:
    """Check the first image of a file, others may follow it; returns its number of scans and its size."""
    count, size, exif = 0, (0, 0), bytearray()
    for marker, begin, end in _segments(data, name):
        if marker in _FRAMES and begin + 5 <= len(data):
            if size != (0, 0):
                raise ValueError(two_sizes(name))
            height, width = struct.unpack_from(">HH", data, begin + 1)
            size = (width, height)
        elif marker == _APP1 and data[begin : begin + 6] == b"Exif\0\0":  # of several, Pillow puts them together
            exif += data[begin + (6 if exif else 0) : end]
        elif marker == _APP2 and data[begin : begin + 4] == b"MPF\0":  # a directory of further images
            check_exif(data[begin + 4 : end], name)
        elif marker == _SOS:
            count += 1
            _check_scans(count, size[0] * size[1], name)
    check_exif(bytes(exif), name)
    return count, size


def _check_scans(count: int, pixels: int, name: str) -> None:
    if count > MAX_SCANS:
        raise ValueError(too_many(name, MAX_SCANS, "scans"))
    if count > PLAIN_SCANS and count * pixels > MAX_SCANNED:
        raise ValueError(too_many(name, max(PLAIN_SCANS, MAX_SCANNED // pixels), "scans for its size"))


def _segments(data: bytes, name: str) -> Iterator[tuple[int, int, int]]:
    """(marker, begin, end) of the segments of a JPEG up to the end of its first image; the data of scans are skipped.

    Raises:
        ValueError: there are too many.
    """
    at = 2
    for _ in range(MAX_STEPS):
        if at + 2 > len(data):
            return
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xFF):  # junk and filling are passed over
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if marker == _EOI:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at + 4, end
        at = end
        if marker == _SOS:
            found = _SCAN_END.search(data, at)
            if found is None:
                return
            at = found.start()
    raise ValueError(too_many(name, MAX_STEPS, "segments"))


def _check_png(data: bytes, name: str) -> None:
    at = 8
    for _ in range(MAX_STEPS):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise ValueError(too_many(name, MAX_STEPS, "chunks"))


def _check_gif(data: bytes, name: str) -> None:
    """Walk the extensions before the first image: each consists of blocks of at most 255 bytes."""
    if len(data) < 13:
        return
    at, blocks = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0), 0
    for _ in range(MAX_STEPS):
        if at >= len(data) or data[at] in b",;":  # an image, or the end
            return
        if data[at] != 0x21:  # Pillow passes over what is no extension
            at += 1
            continue
        at += 2
        while length := data[at] if at < len(data) else 0:
            at, blocks = at + 1 + length, blocks + 1
            if blocks > MAX_BLOCKS:
                raise ValueError(too_many(name, MAX_BLOCKS, "blocks"))
        at += 1
    raise ValueError(too_many(name, MAX_STEPS, "blocks"))


def two_sizes(name: str) -> str:
    """The sentence for a JPEG of which its header and its decoder, or two of its headers, tell different sizes."""
    return f"{name} must have one size, but is a JPEG with two; save it anew."
