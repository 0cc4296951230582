"""Faces as the page shows them: one picture with numbered boxes, and a card for each face.

The HTML needs the script and the style sheet of `web.look`: clicks on boxes and cards select a face in the browser.
Every text that comes from a checkpoint is escaped.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

from PIL import Image

from fer_hub.boxes import area
from fer_hub.detection.quality import TOO_POOR, weakness
from fer_hub.drawing import colour_of
from fer_hub.inference.explaining import WHAT_IT_SHOWS, Explanation, available
from fer_hub.results import FacePrediction, percent

LARGEST = 1024
"""Longer side of the picture on the page, in pixels; downloads have the photo's own size."""

QUALITY = 75
"""Of these pictures as WebP, which look as those of JPEG's 82 and take half as much."""

CLOSE = 0.1
"""Two expressions whose probabilities differ by less are called hard to tell apart."""


def count(faces: Sequence[FacePrediction]) -> str:
    """The number of faces in words.

    >>> count([])
    '0 faces'
    """
    return f"{len(faces)} face{'' if len(faces) == 1 else 's'}"


def ranked(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    """(expression, probability), the most probable first."""
    return sorted(probabilities.items(), key=lambda pair: -pair[1])


def in_words(probabilities: Mapping[str, float]) -> str:
    """The two most probable expressions as a sentence part.

    >>> in_words({"sad": 0.16, "neutral": 0.69, "happy": 0.15})
    'most likely neutral, 69 %; next sad, 16 %'
    >>> in_words({"sad": 0.42, "neutral": 0.45, "happy": 0.13})
    'hard to tell: neutral, 45 %, or sad, 42 %'
    """
    (first, high), *others = ranked(probabilities)
    if not others:
        return f"{first}, {percent(high)}"
    second, low = others[0]
    if high - low < CLOSE:
        return f"hard to tell: {first}, {percent(high)}, or {second}, {percent(low)}"
    return f"most likely {first}, {percent(high)}; next {second}, {percent(low)}"


def announcement(faces: Sequence[FacePrediction]) -> str:
    """What a screen reader says of a result.

    >>> announcement([FacePrediction((0, 0, 9, 9), 1, "sad", {"sad": 0.9, "happy": 0.1})])
    '1 face: sad 90 %'
    """
    told = ", ".join(f"{face.emotion} {percent(face.probabilities[face.emotion])}" for face in faces)
    return f"{count(faces)}: {told}" if faces else "No face found"


def result(
    image: Image.Image,
    faces: Sequence[FacePrediction],
    crops: Sequence[Image.Image],
    labels: Sequence[str],
    number: str,
) -> str:
    """The picture and the cards as HTML.

    Args:
        image: the upright RGB photo.
        faces: its faces, the most prominent first, which is selected.
        crops: what the network sees of each.
        labels: the network's expressions in its order.
        number: tells this result from others.
    """
    if not faces:
        return f'<div class="fer-result fer-alone" data-result="{number}">{picture(image, faces, labels)}</div>'
    cards = "".join(
        card(image, face, crop, number, labels)
        for number, (face, crop) in enumerate(zip(faces, crops, strict=True), start=1)
    )
    return (
        f'<div class="fer-result" data-result="{number}" '
        f'data-announce="{escape(announcement(faces))}">{picture(image, faces, labels)}'
        f'<div class="fer-cards">{cards}</div></div>'
    )


def picture(image: Image.Image, faces: Sequence[FacePrediction], labels: Sequence[str]) -> str:
    """The photo with a numbered box on every face; smaller boxes lie above larger ones."""
    order = sorted(range(len(faces)), key=lambda index: -area(faces[index].box))
    boxes = "".join(
        f'<button type="button" tabindex="-1" class="fer-box" data-face="{index + 1}" '
        f'aria-pressed="{str(index == 0).lower()}" aria-label="{escape(named(face, index + 1))}" '
        f'style="{_place(face.box, image.size)};z-index:{order.index(index) + 1};{_colour(face.emotion, labels)}">'
        f'<span class="fer-number">{index + 1}</span></button>'
        for index, face in enumerate(faces)
    )
    width, height = image.size
    return (
        f'<figure class="fer-picture" style="--ratio:{width / height:.4f}"><div class="fer-frame">'
        f'<img src="{data_url(image, LARGEST)}" width="{width}" height="{height}" alt="The photo with '
        f'{count(faces)} marked">{boxes}</div></figure>'
    )


def card(image: Image.Image, face: FacePrediction, crop: Image.Image, number: int, labels: Sequence[str]) -> str:
    """The card of a face: its crop, the result in words, all probabilities, and what makes it unsure."""
    return (
        f'<article class="fer-card" data-face="{number}" aria-label="Face {number}" '
        f'style="{_colour(face.emotion, labels)}" data-selected="{str(number == 1).lower()}">'
        f'<button type="button" class="fer-choose" data-face="{number}" aria-pressed="{str(number == 1).lower()}" '
        f'data-announce="{escape(named(face, number))}">'
        f'<img src="{data_url(crop)}" width="56" height="56" alt=""><span class="fer-number">{number}</span>'
        f'<span class="fer-words"><span class="fer-hidden">Face {number}: </span>{_words(face)}</span></button>'
        f'{bars(face.probabilities, labels)}<p class="fer-quality">{escape(visibility(image, face))}</p>'
        f"{_why_button(face, number) if available() else ''}</article>"
    )


def named(face: FacePrediction, number: int) -> str:
    """The name of a face's box and card.

    >>> named(FacePrediction((0, 0, 9, 9), 1, "sad", {"sad": 0.9, "happy": 0.1}), 2)
    'Face 2: most likely sad, 90 %; next happy, 10 %'
    """
    return f"Face {number}: {in_words(face.probabilities)}"


def visibility(image: Image.Image, face: FacePrediction) -> str:
    """How much of a face can be seen: its quality, or why that is too poor."""
    if face.quality is None:
        return ""
    if face.quality < TOO_POOR:
        return f"{weakness(image, face.box).capitalize()} to tell: take the bars as a guess."
    return f"Visibility of the face {percent(face.quality)}"


def bars(probabilities: Mapping[str, float], labels: Sequence[str]) -> str:
    """One bar per expression, always in the network's order, each in the colour of its expression."""
    best = max(probabilities, key=probabilities.__getitem__, default="")
    rows = "".join(
        f'<li class="fer-bar{" fer-best" if label == best else ""}" style="{_colour(label, labels)}">'
        f'<span class="fer-label">{escape(label)}</span>'
        f'<span class="fer-track"><span class="fer-fill" style="width:{100 * probabilities[label]:.1f}%"></span></span>'
        f'<span class="fer-share">{percent(probabilities[label])}</span></li>'
        for label in labels
        if label in probabilities
    )
    return f'<ul class="fer-bars">{rows}</ul>'


def why(told: Explanation, face: FacePrediction, number: int) -> str:
    """The heat map of a face as HTML, and what it says and does not."""
    what = f"Face {number}: what “{told.emotion}”, {percent(face.probabilities[told.emotion])}, depends on."
    return (
        f'<figure class="fer-heat"><img src="{data_url(told.picture())}" width="224" height="224" '
        f'alt="Heat map over face {number}"><figcaption><strong>{escape(what)}</strong> {escape(WHAT_IT_SHOWS)}'
        f"</figcaption></figure>"
    )


def data_url(image: Image.Image, largest: int = 0) -> str:
    """An image as a data URL: WebP, shrunk to a longer side of at most `largest` pixels (0: not shrunk)."""
    if largest and max(image.size) > largest:
        image = image.copy()
        image.thumbnail((largest, largest), reducing_gap=3.0)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _words(face: FacePrediction) -> str:
    (first, high), *others = ranked(face.probabilities)
    if not others:
        return f"<strong>{escape(first)}, {percent(high)}</strong>"
    second, low = others[0]
    if high - low < CLOSE:
        return (
            f"hard to tell: <strong>{escape(first)}, {percent(high)}</strong>, or "
            f"<strong>{escape(second)}, {percent(low)}</strong>"
        )
    return (
        f"most likely <strong>{escape(first)}, {percent(high)}</strong>; "
        f'<span class="fer-next">next {escape(second)}, {percent(low)}</span>'
    )


def _why_button(face: FacePrediction, number: int) -> str:
    return f'<button type="button" class="fer-why" data-number="{number}">Why {escape(face.emotion)}?</button>'


def _colour(label: str, labels: Sequence[str]) -> str:
    return "--c:#{:02x}{:02x}{:02x}".format(*colour_of(label, labels))


def _place(box: Sequence[float], size: tuple[int, int]) -> str:
    x0, y0, x1, y1 = box
    width, height = size
    return (
        f"left:{100 * x0 / width:.2f}%;top:{100 * y0 / height:.2f}%;"
        f"width:{100 * (x1 - x0) / width:.2f}%;height:{100 * (y1 - y0) / height:.2f}%"
    )
