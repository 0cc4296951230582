"""Text in the scripts that class names are written in: for every character a font that has it."""

from functools import cache, cached_property, lru_cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

FALLBACK = Path(__file__).resolve().parent / "assets" / "fonts" / "DroidSansFallback.ttf"
"""Chinese, Japanese and Korean."""


@lru_cache(maxsize=64)  # a millisecond each time
def _font(number: int, size: float) -> ImageFont.FreeTypeFont:
    """Number 0 is Pillow's own, Latin only; 1 is DejaVu Sans, with Cyrillic, Greek, Arabic, Hebrew; 2 is `FALLBACK`."""
    if number == 0:
        return ImageFont.load_default(size)
    if number == 1:
        import matplotlib  # mediapipe brings it, and it brings the font

        return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
    return ImageFont.truetype(FALLBACK, size)


_FONTS = range(3)


@cache
def _has(number: int, character: str) -> bool:
    """Whether a font draws a character as anything but the box for those that it lacks."""
    font = _font(number, 20)
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def split_by_font(text: str) -> list[tuple[str, int]]:
    """A text cut into parts, each with the number of a font that has all its characters.

    Characters that no font has are drawn as boxes by the first one.

    Example:
        >>> split_by_font("happy 93 %"), split_by_font("高兴 93 %")
        ([('happy 93 %', 0)], [('高兴 ', 2), ('93 %', 0)])
    """
    for number in _FONTS:
        if all(_has(number, character) for character in text):
            return [(text, number)]
    parts: list[tuple[str, int]] = []
    for character in text:
        number = next((number for number in _FONTS if _has(number, character)), 0)
        if parts and (character.isspace() or number == parts[-1][1]):
            parts[-1] = (parts[-1][0] + character, parts[-1][1])
        else:
            parts.append((character, number))
    return parts


class Line:
    """One line of text, in as many fonts as it needs.

    Args:
        text: what is written, in logical order.
        size: of the fonts in pixels.

    Example:
        >>> line = Line("happy", 20)
        >>> line.length == ImageFont.load_default(20).getlength("happy")
        True
    """

    def __init__(self, text: str, size: float) -> None:
        self._parts = [(part, _font(number, size)) for part, number in split_by_font(text)]
        self._first = _font(0, size)
        self._baseline = self._first.getmetrics()[0]

    @cached_property
    def length(self) -> float:
        """Advance of the whole line in pixels."""
        return sum(font.getlength(part) for part, font in self._parts)

    @cached_property
    def bbox(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of the ink, seen from where `draw` begins; as high as "Ag" at least.

        The height is that of the fonts, not of this text, so that all labels in a script are equally high.
        """
        boxes = [font.getbbox(part, anchor="ls") for part, font in self._parts]
        top, bottom = self._first.getbbox("Ag")[1::2]
        if any(font is not self._first for _, font in self._parts):
            top = min(top, *(self._baseline + box[1] for box in boxes))
            bottom = max(bottom, *(self._baseline + box[3] for box in boxes))
        before = self.length - self._parts[-1][1].getlength(self._parts[-1][0])
        return boxes[0][0], top, before + boxes[-1][2], bottom

    @cached_property
    def height(self) -> int:
        """Ascent and descent of the first font in pixels."""
        return sum(self._first.getmetrics())

    def draw(self, pen: ImageDraw.ImageDraw, position: tuple[float, float], fill: tuple[int, int, int]) -> None:
        """Write the line with its left upper corner at a position."""
        x, y = position
        for part, font in self._parts:
            pen.text((x, y + self._baseline), part, font=font, fill=fill, anchor="ls")
            x += font.getlength(part)
