"""Probability bars in a corner of the image, for people who watch the image rather than the page."""

from collections.abc import Mapping
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from fer_hub.drawing import colour_of


def draw_bars(image: Image.Image, probabilities: Mapping[str, float], note: str = "") -> Image.Image:
    """Draw a panel of bars into the upper left corner of an RGB image, in place.

    Args:
        image: at least 160 px wide; the panel takes a quarter of its width.
        probabilities: label → probability in [0, 1]; empty for no bars.
        note: line of text below the bars, such as the frame rate.

    Returns:
        The same image.
    """
    width = max(120, image.width // 4)
    row = max(14, round(width * 0.12))
    font = _font(max(9, round(row * 0.62)))
    lines = len(probabilities) + bool(note)
    if not lines:
        return image
    panel = (0, 0, min(width, image.width), min(lines * row + 6, image.height))
    image.paste(Image.eval(image.crop(panel), lambda value: value // 3), panel[:2])  # dark behind white text
    pen = ImageDraw.Draw(image)
    labels = list(probabilities)
    middle, y = round(width * 0.42), 3
    for label, probability in probabilities.items():
        pen.text((4, y + row // 2), label, fill="white", font=font, anchor="lm")
        end = middle + (width - middle - 6) * min(max(probability, 0.0), 1.0)
        pen.rectangle((middle, y + 3, max(end, middle + 1), y + row - 3), fill=colour_of(label, labels))
        y += row
    if note:
        pen.text((4, y + row // 2), note, fill="white", font=font, anchor="lm")
    return image


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=size)  # takes a millisecond
