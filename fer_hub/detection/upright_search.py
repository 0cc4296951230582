"""Searching a photo as it stands with YuNet and MediaPipe's BlazeFace together.

YuNet sees small faces and many, BlazeFace tilted ones; neither sees everything. So YuNet looks at a small copy of the
photo first, and at larger ones unless that shows large faces and no hint of others. BlazeFace looks at the whole photo,
and what it alone has seen, or has seen tilted, is turned upright by the line through its eyes and shown to YuNet. So
every score is YuNet's, of a face that stands upright.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image, ImageOps

from fer_hub.boxes import containment, iou, square
from fer_hub.detection.close_look import PADDING_GREY, TILTED, Looking, eye_angle, look_closely_at_all, placed
from fer_hub.detection.mediapipe_search import best_of_each_place, look_from_afar
from fer_hub.detection.yunet import YuNet
from fer_hub.images import crop
from fer_hub.results import Face

CANDIDATE_SCORE = 0.3
"""Down to this score a face is a hint that is worth another look; the scale of the network."""

COARSE = 320
"""Longer side of the first copy that YuNet sees, in pixels."""

MID, MID_FROM = 0.4, 960
"""The second copy has this share of the photo's own width and height. Photos with a longer side below the second go
without it, as the first copy is hardly smaller."""

FINE, FINE_FROM = 0.85, 400
"""The last copy has this share of the photo's own width and height. At 1.0, 0.75 and 0.5 fewer faces from 24 pixels
up are found on group photographs, at the same precision. Photos with a longer side below the second go without it."""

FINE_PIXELS = 12_000_000
"""Larger photos are shrunk to this many pixels before."""

LARGE = 25
"""Faces of at least so many pixels are surely seen on a copy; if it shows nothing else, it is enough."""

SMALLEST = 14
"""Faces whose box has a shorter side, in pixels of the photo, are left out: nobody can read their expression."""

DOUBTFUL, DOUBTFUL_FROM, DOUBT_WEIGHT = (0.6, 0.88), 56, 0.2
"""Faces whose score lies between these, from that many pixels up, are looked at twice more, alone and mirrored; each of
these looks counts so much. Dogs and things lose more by it than faces do."""

UNSURE_TILT, TILT_FROM = 15.0, 24
"""YuNet's eyes are level within so many degrees in most upright faces; where they are not, and the face has so many
pixels, BlazeFace is asked how far it is tilted."""

LOOK_TWICE = 35.0
"""From so many degrees on BlazeFace takes heads for less tilted than they are, by a third at 90 degrees."""

LEVEL_WEIGHT = 0.3
"""What BlazeFace's score counts where only its eyes tell what is upright."""

LOOK, LOOK_FACE = 128, 48
"""Side of such a look, and of the face in it, in pixels."""


class UprightSearch:
    """What YuNet sees in a photo as it stands, with the help of BlazeFace.

    Args:
        search: one of `detector.SEARCHES`: "fast" is the small copy alone; "thorough" looks at every copy, and at one
            enlarged by half too.
        close_up: BlazeFace for close-ups; `None` leaves YuNet alone.
    """

    def __init__(self, search: str, close_up: Looking | None) -> None:
        self.search = search
        self.yunet = YuNet(CANDIDATE_SCORE)
        self.close_up = close_up

    def candidates(self, image: Image.Image, small: Image.Image, least: float) -> list[Face]:
        """What may be a face, of every place the best, with final scores.

        Args:
            image: an upright RGB photo.
            small: its copy within `COARSE` pixels.
            least: faces below this score are only hints, on YuNet's scale.
        """
        found = self.in_small(small, image)
        scale = max(small.size) / max(image.size)
        for share in self._shares(image):
            if self.search != "thorough" and _is_clear(found, LARGE / scale, least):
                break
            found = [face for face in found if side(face) >= LARGE / scale] + self._in_copy(image, share)
            scale = share
        found = [face for face in best_of_each_place(found, 0.45) if side(face) >= SMALLEST]
        return self._tilted(image, self.doubted(image, found), least)

    def in_small(self, small: Image.Image, image: Image.Image) -> list[Face]:
        """What YuNet sees in a small copy, in pixels of the photo."""
        return [placed(face, max(image.size) / max(small.size), 0, 0) for face in self.yunet.find(small)]

    def afar(self, image: Image.Image, *, padded: bool) -> list[Face]:
        """What BlazeFace sees of the whole photo; `padded` as for `look_from_afar`.

        Not of the small copy, of which it sees less.
        """
        return best_of_each_place(look_from_afar(self.close_up, image, (0, 0, *image.size), padded=padded), 0.3)

    def _shares(self, image: Image.Image) -> Iterator[float]:
        """Scales of the further copies, up to that of `FINE_PIXELS`."""
        longer = max(image.size)
        most = math.sqrt(FINE_PIXELS / (image.width * image.height))
        own = min(1.0, most)
        if self.search == "fast" or longer < FINE_FROM:
            return
        if longer >= MID_FROM:
            yield MID * own
        yield FINE * own
        if self.search == "thorough":
            yield min(1.5 * own, most)

    def _in_copy(self, image: Image.Image, scale: float) -> list[Face]:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        copy = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
        return [placed(face, 1 / scale, 0, 0) for face in self.yunet.find(copy)]

    def doubted(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        """The faces, those in doubt with the score that two more looks give them."""
        doubtful = [f for f in faces if DOUBTFUL[0] <= f.detection_score <= DOUBTFUL[1] and side(f) >= DOUBTFUL_FROM]
        sure = [face for face in faces if face not in doubtful]
        looks = zip(self.looks(image, doubtful), self.looks(image, doubtful, mirrored=True), strict=True)
        again = []
        for face, pair in zip(doubtful, looks, strict=True):
            more = [(score_of(look), DOUBT_WEIGHT) for look in pair]
            score = _blend((face.detection_score, 1 - 2 * DOUBT_WEIGHT), *more)
            again.append(replace(face, detection_score=score))
        return sure + again

    def _tilted(self, image: Image.Image, faces: list[Face], least: float) -> list[Face]:
        """The faces, those that are tilted turned upright and scored anew, and more of such kind."""
        if self.close_up is None:
            return faces
        sure = [face for face in faces if face.detection_score >= least]
        lonely, known = [], {}
        for candidate in self.afar(image, padded=False):
            same = max(sure, key=lambda face, box=candidate.box: iou(face.box, box), default=None)
            if same is not None and iou(same.box, candidate.box) > 0.3:
                known[id(same)] = candidate
            elif not any(containment(face.box, candidate.box) > 0.7 for face in sure):
                lonely.append(candidate)
        slanted = [face for face in sure if _looks_tilted(face, known.get(id(face)))]
        levelled = self.levelled(image, [known.get(id(face), face) for face in slanted] + lonely)
        # a face that is tilted is the same face with another angle, however sure either is
        taken = {id(face): max(levelled, key=lambda a, f=face: iou(a.box, f.box), default=None) for face in slanted}
        result = [face for face in levelled if not any(face is other for other in taken.values())]
        for face in faces:
            better = taken.get(id(face))
            if better is not None and iou(better.box, face.box) > 0.3 and better.angle:
                result.append(replace(better, detection_score=max(better.detection_score, face.detection_score)))
            else:
                result.append(_with_ears(face, known.get(id(face))))
        return best_of_each_place(result, 0.3)

    def levelled(self, image: Image.Image, candidates: list[Face]) -> list[Face]:
        """Candidates as two looks of BlazeFace see them, scored by these and by YuNet, which sees them upright."""
        found = look_closely_at_all(self.close_up, image, [(face.box, 0.0) for face in candidates])
        # once more, so that their eyes are level
        turned = {index: look for index, look in enumerate(found) if look is not None and abs(look.angle) > LOOK_TWICE}
        again = look_closely_at_all(self.close_up, image, [(look.box, look.angle) for look in turned.values()])
        for index, look in zip(turned, again, strict=True):
            found[index] = look or found[index]
        looked = [
            look or replace(face, detection_score=0.0, angle=_tilt(face))
            for look, face in zip(found, candidates, strict=True)
        ]
        seen = self.looks(image, looked)
        return [
            replace(
                face,
                detection_score=_blend((look.detection_score, 1 - LEVEL_WEIGHT), (face.detection_score, LEVEL_WEIGHT)),
            )
            for face, look in zip(looked, seen, strict=True)
            if look is not None
        ]

    def looks(
        self, image: Image.Image, faces: list[Face], *, mirrored: bool = False, stretched: bool = False
    ) -> list[Face | None]:
        """What YuNet sees in each face's place, cut out and turned upright by its angle, in pixels of the look.

        Args:
            image: the photo.
            faces: those to look at.
            mirrored: look at the mirror image.
            stretched: look without colours and with the full range of greys, but for a hundredth at either end.
        """
        views = []
        for face in faces:
            view = crop(
                image, square(face.box, side(face) * LOOK / LOOK_FACE), LOOK, fill=PADDING_GREY, angle=face.angle
            )
            view = ImageOps.autocontrast(view.convert("L"), cutoff=1).convert("RGB") if stretched else view
            views.append(ImageOps.mirror(view) if mirrored else view)
        expected = square((0, 0, LOOK, LOOK), LOOK_FACE)
        return [
            max((look for look in found if iou(look.box, expected) > 0.35), key=score_of, default=None)
            for found in self.yunet.find_all(views)
        ]


def reaching(faces: list[Face], least: float) -> list[Face]:
    return best_of_each_place([face for face in faces if face.detection_score >= least], 0.3)


def score_of(face: Face | None) -> float:
    return 0.0 if face is None else face.detection_score


def _with_ears(face: Face, other: Face | None) -> Face:
    """A face of YuNet's with the ears that BlazeFace has seen."""
    if other is None:
        return face
    points = {name: face.keypoints.get(name, place) for name, place in other.keypoints.items()}
    return replace(face, keypoints=points)


def side(face: Face) -> float:
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


def _is_clear(found: list[Face], large: float, least: float) -> bool:
    """Whether a copy shows a face and, of whatever it hints at, only faces of at least so many pixels."""
    return any(face.detection_score >= least for face in found) and all(side(face) >= large for face in found)


def _looks_tilted(face: Face, seen: Face | None) -> bool:
    """Whether a face may be tilted, by the eyes that BlazeFace has seen from afar or, with less trust, YuNet."""
    if seen is not None:
        return abs(eye_angle(seen)) >= TILTED
    return abs(eye_angle(face)) >= UNSURE_TILT and side(face) >= TILT_FROM


def _tilt(face: Face) -> float:
    angle = eye_angle(face)
    return angle if abs(angle) >= TILTED else 0.0


def _blend(*scores: tuple[float, float]) -> float:
    """The weighted mean of (score, weight), taken of the log odds of the scores; the weights add up to 1."""
    odds = 0.0
    for score, weight in scores:
        score = min(max(score, 0.15), 0.999)
        odds += weight * math.log(score / (1 - score))
    return 1 / (1 + math.exp(-odds))
