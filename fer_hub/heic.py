"""HEIC, the photo format of iPhones, for Pillow: supported if the package pillow-heif is installed."""

import contextlib
from functools import cache


@cache
def register_heic() -> bool:
    """Register HEIC with Pillow if pillow-heif is installed; returns whether it is.

    Only the primary image of a file is read, not its thumbnails or depth images. libheif decodes no more pixels than
    the header states, and `load_image` checks that number before decoding.
    """
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, aux_images=False, depth_images=False)
        return True
    return False


def is_heic(start: bytes) -> bool:
    """Whether a file that begins with these bytes, at least 12 of them, is HEIC.

    >>> is_heic(b"\\0\\0\\0\\x1cftypheic"), is_heic(b"\\0\\0\\0\\x1cftypmp42")
    (True, False)
    """
    return start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"heim", b"heis", b"mif1")
