"""Searching a photo with YuNet and MediaPipe's BlazeFace together.

YuNet sees small faces and many, BlazeFace tilted ones; neither sees everything. So YuNet looks at a small copy of the
photo first, and at nearly the photo's own pixels unless the small copy shows large faces and no hint of others.
BlazeFace looks at the whole photo, and what it alone has seen, or has seen tilted, is turned upright by the line
through its eyes and shown to YuNet. So every score is YuNet's, of a face that stands upright.
"""

import math
from dataclasses import replace

from PIL import Image, ImageOps

from fer_hub.boxes import centre, containment, iou, square
from fer_hub.detection.close_look import PADDING_GREY, TILTED, centre_inside, eye_angle, look_closely, placed, turned
from fer_hub.detection.mediapipe_search import (
    MediaPipeSearch,
    best_of_each_place,
    close_ups,
    look_from_afar,
    shrunk,
)
from fer_hub.detection.score import calibrated, own_score
from fer_hub.detection.yunet import YuNet
from fer_hub.images import crop
from fer_hub.results import Face

CANDIDATE_SCORE = 0.3
"""Down to this score a face is a hint that is worth another look; the scale of the network."""

COARSE = 320
"""Longer side of the first copy that YuNet sees, in pixels."""

FINE, FINE_FROM = 0.85, 400
"""The second copy has this share of the photo's own width and height. At 1.0, 0.75 and 0.5 fewer faces from 24 pixels
up are found on group photographs, at the same precision. Photos with a longer side below the second go without it."""

FINE_PIXELS = 12_000_000
"""Larger photos are shrunk to this many pixels before."""

LARGE = 25
"""Faces of at least so many pixels on the coarse copy are sure there; if it shows nothing else, it is enough."""

SMALLEST = 14
"""Faces whose box has a shorter side, in pixels of the photo, are left out: nobody can read their expression."""

DOUBTFUL, DOUBTFUL_FROM, DOUBT_WEIGHT = (0.6, 0.88), 68, 0.3
"""Faces whose score lies between these, from that many pixels up, are looked at once more, mirrored and alone; that
look counts so much. Dogs and things lose more by it than faces do."""

UNSURE_TILT, TILT_FROM = 15.0, 24
"""YuNet's eyes are level within so many degrees in most upright faces; where they are not, and the face has so many
pixels, BlazeFace is asked how far it is tilted."""

LOOK_TWICE = 35.0
"""From so many degrees on BlazeFace takes heads for less tilted than they are, by a third at 90 degrees."""

LEVEL_WEIGHT = 0.3
"""What BlazeFace's score counts where only its eyes tell what is upright."""

LOOK, LOOK_FACE = 128, 48
"""Side of such a look, and of the face in it, in pixels."""

TURN_BELOW = 0.88
"""Where no face reaches it, and there are at most `TURN_FACES`, the photo may lie on its side or upside down."""
TURN_FACES, TURN_SCORE, TURN_GAIN = 3, 0.85, 0.03
"""Turned, it must show a face with at least this score, better by the last than what it shows as it is."""

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, -90: Image.Transpose.ROTATE_270}
"""Degrees clockwise by which what is upright in the turned photo is turned in the photo → how Pillow turns it back."""

BORDER = 0.3
"""Width of the grey border with which a photo without faces is searched again, in sides of the photo."""

UNSURE = 0.25
"""Where there is still nothing, close-ups whose score is lower by at most this are looked at in three more ways."""


Copy = tuple[Image.Image, float]
"""A photo with its longer side at most `COARSE` pixels, and by what factor it was resized, see `shrunk`."""


class FusedSearch:
    """What YuNet sees in a photo, with the help of BlazeFace.

    Args:
        search: one of `detector.SEARCHES`: "fast" is the small copy alone; "thorough" looks at a copy enlarged by half
            too, and at the photo turned by 90, 180 and 270 degrees whatever it shows upright.
        tilted: let BlazeFace look too.
    """

    def __init__(self, search: str, *, tilted: bool = True) -> None:
        self.search = search
        self.yunet = YuNet(CANDIDATE_SCORE)
        self.alone = MediaPipeSearch("short_range", "fast") if tilted else None
        self.close_up = self.alone.close_up if self.alone else None

    def faces(self, image: Image.Image, least: float) -> list[Face]:
        """Faces of an upright RGB photo that YuNet scores at least `least`.

        Where nothing is found, the photo is searched with a grey border, as faces are missed that are cut off by the
        edges, then close-ups that were nearly taken for a face are looked at in three more ways, and at last
        MediaPipe's short-range model alone says whether there is a close-up.
        """
        small = shrunk(image, COARSE)  # once, as it takes long for a large photo
        candidates = self._candidates(image, small, least)
        faces = _from(candidates, least)
        if self.search != "fast" or not faces:
            faces = self._turned_photo(image, small, faces, least)
        if not faces:
            candidates += close_ups(self._bordered(image, small, least), image)
            faces = _from(candidates, least)
        if not faces:
            nearly = best_of_each_place(close_ups(_from(candidates, least - UNSURE), image), 0.3)
            faces = _from([self._look_again(image, face) for face in nearly], least)
        return faces or self._close_ups_alone(image, least)

    def near(self, image: Image.Image, faces: list[Face], least: float) -> list[Face]:
        """Where faces of the frame before are now, each looked at alone; those that are not there any more go.

        Args:
            image: the next frame, an upright RGB image.
            faces: as this search found them in the frame before.
            least: the least score.
        """
        faces = [face for face in faces if centre_inside(face.box, image)]
        looks = self._looks(image, faces)
        moved = (
            replace(turned(look, _side(face) / LOOK_FACE, centre(face.box), face.angle, LOOK), angle=face.angle)
            for face, look in zip(faces, looks, strict=True)
            if look is not None
        )
        return _from([face for face in moved if centre_inside(face.box, image)], least)

    def close(self) -> None:
        """Free the models; a second call does nothing."""
        self.yunet.close()
        if self.alone is not None:
            self.alone.close()

    def _candidates(self, image: Image.Image, small: Copy, least: float) -> list[Face]:
        """What may be a face, of every place the best, with final scores; photo as it stands."""
        found = self._coarse(small)
        if self.search != "fast" and not _is_clear(found, image, least):
            found = [face for face in found if _side(face) >= LARGE * max(image.size) / COARSE] + self._fine(image)
        found = [face for face in best_of_each_place(found, 0.45) if _side(face) >= SMALLEST]
        return self._tilted(image, self._doubted(image, found), least)

    def _coarse(self, small: Copy) -> list[Face]:
        return [placed(face, 1 / small[1], 0, 0) for face in self.yunet.find(small[0])]

    def _fine(self, image: Image.Image) -> list[Face]:
        longer = max(image.size)
        if longer < FINE_FROM:
            return []
        own = min(1.0, math.sqrt(FINE_PIXELS / (image.width * image.height)))
        found = []
        for share in (FINE, 1.5) if self.search == "thorough" else (FINE,):
            factor = min(share * own, math.sqrt(FINE_PIXELS / (image.width * image.height)))
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            copy = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            found += [placed(face, 1 / factor, 0, 0) for face in self.yunet.find(copy)]
        return found

    def _doubted(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        """The faces, those in doubt with the score that a second look gives them."""
        doubtful = [f for f in faces if DOUBTFUL[0] <= f.detection_score <= DOUBTFUL[1] and _side(f) >= DOUBTFUL_FROM]
        sure = [face for face in faces if face not in doubtful]
        looks = self._looks(image, doubtful, mirrored=True)
        again = [
            replace(face, detection_score=_blend(face.detection_score, _score(look), DOUBT_WEIGHT))
            for face, look in zip(doubtful, looks, strict=True)
        ]
        return sure + again

    def _tilted(self, image: Image.Image, faces: list[Face], least: float) -> list[Face]:
        """The faces, those that are tilted turned upright and scored anew, and more of such kind."""
        if self.close_up is None:
            return faces
        sure = [face for face in faces if face.detection_score >= least]
        seen = best_of_each_place(look_from_afar(self.close_up, image, (0, 0, *image.size), padded=False), 0.3)
        lonely, known = [], {}
        for candidate in seen:
            same = max(sure, key=lambda face, box=candidate.box: iou(face.box, box), default=None)
            if same is not None and iou(same.box, candidate.box) > 0.3:
                known[id(same)] = candidate
            elif not any(containment(face.box, candidate.box) > 0.7 for face in sure):
                lonely.append(candidate)
        slanted = [face for face in sure if _looks_tilted(face, known.get(id(face)))]
        levelled = self._levelled(image, [known.get(id(face), face) for face in slanted] + lonely)
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

    def _levelled(self, image: Image.Image, candidates: list[Face]) -> list[Face]:
        """Candidates as two looks of BlazeFace see them, scored by these and by YuNet, which sees them upright."""
        looked = []
        for face in candidates:
            look = look_closely(self.close_up, image, face.box)
            if look is not None and abs(look.angle) > LOOK_TWICE:  # once more, so that its eyes are level
                look = look_closely(self.close_up, image, look.box, look.angle) or look
            looked.append(look or replace(face, detection_score=0.0, angle=_tilt(face)))
        seen = self._looks(image, looked)
        return [
            replace(face, detection_score=_blend(look.detection_score, face.detection_score, LEVEL_WEIGHT))
            for face, look in zip(looked, seen, strict=True)
            if look is not None
        ]

    def _looks(
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
                image, square(face.box, _side(face) * LOOK / LOOK_FACE), LOOK, fill=PADDING_GREY, angle=face.angle
            )
            view = ImageOps.autocontrast(view.convert("L"), cutoff=1).convert("RGB") if stretched else view
            views.append(ImageOps.mirror(view) if mirrored else view)
        expected = square((0, 0, LOOK, LOOK), LOOK_FACE)
        return [
            max((look for look in found if iou(look.box, expected) > 0.35), key=_score, default=None)
            for found in self.yunet.find_all(views)
        ]

    def _turned_photo(self, image: Image.Image, small: Copy, faces: list[Face], least: float) -> list[Face]:
        """The faces of the photo, turned where it shows more so than as it stands."""
        top = max((face.detection_score for face in faces), default=0.0)
        if self.search != "thorough" and (len(faces) > TURN_FACES or top >= TURN_BELOW):
            return faces
        scores = {
            angle: max((face.detection_score for face in self.yunet.find(small[0].transpose(turn))), default=0.0)
            for angle, turn in TURNS.items()
        }
        best = max(scores, key=scores.__getitem__)
        if scores[best] < max(least, TURN_SCORE, top + TURN_GAIN):
            return faces
        upright = image.transpose(TURNS[best])
        found = self._candidates(upright, shrunk(upright, COARSE), least)
        more = [_turned_back(face, best, upright.size) for face in _from(found, least)]
        return best_of_each_place([*faces, *more], 0.3)

    def _bordered(self, image: Image.Image, small: Copy, least: float) -> list[Face]:
        """Candidates in the photo with a grey border."""
        copy, factor = small
        border = round(BORDER * max(copy.size))
        framed = ImageOps.expand(copy, border, PADDING_GREY)
        found = [placed(face, 1 / factor, -border / factor, -border / factor) for face in self.yunet.find(framed)]
        if self.close_up is not None:
            afar = look_from_afar(self.close_up, image, (0, 0, *image.size), padded=True)
            sure = [face for face in found if face.detection_score >= least]
            afar = [f for f in best_of_each_place(afar, 0.3) if all(iou(f.box, face.box) < 0.3 for face in sure)]
            afar = [face for face in afar if centre_inside(face.box, image)]
            found += self._levelled(image, afar)
        return [face for face in self._doubted(image, found) if centre_inside(face.box, image)]

    def _look_again(self, image: Image.Image, face: Face) -> Face:
        """An unsure face with the mean of the best two scores among four looks."""
        kinds = ({"mirrored": True}, {"stretched": True}, {"mirrored": True, "stretched": True})
        scores = [face.detection_score, *(_score(self._looks(image, [face], **kind)[0]) for kind in kinds)]
        return replace(face, detection_score=sum(sorted(scores)[-2:]) / 2)

    def _close_ups_alone(self, image: Image.Image, least: float) -> list[Face]:
        """Close-ups that MediaPipe's short-range model sees alone, with YuNet's score of as much certainty."""
        if self.alone is None:
            return []
        found = self.alone.faces(image, own_score(calibrated(least, "yunet"), "mediapipe"))
        return [
            replace(face, detection_score=own_score(calibrated(face.detection_score, "mediapipe"), "yunet"))
            for face in close_ups(found, image)
        ]


def _from(faces: list[Face], least: float) -> list[Face]:
    return best_of_each_place([face for face in faces if face.detection_score >= least], 0.3)


def _score(face: Face | None) -> float:
    return 0.0 if face is None else face.detection_score


def _with_ears(face: Face, other: Face | None) -> Face:
    """A face of YuNet's with the ears that BlazeFace has seen."""
    if other is None:
        return face
    points = {name: face.keypoints.get(name, place) for name, place in other.keypoints.items()}
    return replace(face, keypoints=points)


def _side(face: Face) -> float:
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


def _is_clear(found: list[Face], image: Image.Image, least: float) -> bool:
    """Whether the small copy shows a face and, of whatever it hints at, only large ones."""
    large = LARGE * max(image.size) / COARSE
    return any(face.detection_score >= least for face in found) and all(_side(face) >= large for face in found)


def _looks_tilted(face: Face, seen: Face | None) -> bool:
    """Whether a face may be tilted, by the eyes that BlazeFace has seen from afar or, with less trust, YuNet."""
    if seen is not None:
        return abs(eye_angle(seen)) >= TILTED
    return abs(eye_angle(face)) >= UNSURE_TILT and _side(face) >= TILT_FROM


def _tilt(face: Face) -> float:
    angle = eye_angle(face)
    return angle if abs(angle) >= TILTED else 0.0


def _blend(a: float, b: float, weight: float) -> float:
    """The weighted mean of two scores, taken of their log odds."""
    a, b = (min(max(score, 0.15), 0.999) for score in (a, b))
    odds = (1 - weight) * math.log(a / (1 - a)) + weight * math.log(b / (1 - b))
    return 1 / (1 + math.exp(-odds))


def _turned_back(face: Face, angle: int, size: tuple[int, int]) -> Face:
    """From pixels of the photo that was turned upright, of that size, to pixels of the photo."""
    width, height = size

    def point(x: float, y: float) -> tuple[float, float]:
        return {90: (height - y, x), 180: (width - x, height - y), -90: (y, width - x)}[angle]

    (x0, y0), (x1, y1) = point(*face.box[:2]), point(*face.box[2:])
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    points = {name: point(*place) for name, place in face.keypoints.items()}
    return Face(box, face.detection_score, points, (face.angle + angle + 180) % 360 - 180)
