import copy
import json
import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_hub.results import FacePrediction
from fer_hub.video.tracking import FaceTracker, TrackedFace

LABELS = ("angry", "happy", "sad")


def face(x, y=0, side=40, probabilities=(0.2, 0.5, 0.3), score=0.9):
    named = dict(zip(LABELS, probabilities, strict=True))
    return FacePrediction((x, y, x + side, y + side), score, max(named, key=named.get), named)


def ids(tracked):
    return [each.face_id for each in tracked]


@st.composite
def faces(draw):
    weights = draw(st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
    probabilities = [weight / math.fsum(weights) for weight in weights]
    numbers = st.integers(0, 300)
    return face(draw(numbers), draw(numbers), draw(st.integers(10, 80)), probabilities, draw(st.floats(0, 1)))


frames = st.lists(st.lists(faces(), max_size=5), min_size=1, max_size=6)


@given(frames, st.floats(0, 2))
def test_ids_are_unique_in_a_frame_and_probabilities_sum_to_one(frames, smoothing):
    tracker, given_ids = FaceTracker(smoothing=smoothing), set()
    for index, predictions in enumerate(frames):
        tracked = tracker.update(predictions, index * 0.1)
        given_ids |= set(ids(tracked))
        assert len(set(ids(tracked))) == len(predictions)
        for one, raw in zip(tracked, predictions, strict=True):
            assert (one.box, one.detection_score) == (raw.box, raw.detection_score)
            assert list(one.probabilities) == list(LABELS)
            assert math.fsum(one.probabilities.values()) == pytest.approx(1, abs=1e-9)
            assert one.probabilities[one.emotion] == max(one.probabilities.values())
    assert given_ids == set(range(1, tracker.face_count + 1))


@settings(max_examples=60)
@given(st.data())
def test_ids_do_not_depend_on_the_order_of_the_faces(data):
    straight, shuffled = FaceTracker(), FaceTracker()
    for index, predictions in enumerate(data.draw(frames)):
        order = data.draw(st.permutations(range(len(predictions))))
        expected = straight.update(predictions, index * 0.1)
        got = shuffled.update([predictions[i] for i in order], index * 0.1)

        # faces that agree in every number cannot be distinguished, so they are compared as a set
        def key(one):
            return one.face_id, one.box, tuple(one.probabilities.values())

        assert sorted(map(key, got)) == sorted(map(key, expected))


@given(frames)
def test_without_smoothing_and_as_it_vanishes_the_probabilities_are_the_raw_ones(frames):
    off, nearly = FaceTracker(smoothing=0), FaceTracker(smoothing=1e-6)
    for index, predictions in enumerate(frames):
        for raw, one, other in zip(
            predictions, off.update(predictions, index), nearly.update(predictions, index), strict=True
        ):
            assert one.probabilities == raw.probabilities
            assert other.probabilities == pytest.approx(raw.probabilities, abs=1e-9)


@pytest.mark.parametrize("rate", [5, 10, 30, 60])
def test_smoothing_does_not_depend_on_the_frame_rate(rate):
    tracker = FaceTracker(smoothing=0.5)
    tracker.update([face(0, probabilities=(1, 0, 0))], 0)
    for frame in range(1, rate + 1):
        [one] = tracker.update([face(0, probabilities=(0, 1, 0))], frame / rate)
    # after 1 s, two time constants, exp(-2) of the old is left
    assert one.probabilities["angry"] == pytest.approx(math.exp(-2))
    assert one.probabilities["happy"] == pytest.approx(1 - math.exp(-2))
    assert one.emotion == "happy"


def test_one_odd_frame_does_not_change_the_emotion():
    tracker = FaceTracker(smoothing=0.5)
    emotions = []
    for frame in range(30):
        odd = frame == 15
        [one] = tracker.update([face(0, probabilities=(0.1, 0.1, 0.8) if odd else (0.1, 0.8, 0.1))], frame / 30)
        emotions.append(one.emotion)
    assert set(emotions) == {"happy"}


def test_smoothing_can_be_changed_at_any_time():
    tracker = FaceTracker(smoothing=10)
    tracker.update([face(0, probabilities=(1, 0, 0))], 0)
    tracker.smoothing = 0
    [one] = tracker.update([face(0, probabilities=(0, 1, 0))], 0.1)
    assert one.emotion == "happy" and one.probabilities["happy"] == 1


def test_smoothing_restarts_when_the_labels_change():
    tracker = FaceTracker(smoothing=10)
    tracker.update([face(0)], 0)
    [one] = tracker.update([FacePrediction((0, 0, 40, 40), 0.9, "joy", {"joy": 0.6, "anger": 0.4})], 0.1)
    assert (one.face_id, one.probabilities) == (1, {"joy": 0.6, "anger": 0.4})


@pytest.mark.parametrize("rate", [6, 15, 30, 60])
@pytest.mark.parametrize("speed", [40, 120, 200])  # pixels per second; faces of 40 px
def test_a_moving_face_keeps_its_id(rate, speed):
    tracker = FaceTracker()
    seen = {ids(tracker.update([face(speed * frame / rate)], frame / rate))[0] for frame in range(3 * rate)}
    assert seen == {1}


@pytest.mark.parametrize("rate", [10, 30])
@pytest.mark.parametrize("hidden", [0, 0.3, 0.6], ids="hidden for {} s".format)
def test_people_who_cross_keep_their_ids(rate, hidden):
    tracker = FaceTracker()
    for frame in range(4 * rate):
        time = frame / rate
        right, left = face(100 * time, 0), face(400 - 100 * time, 5, side=38)  # they meet after 2 s
        both = abs(time - 2) >= hidden / 2
        tracked = tracker.update([right, left] if both else [right], time)
        assert ids(tracked) == ([1, 2] if both else [1])


def test_one_of_two_who_cross_gets_one_new_id_after_a_long_time_out_of_sight():
    tracker, rate, seen = FaceTracker(), 15, []
    for frame in range(4 * rate):
        right, left = face(100 * frame / rate, 0), face(400 - 100 * frame / rate, 5, side=38)
        both = abs(frame / rate - 2) >= 1.35
        seen += ids(tracker.update([right, left] if both else [right], frame / rate))
    assert seen.count(1) == 4 * rate and sorted(set(seen)) == [1, 2, 3]


def test_a_neighbour_who_stays_does_not_take_over_the_one_who_leaves():
    tracker = FaceTracker()
    for frame in range(30):
        tracker.update([face(0), face(60)], frame / 30)
    for frame in range(30, 90):
        assert ids(tracker.update([face(60)], frame / 30)) == [2]


@pytest.mark.parametrize(("gap", "expected"), [(0.1, 1), (0.9, 1), (1.1, 2), (60, 2)])
def test_a_face_that_returns_late_is_a_new_one(gap, expected):
    tracker = FaceTracker(max_gap=1)
    tracker.update([face(0)], 5)
    tracker.update([], 5.05)
    assert ids(tracker.update([face(2)], 5 + gap)) == [expected]
    assert tracker.face_count == expected


@pytest.mark.parametrize("other", [face(200), face(0, side=150), face(0, 100)], ids=["beside", "larger", "below"])
def test_a_face_elsewhere_or_of_another_size_is_a_new_one(other):
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    assert ids(tracker.update([other], 0.04)) == [2]


def test_forget_gives_everybody_a_new_id():
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    tracker.forget()
    assert ids(tracker.update([face(0)], 0.04)) == [2]


def test_two_frames_of_the_same_moment_are_allowed():
    tracker = FaceTracker()
    tracker.update([face(0)], 1)
    [one] = tracker.update([face(1, probabilities=(1, 0, 0))], 1)
    assert one.face_id == 1
    assert one.probabilities == pytest.approx(face(0).probabilities)  # no time has passed


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda tracker: pickle.loads(pickle.dumps(tracker))])
def test_a_copy_is_independent(twin):
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    other = twin(tracker)
    assert ids(other.update([face(0), face(200)], 1)) == [1, 2]
    assert tracker.face_count == 1


def test_a_tracked_face_is_a_value_that_json_takes():
    [one] = FaceTracker().update([face(10)], 0)
    assert isinstance(one, FacePrediction)
    assert json.loads(json.dumps(one.to_dict())) == {
        "face_id": 1,
        "box": {"xmin": 10, "ymin": 0, "xmax": 50, "ymax": 40},
        "detection_score": 0.9,
        "quality": None,
        "angle": 0.0,
        "keypoints": {},
        "emotion": "happy",
        "probabilities": {"angry": 0.2, "happy": 0.5, "sad": 0.3},
    }
    with pytest.raises(AttributeError):
        one.face_id = 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_gap": -1}, "max_gap must be a number of seconds from 0 up, got -1."),
        ({"max_gap": "1 s"}, "max_gap must be a number of seconds from 0 up, got '1 s'."),
        ({"smoothing": math.nan}, "smoothing must be a number of seconds from 0 up, got nan."),
        ({"smoothing": True}, "smoothing must be a number of seconds from 0 up, got True."),
    ],
)
def test_wrong_seconds_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        FaceTracker(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (0.5, "time_seconds must not go back, got 0.5 after 1; use a new FaceTracker for another video."),
        (math.inf, "time_seconds must be a finite number of seconds, got inf."),
        (None, "time_seconds must be a finite number of seconds, got None."),
    ],
)
def test_a_wrong_time_is_refused_and_changes_nothing(time, message):
    tracker = FaceTracker()
    tracker.update([face(0)], 1)
    with pytest.raises(ValueError) as error:
        tracker.update([face(0), face(200)], time)
    assert str(error.value) == message
    assert ids(tracker.update([face(0), face(200)], 1.1)) == [1, 2]


def test_only_predictions_are_accepted():
    with pytest.raises(TypeError) as error:
        FaceTracker().update([(0, 0, 40, 40)], 0)
    assert str(error.value) == (
        "predictions must be the FacePrediction values of one frame, got tuple; pass what FERPipeline returns for it."
    )


@pytest.mark.parametrize("face_id", [0, True, "1"])
def test_a_wrong_face_id_is_refused(face_id):
    with pytest.raises(ValueError) as error:
        TrackedFace((0, 0, 40, 40), 0.9, "happy", {"happy": 1.0}, face_id=face_id)
    assert str(error.value) == f"face_id must be a whole number above 0, got {face_id!r}."


def box_face(x0, y0, side, score=0.9):
    return FacePrediction((x0, y0, x0 + side, y0 + side), score, "happy", {"happy": 1.0})


@pytest.mark.parametrize(("passed", "farthest"), [(0, 32), (0.4, 56), (0.75, 77), (1, 80)])
def test_how_far_a_face_may_have_gone(passed, farthest):
    """0.8 sizes and 1.5 more a second, at most 2; to every side."""
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        for distance, expected in ((farthest - 0.5, 1), (farthest + 0.5, 2)):
            tracker = FaceTracker()
            tracker.update([box_face(500, 500, 40)], 3)
            got = tracker.update([box_face(500 + x * distance, 500 + y * distance, 40)], 3 + passed)
            assert ids(got) == [expected], (x, y, distance)


def test_the_farthest_that_is_allowed_is_allowed():
    tracker = FaceTracker()
    tracker.update([box_face(0, 0, 40)], 0)
    assert ids(tracker.update([box_face(32, 0, 40)], 0)) == [1]


@pytest.mark.parametrize(("side", "shift", "expected"), [(88, 0, 1), (90, 0, 2), (18.2, 0, 1), (17.8, 0, 2),
                                                         (60, 19.5, 1), (60, 20, 2)])  # fmt: skip
def test_how_much_a_face_may_have_grown(side, shift, expected):
    """A size that is e^0.8 = 2.23 times as large is as far as a way of 0.8 sizes, of the mean of both sizes."""
    tracker = FaceTracker()
    tracker.update([box_face(100, 100, 40)], 0)
    corner = 120 - side / 2
    assert ids(tracker.update([box_face(corner + shift, corner, side)], 0)) == [expected]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_face_is_expected_where_it_was_heading(axis):
    """After 20 px in 0.1 s: 200 px/s, of which 1 - exp(-1/3) counts after one step; half a second later 28.3 px on."""
    expected = 20 + 0.5 * 200 * (1 - math.exp(-0.1 / 0.3)) + 40 * (0.8 + 1.5 * 0.5)
    for beyond, face_id in ((-0.5, 1), (0.5, 2)):
        tracker = FaceTracker()
        for time, way in ((0, 0), (0.1, 20), (0.6, expected + beyond)):
            got = tracker.update([box_face(*((way, 0) if axis == 0 else (0, way)), 40)], time)
        assert ids(got) == [face_id]


def test_a_gap_of_just_the_allowed_length_is_allowed():
    for gap, expected in ((0.5, 1), (0.5001, 2)):
        tracker = FaceTracker(max_gap=0.5)
        tracker.update([face(0)], 0)
        assert ids(tracker.update([face(0)], gap)) == [expected]
    assert (FaceTracker().max_gap, FaceTracker().smoothing) == (1, 0.5)


def test_new_ids_go_to_the_largest_then_the_leftmost_then_the_surest():
    faces = [box_face(300, 0, 40), box_face(0, 0, 30), box_face(100, 0, 40), box_face(100, 0, 40, score=0.95)]
    assert ids(FaceTracker().update(faces, 0)) == [3, 4, 2, 1]


def test_the_nearest_pair_is_matched_first():
    tracker = FaceTracker()
    tracker.update([box_face(0, 0, 40), box_face(30, 0, 40)], 0)
    assert ids(tracker.update([box_face(20, 0, 40), box_face(45, 0, 40)], 0.01)) == [2, 3]
