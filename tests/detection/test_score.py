"""What a detection score means, the order of faces, and one limit per call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_hub.detection.detector import DEFAULT_MIN_SCORE, FaceDetector
from fer_hub.detection.score import CURVES, calibrated, in_order, own_score, prominence
from fer_hub.images import load_image
from fer_hub.results import Face


@pytest.mark.parametrize("scorer", CURVES)
@given(share=st.floats(0.01, 0.99), more=st.floats(0.001, 0.5))
def test_scores_go_there_and_back_and_keep_their_order(scorer, share, more):
    assert calibrated(own_score(share, scorer), scorer) == pytest.approx(share, abs=1e-6)
    assert own_score(min(share + more, 1), scorer) > own_score(share, scorer)


def test_a_limit_of_nothing_lets_everything_through():
    assert own_score(0, "yunet") == 0


def test_a_doubtful_wall_does_not_stand_before_a_laughing_woman():
    wall = Face((0, 40, 130, 170), 0.54)
    woman = Face((300, 150, 420, 270), 0.97)
    assert prominence(woman, (640, 480)) > prominence(wall, (640, 480))


def test_of_equal_faces_the_one_in_the_middle_comes_first():
    middle, corner = Face((270, 190, 370, 290), 0.9), Face((0, 0, 100, 100), 0.9)
    assert in_order([corner, middle], (640, 480), "yunet")[0].box == middle.box


def test_what_lies_outside_the_photo_does_not_count():
    inside, outside = Face((0, 0, 100, 100), 0.9), Face((-50, 0, 50, 100), 0.9)
    assert prominence(inside, (100, 100)) > prominence(outside, (100, 100))


def test_one_call_may_have_a_limit_of_its_own():
    photo = load_image("examples/astronaut.jpg")
    with FaceDetector(min_score=1.0) as detector:
        assert detector.detect(photo) == []
        [face] = detector.detect(photo, DEFAULT_MIN_SCORE)
        assert detector.detect(photo, min(1.0, face.detection_score + 0.001)) == []
        with pytest.raises(ValueError, match=r"^min_score must be a number from 0 to 1, got 2;"):
            detector.detect(photo, 2)
