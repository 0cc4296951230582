"""State of a visitor between two frames of the webcam tab."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from fer_hub import EMOTIONS
from fer_hub.images import load_image
from fer_hub.web.service import Service
from fer_hub.web.tabs.live import OFF_SECONDS, LiveSession, answer_frame, panel
from tests.app.conftest import EIGHT
from tests.app.driving import PORTRAIT


@pytest.fixture(scope="module")
def service(eight, tiny_checkpoint):
    with Service({"eight": eight, "seven": tiny_checkpoint}) as service:
        yield service


def test_the_frame_rate_is_the_mean_of_the_last_second():
    session = LiveSession()
    assert session.rate(10.0) == 0  # the first frame has none
    rates = [session.rate(10 + step / 20) for step in range(1, 41)]
    assert rates == pytest.approx([20.0] * 40)
    assert session.rate(12.5) == pytest.approx(11 / 1.0, abs=1.1)  # half a second without a frame
    assert session.was_off(14.6) and not session.was_off(14.4)
    session.answered = 14.5  # the answer took two seconds
    assert session.was_off(16.6) and not session.was_off(14.6)


def test_bars_and_frame_rate_stand_beside_the_picture_and_not_in_it(service):
    frame, session = load_image(PORTRAIT), LiveSession()
    _, seen = answer_frame(service, frame, session, "eight", 0.5, 3.0)
    told = panel(seen, 17.4)
    assert "17 frames/s" in told and told.count("<li ") == 8
    assert "No face in the picture" in panel(None, 0)
    assert "<script" not in panel({"<script>": 0.9, "b": 0.1}, 0)


def test_another_network_restarts_smoothing(service):
    frame, session = load_image(PORTRAIT), LiveSession()
    for _ in range(3):
        picture, seen = answer_frame(service, frame, session, "eight", 0.5, 3.0)
    assert tuple(seen) == EIGHT and Image.open(io.BytesIO(picture)).size == frame.size
    _, seen = answer_frame(service, frame, session, "seven", 0.5, 3.0)
    [raw] = service.live_faces(frame, "seven", 0.5, session.watcher)
    # following a face moves its box by a fraction of a pixel from frame to frame
    assert tuple(seen) == EMOTIONS and seen == pytest.approx(raw.probabilities, rel=2e-3)
    _, seen = answer_frame(service, Image.new("RGB", (640, 480)), session, "seven", 0.5, 3.0)
    assert seen is None


def test_switched_off_during_a_slow_answer_two_workers_never_meet():
    """The first answer is still under way when the camera is on again and the next frame is answered."""

    class Slow:
        started, overtaken, inside, most = threading.Event(), threading.Event(), 0, 0

        def watcher(self):
            return None

        def live_faces(self, frame, model, min_score, watcher):
            self.inside += 1
            self.most = max(self.most, self.inside)
            if not self.started.is_set():
                self.started.set()
                self.overtaken.wait(0.5)  # only two at a time would end this wait
            else:
                self.overtaken.set()
            self.inside -= 1
            return []

    slow, session, frame = Slow(), LiveSession(), Image.new("RGB", (64, 48))
    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(answer_frame, slow, frame, session, "any", 0.5, 0.5)
        slow.started.wait()
        second = workers.submit(answer_frame, slow, frame, session, "any", 0.5, 0.5)
        assert (first.result()[1], second.result()[1]) == (None, None)
    assert slow.most == 1


def test_a_camera_that_was_off_starts_a_new_session(service):
    session = LiveSession()
    for _ in range(2):
        answer_frame(service, load_image(PORTRAIT), session, "eight", 0.5, 3.0)
    assert session.tracker.face_count == 1
    session.times = [time.monotonic() - OFF_SECONDS - 0.1]
    answer_frame(service, load_image(PORTRAIT), session, "eight", 0.5, 3.0)
    assert session.tracker.face_count == 2  # somebody else may sit there by now
