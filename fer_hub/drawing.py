"""Drawing predictions on a copy of the photo."""

from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from fer_hub.boxes import Box, area, intersection, move_inside
from fer_hub.fonts import Line
from fer_hub.images import ImageSource, load_image
from fer_hub.results import FacePrediction, percent

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "angry": (213, 94, 0),  # vermillion
    "disgust": (0, 158, 115),  # bluish green
    "fear": (204, 121, 167),  # reddish purple
    "happy": (240, 228, 66),  # yellow
    "sad": (0, 114, 178),  # blue
    "surprise": (230, 159, 0),  # orange
    "neutral": (86, 180, 233),  # sky blue
    "contempt": (136, 51, 238),  # violet
}
"""Emotion → RGB: the palette of Okabe and Ito (2008, Color Universal Design), which people with any kind of colour
vision can distinguish, and for FER+'s contempt a violet that is at least as distinct from the others. The label shows
the same in words."""

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def colour_of(emotion: str, labels: Sequence[str] = ()) -> Colour:
    """The colour of an emotion: from `COLOURS`, or for other names by its position among the model's labels.

    Example:
        >>> colour_of("happy"), colour_of("boredom", ["anger", "boredom"])
        ((240, 228, 66), (0, 158, 115))
    """
    if emotion in COLOURS:
        return COLOURS[emotion]
    position = list(labels).index(emotion) if emotion in labels else 0
    return list(COLOURS.values())[position % len(COLOURS)]


def draw(image: ImageSource, predictions: Iterable[FacePrediction]) -> Image.Image:
    """Draw a box and a label such as "happy 93 %" for every face, "2: happy 93 %" for one with an id.

    Lines and text scale with the photo and the face. A label is placed above its box if there is room, otherwise
    where it covers the least of any face; it is always inside the photo.

    Args:
        image: the photo, anything that `load_image` accepts; not modified.
        predictions: the result of `FERPipeline` for the photo, or of `FaceTracker`.

    Returns:
        A new RGB image of the same size as the upright photo.

    Raises:
        TypeError: a prediction is not a `FacePrediction`.

    Example:
        >>> face = FacePrediction((20, 40, 80, 100), 0.9, "happy", {"happy": 0.93, "sad": 0.07})
        >>> draw(Image.new("L", (200, 150)), [face])
        <PIL.Image.Image image mode=RGB size=200x150 at ...>
    """
    canvas = load_image(image)
    faces = list(predictions)
    for face in faces:
        if not isinstance(face, FacePrediction):
            raise TypeError(
                f"predictions must be the FacePrediction values that FERPipeline returns for one photo, got "
                f"{type(face).__name__}."
            )
    pen = ImageDraw.Draw(canvas)
    for face in faces:
        _outline(pen, face.box, _line_width(face.box, canvas.size), colour_of(face.emotion, list(face.probabilities)))
    placed: list[Box] = []
    for face in faces:
        text = _label(face)
        line, padding = _line(text, face.box, canvas.size)
        left, top, right, bottom = line.bbox
        size = (right - left + 2 * padding, bottom - top + 2 * padding)
        others = [other.box for other in faces if other is not face]
        label = _place(size, face.box, others, placed, canvas.size, _line_width(face.box, canvas.size))
        placed.append(label)
        colour = colour_of(face.emotion, list(face.probabilities))
        pen.rectangle((label[0], label[1], label[2] - 1, label[3] - 1), fill=colour)
        line.draw(pen, (label[0] + padding - left, label[1] + padding - top), _readable_on(colour))
    return canvas


def _label(face: FacePrediction) -> str:
    text = f"{face.emotion} {percent(face.probabilities[face.emotion])}"
    face_id = getattr(face, "face_id", None)  # of a TrackedFace
    return text if face_id is None else f"{face_id}: {text}"


def _line_width(box: Box, size: tuple[int, int]) -> int:
    return max(1, round(min(max(size) / 240, (box[2] - box[0]) / 20)))


def _outline(pen: ImageDraw.ImageDraw, box: Box, width: int, colour: Colour) -> None:
    """A coloured frame between two thin dark ones, so that it is visible on every background."""
    x0, y0, x1, y1 = (round(edge) for edge in box)
    x1, y1 = max(x0, x1 - 1), max(y0, y1 - 1)
    rim = max(1, width // 3) if width > 1 else 0
    if rim:
        pen.rectangle((x0 - rim, y0 - rim, x1 + rim, y1 + rim), outline=_BLACK, width=width + 2 * rim)
    pen.rectangle((x0, y0, x1, y1), outline=colour, width=width)


def _line(text: str, box: Box, size: tuple[int, int]) -> tuple[Line, int]:
    """The text and the padding around it in pixels: a fifth of the face, bounded by the photo's size."""
    longer = max(size)
    height = min(max((box[2] - box[0]) * 0.18, longer * 0.014, 11), max(longer * 0.04, 11))
    while True:
        line = Line(text, height)
        padding = max(1, round(height / 5))
        if line.length + 2 * padding <= size[0] or height <= 5:
            return line, padding
        height = max(5, height * 0.9)


def _place(
    size: tuple[float, float],
    box: Box,
    other_faces: list[Box],
    labels: list[Box],
    photo: tuple[int, int],
    gap: int,
) -> Box:
    """The position where a label of that size covers least: of other labels, then other faces, then its own face."""
    x0, y0, x1, y1 = box
    width, height = size
    rows = (y0 - height - gap, y1 + gap, y0 + gap, y1 - height - gap)  # above, below, inside at the top and bottom
    columns = (x0, x1 - width, (x0 + x1 - width) / 2)
    corners = [(x, y) for y in rows for x in columns]
    corners += [(x1 + gap, y0), (x0 - width - gap, y0)]  # beside it
    best, least = box, float("inf")
    for order, (x, y) in enumerate(corners):
        label = move_inside((round(x), round(y), round(x) + width, round(y) + height), *photo)
        hidden = (
            4 * sum(intersection(label, other) for other in labels)
            + 2 * sum(intersection(label, other) for other in other_faces)
            + intersection(label, box)
        )
        cost = hidden / area(label) + order * 0.01
        if cost < least:
            best, least = label, cost
    return best


def _readable_on(colour: Colour) -> Colour:
    """Black or white, whichever has more contrast by WCAG 2's relative luminance."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _BLACK if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else _WHITE
