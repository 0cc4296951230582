"""Image files whose decoding takes far more work than a photo's: refused by their structure, before they are decoded.

Pillow bounds the pixels of a file, not the work that its bytes ask for: a JPEG of a few hundred kilobytes can hold
thousands of scans, each of which passes over the whole image, and the structure of most formats is read in Python, step
by step. Each check walks the structure of one format and stops at a limit that no camera or program comes near.
"""

import re
import struct

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
    """Walk the markers up to the end of the first image, others may follow it; returns its number of scans and size."""
    at, steps, count, pixels = 2, 0, 0, 0
    size, exif = (0, 0), bytearray()
    while at + 2 <= len(data):
        steps += 1
        if steps > MAX_STEPS:
            raise ValueError(too_many(name, MAX_STEPS, "segments"))
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF or marker in _BARE or marker == 0:  # junk and filling are passed over
            at += 2 if data[at] == 0xFF and marker in _BARE else 1
            continue
        if marker == 0xD9:  # the end of the image
            break
        if marker in _FRAMES and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
            if size != (0, 0):
                raise ValueError(two_sizes(name))
            size, pixels = (width, height), height * width
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":  # of several, Pillow puts them together
            exif += data[at + (10 if exif else 4) : end]
        elif marker == 0xE2 and data[at + 4 : at + 8] == b"MPF\0":  # a directory of further images
            check_exif(data[at + 8 : end], name)
        at = end
        if marker == 0xDA:
            count += 1
            if count > MAX_SCANS:
                raise ValueError(too_many(name, MAX_SCANS, "scans"))
            if count > PLAIN_SCANS and count * pixels > MAX_SCANNED:
                raise ValueError(too_many(name, max(PLAIN_SCANS, MAX_SCANNED // pixels), "scans for its size"))
            found = _SCAN_END.search(data, at)
            if found is None:
                break
            at = found.start()
    check_exif(bytes(exif), name)
    return count, size


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
