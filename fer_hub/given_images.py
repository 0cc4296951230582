"""Opened images of Pillow, also those of callers: read only when needed, and perhaps by several threads at once."""

import contextlib
import threading
from collections.abc import Iterator

from PIL import Image, ImageOps

from fer_hub.forking import renew_after_fork
from fer_hub.tiff_bounds import check_exif_of


class _Locks:
    """One of 64 for each image, by its identity: images have neither a lock nor a hash."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._all = [threading.Lock() for _ in range(64)]

    def of(self, image: Image.Image) -> threading.Lock:
        return self._all[id(image) // 16 % len(self._all)]


_LOCKS = _Locks()
renew_after_fork(_LOCKS)


def upright(image: Image.Image, name: str) -> Image.Image:
    """A copy of an opened image, turned as its Exif data say.

    Pillow decodes pixels and Exif data when they are asked for the first time, and two threads that ask at once spoil
    each other's reading; so one thread at a time is at work on an image.

    Args:
        image: opened, decoded or not.
        name: what the sentence calls it, such as "the file".

    Raises:
        ValueError: it is damaged, or it or its file has been closed.

    Example:
        >>> upright(Image.new("L", (30, 20)), "the image").size
        (30, 20)
    """
    with _LOCKS.of(image):
        try:
            with _complete(name):
                image.load()
        except ValueError:
            if not _is_closed(image):
                raise
            raise ValueError(
                f"{name} must be open, but it or its file was closed before its pixels were read; use it inside its "
                "with block, or pass the path."
            ) from None
        check_exif_of(image, name)
        with _complete(name):
            return ImageOps.exif_transpose(image)


@contextlib.contextmanager
def _complete(name: str) -> Iterator[None]:
    """Pillow's readers raise nearly anything for damaged files."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{name} must be a complete image, but is cut off or damaged ({error}); copy or download it again."
        ) from None


def _is_closed(image: Image.Image) -> bool:
    try:
        read = image.im is not None
    except ValueError:
        return True
    except AssertionError:  # nothing is read yet; without assertions it is None
        read = False
    file = getattr(image, "fp", None)
    return not read and (file is None or bool(getattr(file, "closed", False)))
