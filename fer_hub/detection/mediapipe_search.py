"""Searching a photo with MediaPipe's two models alone.

A search has two steps. First one or both models look at the whole photo, shrunk to what they need, and at
overlapping parts of it if it is large, and name candidates generously. Then the short-range model takes a close
look at every candidate, cut out with the same surroundings whatever its size in the photo, and at the mirror
image of that cut. Only what both looks call a face, with eyes, nose and mouth in the same places, stays; its box
is the mean of the two. That does three things: noise and patterns that resemble a face once are sorted out, small
faces that were unsure from afar are kept, and every box means the same, whichever model found it and however
large it is, so that one framing (`fer_hub.detection.framing`) fits all.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from fer_hub.boxes import Box, iou, nms, scale
from fer_hub.detection.blazeface_onnx import BlazeFaceOnnx
from fer_hub.detection.close_look import FAR_MARGIN, PADDING_GREY, Looking, look_closely, placed
from fer_hub.results import Face

if TYPE_CHECKING:
    from fer_hub.detection.blazeface import BlazeFace

CANDIDATE_SCORE = 0.3
"""What the first step takes for a candidate. From 0.5 down to 0.3, a third more small faces are found."""

SEARCH_SIZE = (192, 640)
"""The photo's longer side is brought into this range for the first step, in pixels. The models see 128 and 192
pixels of it; with more than 640 they find no further face."""

PARTS_FROM, PART, OVERLAP = 1280, 0.4, 0.2
"""Photos whose longer side has more pixels than the first are searched in parts too: squares of that share of
the longer side, each sharing that much of its side with the next. In 1600x1200 pixels with twelve people, parts
raise the share of faces found from 4 to 93 % where faces are 3 % of the longer side wide, and from 35 to 100 %
where they are 5 %."""

SMALL_PARTS, SMALL_PARTS_FROM = (0.125, 0.34), 480
"""Side lengths of the parts of the thorough search, as shares of the longer side, and the least number of pixels of
the longer side. The short-range model searches them, because it also sees heads that are tilted or upside down."""

SURE = 0.7
"""Faces with a lower score are looked at upside down and from both sides in the thorough search: seen so, an upright
face has about 0.85, a turned one 0.6."""

DOUBT = 0.1
"""Taken off the score of what only small parts show, and once more of what is turned by more than `UPSIDE` degrees, in
the thorough search: what is no face gets more chances there and mostly ends below 0.5, while faces have 0.8 or more."""

UPSIDE = 60.0
"""Faces turned by more degrees than that are rare enough to doubt them."""

CLOSE_UP = 0.4
"""What is found only with the grey border or by looking again must be wider than this part of the shorter side."""

UNSURE, AGAIN = 0.2, 0.1
"""Where nothing is found, close-ups whose score is lower than `min_score` by at most the first are looked at twice
more, see `FaceDetector.detect`; the second is added to the mean of the three scores, as three that agree say more."""


class MediaPipeSearch:
    """What MediaPipe's models see in a photo, with the scores of their looks.

    Args:
        model: "both", "short_range" or "full_range".
        search: one of `detector.SEARCHES`.
        close_up: the short-range model; `None` creates one on MediaPipe's runtime.
    """

    def __init__(self, model: str, search: str, close_up: BlazeFaceOnnx | None = None) -> None:
        self.model = model
        self.search = search
        self.close_up = _on_mediapipe("short_range") if close_up is None else close_up
        self._searchers = [self.close_up] if model in ("both", "short_range") else []
        if model in ("both", "full_range"):
            self._searchers.append(_on_mediapipe("full_range"))

    def faces(self, image: Image.Image, least: float) -> list[Face]:
        """Faces of an upright RGB photo whose looks score at least `least`.

        Where nothing is found, the photo is searched once more with a grey border of half its size all around:
        the models miss faces that are cut off by the edges. Of 1,500 FER-2013 training images, which are cut
        off at the hairline, the short-range model at a score of 0.5 names 94.4 % without a border and 99.3 %
        with this one (white 99.2 %, black 98.5 %, repeated edges 97.1 %, mirrored edges 96.7 %).

        Where there is still nothing, close-ups that were nearly taken for a face are looked at again, from further
        away and with their contrast stretched: mostly profiles, and faces with hands before them, glasses or wide open
        mouths. Of 123 faces of FER-2013's validation split that were missed so far, that finds 41; of 1,381 cut-outs of
        photos and pictures without a face, it takes 41 for one instead of 34.
        """
        faces, unsure = self._search(image, least)
        if not faces:
            faces, more = (close_ups(found, image) for found in self._search(image, least, padded=True))
            unsure = close_ups(unsure, image) + more
        if not faces:
            again = [self._look_again(image, face) for face in best_of_each_place(unsure, 0.3)]
            faces = best_of_each_place([face for face in again if face.detection_score >= least], 0.3)
        return faces

    def close(self) -> None:
        """Free the models; a second call does nothing."""
        for model in {self.close_up, *self._searchers}:
            model.close()

    def _search(self, image: Image.Image, least: float, *, padded: bool = False) -> tuple[list[Face], list[Face]]:
        """The faces of a photo, and what nearly reached the score of a face."""
        # one copy of a size at which no view has to be shrunk much, because shrinking 12 megapixels takes long
        base, factor = shrunk(image, round(SEARCH_SIZE[1] / PART))
        usual, more = [], []
        for views, found in zip(self._views(max(image.size), base.size, padded=padded), (usual, more), strict=True):
            for model, view in views:
                found += look_from_afar(model, base, view, padded=padded)
        faces = []
        for candidate in best_of_each_place(usual + more, 0.5):
            known = any(iou(candidate.box, face.box) > 0.3 for face in usual)
            face = self._look_closely(image, scale(candidate.box, 1 / factor), 0 if known else DOUBT)
            if face is not None:
                faces.append(face)
        sure = [face for face in faces if face.detection_score >= least]
        unsure = [face for face in faces if least - UNSURE <= face.detection_score < least]
        return best_of_each_place(sure, 0.3), unsure

    def _views(self, longer: int, size: tuple[int, int], *, padded: bool) -> tuple[list, list]:
        """Which model looks at which part of a copy of that size of a photo whose longer side is given.

        Returns:
            (model, box) for the usual views, and for those of the thorough search.
        """
        usual, more = [(model, (0, 0, *size)) for model in self._searchers], []
        if padded or self.search == "fast":
            return usual, more
        if self.model != "short_range" and longer > PARTS_FROM:
            usual += [(self._searchers[-1], part) for part in _parts(size, PART)]
        if self.search == "thorough" and longer >= SMALL_PARTS_FROM:
            more = [(self.close_up, part) for share in SMALL_PARTS for part in _parts(size, share)]
        return usual, more

    def _look_closely(self, image: Image.Image, box: Box, doubt: float) -> Face | None:
        """The face at a candidate's place, its score lowered by `doubt`; `None` where it is none."""
        face = look_closely(self.close_up, image, box)
        if self.search == "thorough":
            face = _doubted(face, doubt)
            if face is not None and face.angle:  # once more, so that its eyes are level
                level = look_closely(self.close_up, image, face.box, face.angle)
                face = _better(face, _doubted(level, doubt))
            if face is None or face.detection_score < SURE:
                for angle in (90, -90, 180):
                    face = _better(face, _doubted(look_closely(self.close_up, image, box, angle), doubt))
        return face

    def _look_again(self, image: Image.Image, face: Face) -> Face:
        """An unsure face with the score that three kinds of looks agree on."""
        further = look_closely(self.close_up, image, face.box, margin=FAR_MARGIN)
        clearer = look_closely(self.close_up, image, face.box, stretched=True)
        scores = [face.detection_score, *(look.detection_score if look else 0.0 for look in (further, clearer))]
        return replace(face, detection_score=min(1.0, sum(scores) / len(scores) + AGAIN))


def _on_mediapipe(model: str) -> "BlazeFace":
    from fer_hub.detection.blazeface import BlazeFace

    return BlazeFace(model, CANDIDATE_SCORE)


def shrunk(image: Image.Image, longer: int, *, gap: float = 2.0) -> tuple[Image.Image, float]:
    """The image with its longer side at most `longer` pixels, itself where it is, and by what factor it was resized.

    Args:
        image: an RGB image.
        longer: the most pixels of its longer side.
        gap: Pillow's `reducing_gap`; with 1 shrinking takes a third of the time that it takes with 2, as it averages
            whole blocks of pixels first.
    """
    factor = min(1.0, longer / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return (image if size == image.size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=gap)), factor


def look_from_afar(model: Looking, image: Image.Image, view: Box, *, padded: bool) -> list[Face]:
    """Candidates in one view of an image, whose longer side is brought within `SEARCH_SIZE`."""
    width, height = view[2] - view[0], view[3] - view[1]
    factor = min(max(max(width, height), SEARCH_SIZE[0]), SEARCH_SIZE[1]) / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = image
    if view != (0, 0, *size):
        small = image.resize(size, Image.Resampling.BILINEAR, box=view, reducing_gap=1.0)
    left = top = 0
    if padded:
        left, top = small.width // 2, small.height // 2
        small = ImageOps.expand(small, (left, top, left, top), PADDING_GREY)
    return [
        placed(face, 1 / factor, view[0] - left / factor, view[1] - top / factor) for face in model.find_all([small])[0]
    ]


def _parts(size: tuple[int, int], part: float) -> list[Box]:
    """Overlapping squares that cover an image, whose side is that share of its longer side."""
    side = max(size) * part
    starts = []
    for length in size:
        gaps = math.ceil(max(0, length - side) / (side * (1 - OVERLAP)))
        starts.append([(length - side) * i / gaps for i in range(gaps + 1)] if gaps else [0])
    return [(x, y, min(x + side, size[0]), min(y + side, size[1])) for y in starts[1] for x in starts[0]]


def close_ups(faces: list[Face], image: Image.Image) -> list[Face]:
    return [face for face in faces if face.box[2] - face.box[0] > CLOSE_UP * min(image.size)]


def best_of_each_place(faces: list[Face], max_iou: float) -> list[Face]:
    kept = nms([face.box for face in faces], [face.detection_score for face in faces], max_iou=max_iou)
    return [faces[index] for index in kept]


def _better(a: Face | None, b: Face | None) -> Face | None:
    return max((face for face in (a, b) if face is not None), key=lambda face: face.detection_score, default=None)


def _doubted(face: Face | None, doubt: float) -> Face | None:
    """A face with its score lowered by `doubt`, and by `DOUBT` where it lies on its side or upside down."""
    if face is None:
        return None
    doubt += DOUBT if abs(face.angle) > UPSIDE else 0
    return replace(face, detection_score=max(0.0, face.detection_score - doubt))
