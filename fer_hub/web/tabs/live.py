"""The tab for the webcam: boxes and probability bars over the live picture, probabilities smoothed per person."""

import io
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import gradio as gr
from PIL import Image

from fer_hub.drawing import draw
from fer_hub.video.tracking import FaceTracker
from fer_hub.web.service import Service
from fer_hub.web.tabs.bars import draw_bars
from fer_hub.web.uploads import Camera

STREAM_EVERY = 0.01
"""How often the browser looks whether it may send the next frame, in seconds: it waits for the answer to the last."""

OFF_SECONDS = 2.0
"""A camera that sends nothing for so long was switched off."""

RATE_SECONDS = 1.0
"""The frames per second that are shown are the mean over this long."""


class LiveSession:
    """What is remembered of one visitor between two frames: who is where, and when frames came."""

    def __init__(self):
        self.tracker = FaceTracker(smoothing=0.5)
        self.times: list[float] = []
        self.pending: Future | None = None

    def rate(self, now: float) -> float:
        """Frames per second over the last `RATE_SECONDS`, this one included; 0 for the first."""
        self.times = [moment for moment in self.times if now - moment <= RATE_SECONDS] + [now]
        return (len(self.times) - 1) / (now - self.times[0]) if len(self.times) > 1 else 0.0

    def was_off(self, now: float) -> bool:
        """Whether the camera was switched off: no frame for `OFF_SECONDS`."""
        return bool(self.times) and now - self.times[-1] > OFF_SECONDS


def encode(picture: Image.Image) -> bytes:
    """An RGB picture as JPEG, at the quality of the frames that browsers send."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def answer_frame(
    service: Service, frame: Image.Image, session: LiveSession, model: str, min_score: float, smoothing: float
) -> tuple[bytes, dict[str, float] | None]:
    """The next frame of a visitor's camera with boxes and bars, as JPEG, and the largest face's probabilities."""
    now = time.monotonic()
    if session.was_off(now):  # somebody else may sit there by now
        session.tracker.forget()
    session.tracker.smoothing = smoothing
    faces = session.tracker.update(service.faces(frame, model, min_score, "live"), now)
    largest = dict(faces[0].probabilities) if faces else {}
    picture = draw_bars(draw(frame, faces), largest, f"{session.rate(now):.0f} frames/s")
    return encode(picture), largest or None


def one_behind(session: LiveSession, answer: Callable[[], tuple], at_first: Callable[[], tuple]) -> tuple:
    """Start the answer to this frame and return the one to the frame before.

    So the server works while the browser makes the next frame and shows the last, which on two cores is a third more
    frames per second; what is seen is one frame old, boxes and picture alike.
    """
    last, session.pending = session.pending, None
    shown = at_first() if last is None else last.result()  # one after the other: they share the tracker
    session.pending = _workers.submit(answer)
    return shown


_workers = ThreadPoolExecutor(2, thread_name_prefix="live")  # starts its threads when they are needed


def add_live_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider) -> None:
    """Frames of the visitor's camera, each answered with itself, boxes and bars."""

    def look(frame: Image.Image | None, session: LiveSession | None, model: str, min_score: float, smoothing: float):
        if frame is None:
            return None, None, session
        session = session or LiveSession()
        if session.was_off(time.monotonic()):
            session.pending = None
        answer = one_behind(
            session,
            lambda: answer_frame(service, frame, session, model, min_score, smoothing),
            lambda: (encode(frame), None),
        )
        return *answer, session

    gr.Markdown(
        "Allow the camera, then press **Start / stop**. Frames go to the server, are answered at once and not kept. "
        "Left and right are swapped, as in a mirror."
    )
    with gr.Row():
        with gr.Column(scale=2):
            camera = Camera(
                label="Camera", sources="webcam", streaming=True, type="pil", format="jpeg", elem_id="camera",
                webcam_options=gr.WebcamOptions(
                    mirror=True, constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
                ),
            )  # fmt: skip
        with gr.Column(scale=1):
            smoothing = gr.Slider(0, 3, 0.5, step=0.1, label="Smoothing over time, in seconds", elem_id="smoothing")
            probabilities = gr.Label(label="Largest face", elem_id="live-probabilities")
    session = gr.State(None)
    camera.stream(
        look, [camera, session, model, min_score, smoothing], [camera, probabilities, session],
        stream_every=STREAM_EVERY, time_limit=60, concurrency_limit=2, concurrency_id="live",
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
