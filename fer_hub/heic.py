"""HEIC, the photographs of iPhones, for Pillow: read where the package pillow-heif is installed."""

import contextlib
from functools import cache


@cache
def register_heic() -> bool:
    """Let Pillow read HEIC, where pillow-heif is installed; returns whether it is.

    Of a file only the picture itself is read, nothing that lies beside it. libheif decodes no more pixels than the
    header names, and that number is what `load_image` looks at before it decodes.
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
