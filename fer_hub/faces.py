"""Finding the faces of a photo.

A search has two steps. First one or both models look at the whole photo, shrunk to what they need, and at
overlapping parts of it if it is large, and name candidates generously. Then the short-range model takes a close
look at every candidate, cut out with the same surroundings whatever its size in the photo, and at the mirror
image of that cut. Only what both looks call a face, with eyes, nose and mouth in the same places, stays; its box
is the mean of the two. That does three things: noise and patterns that resemble a face once are sorted out, small
faces that were unsure from afar are kept, and every box means the same, whichever model found it and however
large it is, so that one framing (`fer_hub.framing`) fits all.
"""

import math
from typing import Self

import numpy as np
from PIL import ExifTags, Image, ImageOps, ImageStat

from fer_hub.blazeface import CLOSED, BlazeFace
from fer_hub.boxes import Box, centre, iou, nms, scale, shift, square
from fer_hub.images import crop, load_image
from fer_hub.results import KEYPOINTS, Face

MODELS = ("both", "short_range", "full_range")
"""Values of `FaceDetector(model=...)`."""

DEFAULT_MIN_SCORE = 0.5
"""98.3 % of 600 FER-2013 training images reach it, as they are and on a grey canvas; so do 19 of 900 cut-outs
of photos without a face, and 6 of 685 pictures of noise, plain colours, soft blobs and icons."""

CANDIDATE_SCORE = 0.3
"""What the first step takes for a candidate. From 0.5 down to 0.3, a third more small faces are found."""

SEARCH_SIZE = (192, 640)
"""The photo's longer side is brought into this range for the first step, in pixels. The models see 128 and 192
pixels of it; with more than 640 they find no further face."""

LOOK_SIZE, LOOK_MARGIN = 192, 2.0
"""Close looks are squares of this many pixels, whose side is this many times the candidate's."""

PARTS_FROM, PART, OVERLAP = 1280, 0.4, 0.2
"""Photos whose longer side has more pixels than the first are searched in parts too: squares of that share of
the longer side, each sharing that much of its side with the next. In 1600x1200 pixels with twelve people, parts
raise the share of faces found from 4 to 93 % where faces are 3 % of the longer side wide, and from 35 to 100 %
where they are 5 %."""

PADDING_GREY = (128, 128, 128)
"""Colour around photos whose face is cut off by the edges; see `FaceDetector.detect`."""

CLOSE_UP = 0.4
"""What is found only with that border must be wider than this part of the photo's shorter side."""

DISAGREEMENT = 2.0
"""What a distance between the keypoints of two looks costs in score; see `_agreed`."""

_MIRRORED = ("left_eye", "right_eye", "nose_tip", "mouth_center", "left_ear_tragion", "right_ear_tragion")


class FaceDetector:
    """Find the faces of a photo. Threads may share a detector; close it after use, or use it with `with`.

    Args:
        model: "short_range" for faces from about an eighth of the photo's longer side upwards (webcam,
            portraits), "full_range" for smaller ones too, down to about a fifteenth (a thirtieth in photos of
            more than 1280 pixels), but poor for faces that fill the photo; "both" for all of them, at the price
            of both.
        min_score: faces with a lower score are left out, 0 to 1.

    Raises:
        ValueError: an argument is not the above.

    Example:
        >>> with FaceDetector() as detector:
        ...     [face] = detector.detect(load_image("examples/astronaut.jpg"))
        >>> [round(edge / 10) * 10 for edge in face.box], round(face.score, 1)
        ([170, 70, 280, 170], 0.9)
    """

    def __init__(self, model: str = "both", min_score: float = DEFAULT_MIN_SCORE) -> None:
        if model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model!r}; both is the default.")
        if isinstance(min_score, bool) or not isinstance(min_score, (int, float)) or not 0 <= min_score <= 1:
            raise ValueError(
                f"min_score must be a number from 0 to 1, got {min_score!r}; the default is {DEFAULT_MIN_SCORE}."
            )
        self.model = model
        self.min_score = min_score
        self._closed = False
        self._close_up = BlazeFace("short_range", CANDIDATE_SCORE)
        self._searchers = [self._close_up] if model in ("both", "short_range") else []
        if model in ("both", "full_range"):
            self._searchers.append(BlazeFace("full_range", CANDIDATE_SCORE))

    def detect(self, image: Image.Image) -> list[Face]:
        """All faces of a photo, the one with the largest box first; an empty list where there is none.

        Where nothing is found, the photo is searched once more with a grey border of half its size all around:
        the models miss faces that are cut off by the edges. Of 1,500 FER-2013 training images, which are cut
        off at the hairline, the short-range model at a score of 0.5 names 94.4 % without a border and 99.3 %
        with this one (white 99.2 %, black 98.5 %, repeated edges 97.1 %, mirrored edges 96.7 %).

        Args:
            image: an upright RGB photo; whatever else `load_image` takes is loaded by it.

        Raises:
            RuntimeError: the detector is closed, or MediaPipe failed twice in a row.
        """
        if self._closed:
            raise RuntimeError(CLOSED)
        if not _is_upright_rgb(image):
            image = load_image(image)
        faces = self._search(image)
        if not faces:
            least = CLOSE_UP * min(image.size)
            faces = [face for face in self._search(image, padded=True) if face.box[2] - face.box[0] > least]
        return sorted(faces, key=lambda face: -face.area)

    def close(self) -> None:
        """Free the models; a second call does nothing."""
        self._closed = True
        for model in {self._close_up, *self._searchers}:
            model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _search(self, image: Image.Image, *, padded: bool = False) -> list[Face]:
        # one copy of a size at which no view has to be shrunk much, because shrinking 12 megapixels takes long
        base, factor = _shrunk(image, round(SEARCH_SIZE[1] / PART))
        candidates = []
        for model in self._searchers:
            views = [(0, 0, base.width, base.height)]
            if model.model == "full_range" and max(image.size) > PARTS_FROM and not padded:
                views += _parts(base.size)
            for view in views:
                candidates += _look_from_afar(model, base, view, padded=padded)
        boxes = [scale(candidate.box, 1 / factor) for candidate in _best_of_each_place(candidates, 0.5)]
        faces = [face for box in boxes if (face := self._look_closely(image, box)) is not None]
        return _best_of_each_place(faces, 0.3)

    def _look_closely(self, image: Image.Image, box: Box) -> Face | None:
        """The face at a candidate's place as two looks see it; `None` where they do not call it one."""
        if not _centre_inside(box, image):
            return None
        around = square(box, LOOK_MARGIN * max(box[2] - box[0], box[3] - box[1]))
        look = crop(image, around, LOOK_SIZE, fill=PADDING_GREY)
        if max(ImageStat.Stat(look).stddev) < 2:  # one plain colour: the models see faces even there
            return None
        factor = (around[2] - around[0]) / LOOK_SIZE
        seen = []
        for mirror in (False, True):
            found = self._close_up.find(ImageOps.mirror(look) if mirror else look)
            found = [_mirrored(face, LOOK_SIZE) for face in found] if mirror else found
            found = [_placed(face, factor, around[0], around[1]) for face in found]
            found = [face for face in found if iou(face.box, box) > 0.3]
            if not found:
                return None
            seen.append(max(found, key=lambda face: face.score))
        face = _agreed(*seen)
        return face if face.score >= self.min_score and _centre_inside(face.box, image) else None


def _is_upright_rgb(image: object) -> bool:
    return (
        isinstance(image, Image.Image)
        and image.mode == "RGB"
        and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    )


def _shrunk(image: Image.Image, longer: int) -> tuple[Image.Image, float]:
    """A copy whose longer side is at most `longer` pixels, and by what factor it was resized."""
    factor = min(1.0, longer / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0), factor


def _look_from_afar(model: BlazeFace, image: Image.Image, view: Box, *, padded: bool) -> list[Face]:
    """Candidates in one view of an image, whose longer side is brought within `SEARCH_SIZE`."""
    width, height = view[2] - view[0], view[3] - view[1]
    factor = min(max(max(width, height), SEARCH_SIZE[0]), SEARCH_SIZE[1]) / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = image.resize(size, Image.Resampling.BILINEAR, box=view, reducing_gap=2.0)
    left = top = 0
    if padded:
        left, top = small.width // 2, small.height // 2
        small = ImageOps.expand(small, (left, top, left, top), PADDING_GREY)
    return [_placed(face, 1 / factor, view[0] - left / factor, view[1] - top / factor) for face in model.find(small)]


def _parts(size: tuple[int, int]) -> list[Box]:
    """Overlapping squares that cover an image."""
    side = max(size) * PART
    starts = []
    for length in size:
        gaps = math.ceil(max(0, length - side) / (side * (1 - OVERLAP)))
        starts.append([(length - side) * i / gaps for i in range(gaps + 1)] if gaps else [0])
    return [(x, y, min(x + side, size[0]), min(y + side, size[1])) for y in starts[1] for x in starts[0]]


def _centre_inside(box: Box, image: Image.Image) -> bool:
    x, y = centre(box)
    return 0 <= x < image.width and 0 <= y < image.height


def _best_of_each_place(faces: list[Face], max_iou: float) -> list[Face]:
    kept = nms([face.box for face in faces], [face.score for face in faces], max_iou=max_iou)
    return [faces[index] for index in kept]


def _mirrored(face: Face, width: float) -> Face:
    """What was found in the mirror image of an image of that width, in the image itself."""
    x0, y0, x1, y1 = face.box
    # what looks like a right eye in the mirror is the left one
    points = {name: (width - x, y) for name, (x, y) in zip(_MIRRORED, face.keypoints.values(), strict=True)}
    return Face((width - x1, y0, width - x0, y1), face.score, points)


def _placed(face: Face, factor: float, x0: float, y0: float) -> Face:
    """From pixels of a close look to pixels of the photo."""
    points = {name: (x * factor + x0, y * factor + y0) for name, (x, y) in face.keypoints.items()}
    return Face(shift(scale(face.box, factor), x0, y0), face.score, points)


def _agreed(a: Face, b: Face) -> Face:
    """The mean of two looks, its score lowered by `DISAGREEMENT` times how far apart their keypoints are.

    That is the mean distance along x and y in box widths: about 0.02 for a face (1 % have more than 0.08) and
    0.19 for what only resembles one. A logistic regression of faces against such patterns weighs it 1.8 times
    as much as the score and finds little more in anything else.
    """
    box = tuple((p + q) / 2 for p, q in zip(a.box, b.box, strict=True))
    first, second = (np.array([face.keypoints[name] for name in KEYPOINTS]) for face in (a, b))
    apart = float(np.abs(first - second).mean()) / (box[2] - box[0])
    points = dict(zip(KEYPOINTS, ((first + second) / 2).tolist(), strict=True))
    return Face(box, max(0.0, (a.score + b.score) / 2 - DISAGREEMENT * apart), points)
