"""Probability bars in a corner of the image, for people who watch the image rather than the page."""

from collections.abc import Mapping

from PIL import Image, ImageDraw

from fer_hub.drawing import colour_of
from fer_hub.fonts import Line


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
    size = max(9, round(row * 0.62))
    lines = len(probabilities) + bool(note)
    if not lines:
        return image
    panel = (0, 0, min(width, image.width), min(lines * row + 6, image.height))
    image.paste(Image.eval(image.crop(panel), lambda value: value // 3), panel[:2])  # dark behind white text
    pen = ImageDraw.Draw(image)
    labels = list(probabilities)
    middle, y = round(width * 0.42), 3
    for label, probability in probabilities.items():
        _write(pen, label, size, y + row // 2)
        end = middle + (width - middle - 6) * min(max(probability, 0.0), 1.0)
        pen.rectangle((middle, y + 3, max(end, middle + 1), y + row - 3), fill=colour_of(label, labels))
        y += row
    if note:
        _write(pen, note, size, y + row // 2)
    return image


def _write(pen: ImageDraw.ImageDraw, text: str, size: int, middle: int) -> None:
    line = Line(text, size)
    line.draw(pen, (4, middle - line.height // 2), (255, 255, 255))
