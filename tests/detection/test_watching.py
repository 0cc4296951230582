"""Faces of frame after frame: quick looks where they were, and the whole frame now and then."""

import pytest
from PIL import Image

from benchmarks.collage import PORTRAITS
from fer_hub.boxes import iou, shift
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.watching import Watcher
from fer_hub.images import load_image


class Counting:
    """A detector that counts how often it searches whole frames."""

    def __init__(self, detector: FaceDetector) -> None:
        self.detector, self.searches = detector, 0

    def detect(self, image, min_score=None):
        self.searches += 1
        return self.detector.detect(image, min_score)

    def follow(self, image, faces, min_score=None):
        return self.detector.follow(image, faces, min_score)


def frame(x: int, other: bool = False) -> Image.Image:
    """The astronaut so far from the left, and perhaps Grace Hopper beside her."""
    image = Image.new("RGB", (640, 360), "gray")
    image.paste(load_image("examples/astronaut.jpg").crop((100, 0, 350, 300)), (x, 20))
    if other:
        image.paste(load_image("examples/grace_hopper.jpg").resize((256, 303)), (370, 20))
    return image


def truth(x: int) -> tuple:
    return shift(PORTRAITS["astronaut"], x - 100, 20)


@pytest.fixture
def counting():
    with FaceDetector(search="fast") as detector:
        yield Counting(detector)


def test_a_face_that_moves_is_followed_without_a_search(counting):
    watcher = Watcher(counting)
    for step in range(5):
        [face] = watcher.detect(frame(20 + 8 * step))
        assert iou(face.box, truth(20 + 8 * step)) > 0.7
    assert counting.searches == 1


def test_newcomers_are_found_within_a_few_frames(counting):
    watcher = Watcher(counting, every=3)
    seen = [len(watcher.detect(frame(20, other=step > 0))) for step in range(4)]
    assert seen[0] == 1 and seen[-1] == 2


def test_who_is_gone_is_gone_at_once(counting):
    watcher = Watcher(counting)
    assert len(watcher.detect(frame(20))) == 1
    assert watcher.detect(Image.new("RGB", (640, 360), "gray")) == []


def test_a_forgetful_watcher_searches_anew(counting):
    watcher = Watcher(counting)
    watcher.detect(frame(20))
    watcher.forget()
    watcher.detect(frame(20))
    assert counting.searches == 2


def test_a_limit_leaves_faces_out(counting):
    assert Watcher(counting, min_score=1.0).detect(frame(20)) == []


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_must_be_a_whole_number(counting, every):
    with pytest.raises(ValueError, match=r"^every must be a whole number above 0, got "):
        Watcher(counting, every=every)
