"""Pillow's modes as RGB, piece by piece: a photo of 40 million pixels as floats would take 320 MB for each step."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

_BAND = 128
"""Rows that are converted at a time."""


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """An image of any of Pillow's modes as RGB, see `fer_hub.images.load_image`; the same object if it is RGB.

    Args:
        image: upright.
        name: what the sentence calls it, such as "the file".

    Raises:
        ValueError: its grey values are not from 0 to 65535.

    Example:
        >>> to_rgb(Image.new("RGBA", (2, 2)), "the image").getpixel((0, 0))
        (255, 255, 255)
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_to_rgb(image, name)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _in_bands(image, _over_white)
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey_to_rgb(image: Image.Image, name: str) -> Image.Image:
    """An image of mode "I", "F" or "I;16" as RGB."""
    ends = [(float(part.min()), float(part.max())) for part in map(np.asarray, _bands(image))]
    low, high = np.min([end[0] for end in ends]), np.max([end[1] for end in ends])  # NaN if there is one
    if not (low >= 0 and high <= 65535):
        raise ValueError(f"{name} must have grey values from 0 to 65535, got {low:g} to {high:g}; rescale them.")

    def convert(part: Image.Image) -> Image.Image:
        values = np.asarray(part).astype(np.float64)
        if image.mode.startswith("I;16") or high > 255:
            values = values / 257
        elif image.mode == "F" and high <= 1:
            values = values * 255
        return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")

    return _in_bands(image, convert)


def _over_white(image: Image.Image) -> Image.Image:
    """A transparent image over white: the network must not see invisible colours."""
    if image.mode == "La":  # premultiplied; Pillow converts it only via LA
        image = image.convert("LA")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """Pieces of an image from top to bottom, so that what is made of them takes little memory."""
    for top in range(0, image.height, _BAND):
        yield image.crop((0, top, image.width, min(top + _BAND, image.height)))


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """An RGB image made of `image` piece by piece."""
    whole = Image.new("RGB", image.size)
    for index, part in enumerate(_bands(image)):
        whole.paste(convert(part), (0, index * _BAND))
    return whole
