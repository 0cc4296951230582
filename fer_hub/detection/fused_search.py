"""Searching a photo with YuNet and MediaPipe's BlazeFace together, and again otherwise where that finds nothing."""

from dataclasses import replace

from PIL import Image, ImageOps

from fer_hub.boxes import centre, iou
from fer_hub.detection.blazeface_onnx import BlazeFaceOnnx
from fer_hub.detection.close_look import PADDING_GREY, centre_inside, placed, turned
from fer_hub.detection.mediapipe_search import CANDIDATE_SCORE, MediaPipeSearch, best_of_each_place, close_ups, shrunk
from fer_hub.detection.score import calibrated, own_score
from fer_hub.detection.upright_search import COARSE, LOOK, LOOK_FACE, UprightSearch, reaching, score_of, side
from fer_hub.results import Face

TURN_BELOW = 0.88
"""Where no face reaches it, and there are at most `TURN_FACES`, the photo may lie on its side or upside down."""
TURN_FACES, TURN_SCORE, TURN_GAIN = 3, 0.85, 0.03
"""Turned, it must show a face with at least this score, better by the last than what it shows as it is."""

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, -90: Image.Transpose.ROTATE_270}
"""Degrees clockwise by which what is upright in the turned photo is turned in the photo → how Pillow turns it back."""

BORDER = 0.3
"""Width of the grey border with which a photo without faces is searched again, in sides of the photo."""

UNSURE = 0.25
"""Where there is still nothing, close-ups with a score lower by at most this are looked at in three more ways."""

AGREED = 0.15
"""A close-up whose score is lower by at most this, and which MediaPipe sees too, is a face."""

FILLS = 0.65
"""Close-ups wider than this part of the shorter side fill the photo. MediaPipe may see them alone, and two of the four
looks are enough. Of other close-ups most that only one of the detectors sees are dogs and things: there MediaPipe alone
must be twice as sure, and three looks must agree. Both rules were chosen on FER-2013's validation images."""


class FusedSearch:
    """What YuNet sees in a photo, with the help of BlazeFace.

    Args:
        search: one of `detector.SEARCHES`, see `UprightSearch`; "thorough" looks at the photo turned by 90, 180 and
            270 degrees too, whatever it shows upright.
        tilted: let BlazeFace look too.
        runtime: one of `detector.RUNTIMES`, of BlazeFace.
    """

    def __init__(self, search: str, *, tilted: bool = True, runtime: str = "onnx") -> None:
        self.search = search
        blazeface = BlazeFaceOnnx(CANDIDATE_SCORE) if runtime == "onnx" else None
        self.alone = MediaPipeSearch("short_range", "fast", blazeface) if tilted else None
        self.close_up = self.alone.close_up if self.alone else None
        self.upright = UprightSearch(search, self.close_up)

    def faces(self, image: Image.Image, least: float) -> list[Face]:
        """Faces of an upright RGB photo that YuNet scores at least `least`.

        Where nothing is found, the photo is searched with a grey border, as faces are missed that are cut off by the
        edges, then close-ups that were nearly taken for a face are looked at in three more ways, and at last
        MediaPipe's short-range model says whether there is a close-up.
        """
        small, _ = shrunk(image, COARSE, gap=1.0)
        candidates = self.upright.candidates(image, small, least)
        faces = reaching(candidates, least)
        if self.search != "fast" or not faces:
            faces = self._turned_photo(image, small, faces, least)
        if not faces:
            candidates += close_ups(self._bordered(image, small, least), image)
            faces = reaching(candidates, least)
        if not faces:
            nearly = close_ups(reaching(candidates, least - UNSURE), image)
            faces = reaching([self._look_again(image, face) for face in nearly], least)
        return faces or self._close_ups_of_mediapipe(image, candidates, least)

    def near(self, image: Image.Image, faces: list[Face], least: float) -> list[Face]:
        """Where faces of the frame before are now, each looked at alone; those that are not there any more go.

        Args:
            image: the next frame, an upright RGB image.
            faces: as this search found them in the frame before.
            least: the least score.
        """
        faces = [face for face in faces if centre_inside(face.box, image)]
        looks = self.upright.looks(image, faces)
        moved = (
            replace(turned(look, side(face) / LOOK_FACE, centre(face.box), face.angle, LOOK), angle=face.angle)
            for face, look in zip(faces, looks, strict=True)
            if look is not None
        )
        return reaching([face for face in moved if centre_inside(face.box, image)], least)

    def close(self) -> None:
        """Free the models; a second call does nothing."""
        self.upright.yunet.close()
        if self.alone is not None:
            self.alone.close()

    def _turned_photo(self, image: Image.Image, small: Image.Image, faces: list[Face], least: float) -> list[Face]:
        """The faces of the photo, turned where it shows more so than as it stands."""
        top = max((face.detection_score for face in faces), default=0.0)
        if self.search != "thorough" and (len(faces) > TURN_FACES or top >= TURN_BELOW):
            return faces
        scores = {
            angle: max((face.detection_score for face in self.upright.yunet.find(small.transpose(turn))), default=0.0)
            for angle, turn in TURNS.items()
        }
        best = max(scores, key=scores.__getitem__)
        if scores[best] < max(least, TURN_SCORE, top + TURN_GAIN):
            return faces
        upright = image.transpose(TURNS[best])
        seen = self.upright.candidates(upright, small.transpose(TURNS[best]), least)
        more = [_turned_back(face, best, upright.size) for face in reaching(seen, least)]
        return best_of_each_place([*faces, *more], 0.3)

    def _bordered(self, image: Image.Image, small: Image.Image, least: float) -> list[Face]:
        """Candidates in the photo with a grey border."""
        border = round(BORDER * max(small.size))
        framed = ImageOps.expand(small, border, PADDING_GREY)
        factor = max(image.size) / max(small.size)
        found = [placed(face, factor, -border * factor, -border * factor) for face in self.upright.yunet.find(framed)]
        if self.close_up is not None:
            afar = self.upright.afar(image, padded=True)
            sure = [face for face in found if face.detection_score >= least]
            afar = [face for face in afar if all(iou(face.box, other.box) < 0.3 for other in sure)]
            found += self.upright.levelled(image, [face for face in afar if centre_inside(face.box, image)])
        return [face for face in self.upright.doubted(image, found) if centre_inside(face.box, image)]

    def _look_again(self, image: Image.Image, face: Face) -> Face:
        """An unsure face with the mean of the best two or three scores among four looks, see `FILLS`."""
        kinds = ({"mirrored": True}, {"stretched": True}, {"mirrored": True, "stretched": True})
        scores = [face.detection_score, *(score_of(self.upright.looks(image, [face], **kind)[0]) for kind in kinds)]
        best = sorted(scores)[-2 if side(face) > FILLS * min(image.size) else -3 :]
        return replace(face, detection_score=sum(best) / len(best))

    def _close_ups_of_mediapipe(self, image: Image.Image, candidates: list[Face], least: float) -> list[Face]:
        """Close-ups that MediaPipe's short-range model sees, with YuNet's score of as much certainty.

        Args:
            image: the photo.
            candidates: what YuNet has seen, with scores below `least`.
            least: the least score.
        """
        if self.alone is None:
            return []
        usual = calibrated(least, "yunet")
        sure = own_score((1 + usual) / 2, "mediapipe")
        faces = close_ups(self.alone.faces(image, own_score(usual, "mediapipe")), image)
        wide = FILLS * min(image.size)
        nearly = reaching(candidates, least - AGREED)
        return [
            replace(face, detection_score=own_score(calibrated(face.detection_score, "mediapipe"), "yunet"))
            for face in faces
            if face.detection_score >= sure
            or side(face) > wide
            or any(iou(face.box, other.box) > 0.3 for other in nearly)
        ]


def _turned_back(face: Face, angle: int, size: tuple[int, int]) -> Face:
    """From pixels of the photo that was turned upright, of that size, to pixels of the photo."""
    width, height = size

    def point(x: float, y: float) -> tuple[float, float]:
        return {90: (height - y, x), 180: (width - x, height - y), -90: (y, width - x)}[angle]

    (x0, y0), (x1, y1) = point(*face.box[:2]), point(*face.box[2:])
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    points = {name: point(*place) for name, place in face.keypoints.items()}
    return Face(box, face.detection_score, points, (face.angle + angle + 180) % 360 - 180)
