"""Fifty photographs as people take them, made of two portraits: every face is found, and nothing else."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from benchmarks.collage import EXAMPLES, PORTRAITS
from fer_hub.boxes import Box, iou, scale, shift
from fer_hub.detection.detector import FaceDetector
from fer_hub.images import load_image

Case = tuple[Image.Image, list[Box]]


def portrait(name: str) -> Case:
    return load_image(EXAMPLES / f"{name}.jpg"), [PORTRAITS[name]]


def resized(name: str, width: float) -> Case:
    """A portrait whose face has that width in pixels."""
    image, [box] = portrait(name)
    factor = width / (box[2] - box[0])
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0), [scale(box, factor)]


def cut(left: float, top: float, right: float, bottom: float) -> Callable[[str], Case]:
    """The border runs through the face, so much of its box into it."""

    def make(name: str) -> Case:
        image, [(x0, y0, x1, y1)] = portrait(name)
        w, h = x1 - x0, y1 - y0
        window = (
            round(x0 + left * w) if left else 0,
            round(y0 + top * h) if top else 0,
            round(x1 - right * w) if right else image.width,
            round(y1 - bottom * h) if bottom else image.height,
        )
        return image.crop(window), [shift((x0, y0, x1, y1), -window[0], -window[1])]

    return make


def changed(change: Callable[[Image.Image], Image.Image]) -> Callable[[str], Case]:
    """The portrait with other pixels in the same places."""

    def make(name: str) -> Case:
        image, boxes = portrait(name)
        return change(image), boxes

    return make


def infrared(image: Image.Image) -> Image.Image:
    """Grey, skin bright, eyes dark, noisy, as cameras see at night."""
    red = np.asarray(image, np.float32)[:, :, 0] / 255
    noise = np.random.default_rng(0).normal(0, 0.03, red.shape)
    return Image.fromarray(((red**0.7 + noise).clip(0, 1) * 255).astype(np.uint8)).convert("RGB")


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 20, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image, np.float32) + noise).clip(0, 255).astype(np.uint8))


def compressed(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=8)
    return Image.open(stream).convert("RGB")


def tinted(image: Image.Image) -> Image.Image:
    return ImageOps.colorize(image.convert("L"), (10, 5, 40), (200, 220, 255))


def mirrored(name: str) -> Case:
    image, [(x0, y0, x1, y1)] = portrait(name)
    return ImageOps.mirror(image), [(image.width - x1, y0, image.width - x0, y1)]


def tilted(angle: float) -> Callable[[str], Case]:
    """The whole portrait turned clockwise about the middle of the face."""

    def make(name: str) -> Case:
        image, [box] = portrait(name)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        return image.rotate(-angle, Image.Resampling.BICUBIC, center=middle, fillcolor=(120, 120, 120)), [box]

    return make


def upside_down(name: str) -> Case:
    image, [(x0, y0, x1, y1)] = portrait(name)
    box = (image.width - x1, image.height - y1, image.width - x0, image.height - y0)
    return image.transpose(Image.Transpose.ROTATE_180), [box]


def on_its_side(name: str) -> Case:
    image, [(x0, y0, x1, y1)] = portrait(name)
    return image.transpose(Image.Transpose.ROTATE_270), [(image.height - y1, x0, image.height - y0, x1)]


def overlapping(name: str) -> Case:
    """Two heads, the one in front hides a part of the other."""
    photo = Image.new("RGB", (500, 400), (90, 110, 100))
    boxes = []
    for person, x in ((name, 60), (next(other for other in PORTRAITS if other != name), 185)):
        image, [box] = resized(person, 130)
        window = (round(box[0]) - 25, round(box[1]) - 50, round(box[2]) + 25, round(box[3]) + 60)
        photo.paste(image.crop(window), (x, 80))
        boxes.append(shift(box, x - window[0], 80 - window[1]))
    return photo, boxes


def large_beside_small(name: str) -> Case:
    other = next(other for other in PORTRAITS if other != name)
    large, [big] = resized(name, 400)
    small, [little] = resized(other, 30)
    photo = Image.new("RGB", (1100, 800), (150, 150, 140))
    window = (round(big[0]) - 150, round(big[1]) - 200, round(big[2]) + 150, round(big[3]) + 200)
    photo.paste(large.crop(window), (0, 0))
    photo.paste(small, (850, 300))
    return photo, [shift(big, -window[0], -window[1]), shift(little, 850, 300)]


def photograph_of_a_photograph(name: str) -> Case:
    """A print with a white edge, lying a little askew on a table."""
    image, [box] = resized(name, 110)
    window = [round(edge) for edge in (box[0] - 80, box[1] - 80, box[2] + 80, box[3] + 90)]
    printed = ImageOps.expand(image.crop(window), 15, "white")
    table = Image.new("RGB", (900, 700), (110, 80, 50))
    askew = printed.convert("RGBA").rotate(7, Image.Resampling.BICUBIC, expand=True)
    table.paste(askew, (250, 150), askew)
    middle = (250 + askew.width / 2, 150 + askew.height / 2 - 5)
    return table, [(middle[0] - 55, middle[1] - 55, middle[0] + 55, middle[1] + 55)]


def huge(name: str) -> Case:
    """Twelve megapixels with one small face."""
    image, [box] = resized(name, 60)
    photo = Image.new("RGB", (4000, 3000), (140, 150, 160))
    photo.paste(image, (2900, 300))
    return photo, [shift(box, 2900, 300)]


def strip(name: str) -> Case:
    image, [box] = resized(name, 60)
    window = (round(box[0]) - 60, round(box[1]) - 60, round(box[2]) + 60, round(box[3]) + 60)
    photo = Image.new("RGB", (1600, 180), (80, 90, 120))
    photo.paste(image.crop(window), (1200, 0))
    return photo, [shift(box, 1200 - window[0], -window[1])]


KINDS: dict[str, Callable[[str], Case]] = {
    "cut on the left": cut(0.3, 0, 0, 0),
    "cut on the right": cut(0, 0, 0.3, 0),
    "cut above": cut(0, 0.2, 0, 0),
    "cut below": cut(0, 0, 0, 0.25),
    "cut in a corner": cut(0.15, 0.15, 0, 0),
    "overlapping": overlapping,
    "large beside small": large_beside_small,
    "grey": changed(lambda image: image.convert("L").convert("RGB")),
    "infrared": changed(infrared),
    "compressed": changed(compressed),
    "mirrored": mirrored,
    "a photograph of a photograph": photograph_of_a_photograph,
    "dark": changed(lambda image: ImageEnhance.Brightness(image).enhance(0.3)),
    "bright": changed(lambda image: ImageEnhance.Brightness(image).enhance(1.7)),
    "flat": changed(lambda image: ImageEnhance.Contrast(image).enhance(0.3)),
    "blurred": changed(lambda image: image.filter(ImageFilter.GaussianBlur(4))),
    "noisy": changed(noisy),
    "tinted": changed(tinted),
    "tilted to the right": tilted(30),
    "tilted to the left": tilted(-45),
    "upside down": upside_down,
    "on its side": on_its_side,
    "tiny": lambda name: resized(name, 24),
    "huge": huge,
    "a strip": strip,
}


@pytest.fixture(scope="module")
def detector():
    with FaceDetector() as detector:
        yield detector


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_faces_are_found_and_nothing_else(detector, kind, name):
    image, truth = KINDS[kind](name)
    faces = detector.detect(image)
    found = [max((iou(face.box, box) for face in faces), default=0.0) for box in truth]
    assert min(found) > 0.4 and len(faces) == len(truth), (found, faces)
