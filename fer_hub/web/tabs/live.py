"""The tab for the webcam: boxes over the live picture and bars beside it, probabilities smoothed per person."""

import io
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from html import escape
from uuid import uuid4

import gradio as gr
from PIL import Image

from fer_hub.detection.watching import Watcher
from fer_hub.drawing import draw
from fer_hub.video.tracking import FaceTracker
from fer_hub.web.private_page import invitation
from fer_hub.web.service import Service
from fer_hub.web.tabs.faces import bars, in_words
from fer_hub.web.uploads import Camera

STREAM_EVERY = 0.01
"""Interval in seconds at which the browser tries to send the next frame; it waits for the result of the last one."""

OFF_SECONDS = 2.0
"""Seconds without a frame after an answer after which the camera counts as switched off."""

RATE_SECONDS = 1.0
"""Seconds over which the displayed frame rate is averaged."""


KEEP = """<div class="fer-keep">
<button type="button" class="fer-why" id="keep-picture" disabled>Save this picture</button>
<button type="button" class="fer-why" id="keep-recording" aria-pressed="false" disabled>Record</button>
<p class="fer-quality">A recording shows the picture and the probabilities over time, with a table; at most a minute.
It is made in this browser and sent nowhere.</p>
<div id="kept-picture"></div><div id="kept-recording"></div></div>"""
"""What keeps pictures and recordings, see `camera.js`."""


class LiveSession:
    """State of one visitor between two frames: the face tracker and the times of the frames.

    One frame at a time changes it: where the camera was switched off during a slow answer, the next one waits.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.tracker = FaceTracker(smoothing=0.5)
        self.times: list[float] = []
        self.answered = 0.0
        self.pending: Future | None = None
        self.watcher: Watcher | None = None
        self.speed = 0.0

    def rate(self, now: float) -> float:
        """Frames per second over the last `RATE_SECONDS`, this one included; 0 for the first."""
        self.times = [moment for moment in self.times if now - moment <= RATE_SECONDS] + [now]
        return (len(self.times) - 1) / (now - self.times[0]) if len(self.times) > 1 else 0.0

    def was_off(self, now: float) -> bool:
        """Whether the camera was switched off: no frame for `OFF_SECONDS` after the last answer."""
        return bool(self.times) and now - max(self.times[-1], self.answered) > OFF_SECONDS


def encode(picture: Image.Image) -> bytes:
    """An RGB image as JPEG, at the quality of the frames that browsers send."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def answer_frame(
    service: Service, frame: Image.Image, session: LiveSession, model: str, min_score: float, smoothing: float
) -> tuple[bytes, dict[str, float] | None]:
    """The next camera frame with boxes as JPEG, and the first face's probabilities."""
    with session.lock:
        now = time.monotonic()  # here, so that the tracker's time never goes back
        if session.was_off(now):  # it may be somebody else now
            session.tracker.forget()
            session.watcher = None
        session.watcher = session.watcher or service.watcher()
        session.tracker.smoothing = smoothing
        faces = session.tracker.update(service.live_faces(frame, model, min_score, session.watcher), now)
        session.speed = session.rate(now)
    largest = dict(faces[0].probabilities) if faces else {}
    return encode(draw(frame, faces)), largest or None


def panel(probabilities: Mapping[str, float] | None, speed: float, frame: str = "") -> str:
    """What stands beside the picture, as HTML: the most prominent face in words and bars, and the frame rate.

    Args:
        probabilities: label → probability of that face in the network's order; `None` without a face.
        speed: frames per second.
        frame: tells this frame's result from others; empty before the first.
    """
    known = probabilities or {}
    words = in_words(known).capitalize() if known else "No face in the picture"
    return (
        f'<div class="fer-live-result" data-frame="{frame}"><p><strong>{escape(words)}</strong></p>'
        f"{bars(known, list(known))}"
        f'<p class="fer-quality">{speed:.0f} frames/s</p></div>'
    )


def one_behind(session: LiveSession, answer: Callable[[], tuple], at_first: Callable[[], tuple]) -> tuple:
    """Start processing this frame and return the result of the previous one.

    So the server works while the browser captures the next frame and shows the last, which gives a third more frames
    per second on two cores; the displayed frame and its boxes are one frame old.
    """
    last, session.pending = session.pending, None
    shown = at_first() if last is None else last.result()
    session.pending = _workers.submit(answer)
    return shown


_workers = ThreadPoolExecutor(2, thread_name_prefix="live")  # starts its threads on demand


def add_live_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider) -> None:
    """Frames of the visitor's camera, each returned with boxes and bars."""

    def look(frame: Image.Image | None, session: LiveSession | None, model: str, min_score: float, smoothing: float):
        if frame is None:
            return None, panel(None, 0), session
        session = session or LiveSession()
        if session.was_off(time.monotonic()):
            session.pending = None
        answer = one_behind(
            session,
            lambda: answer_frame(service, frame, session, model, min_score, smoothing),
            lambda: (encode(frame), None),
        )
        picture, seen = answer
        session.answered = time.monotonic()  # a slow server is no camera that is off
        return picture, panel(seen, session.speed, uuid4().hex), session

    gr.Markdown(
        "Allow the camera, then press **Start**. Frames are sent to the server, analysed and not stored. "
        "Left and right are swapped, as in a mirror. The list of cameras holds the front and the back one of a phone. "
        + invitation(),
        elem_id="live-text",
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
            probabilities = gr.HTML(panel(None, 0), elem_id="live-probabilities", js_on_load=None, min_height=260)
            gr.HTML(KEEP, elem_id="keep", js_on_load=None)
            smoothing = gr.Slider(0, 3, 0.5, step=0.1, label="Smoothing over time, in seconds", elem_id="smoothing")
    session = gr.State(None)
    camera.stream(
        look, [camera, session, model, min_score, smoothing], [camera, probabilities, session],
        stream_every=STREAM_EVERY, time_limit=60, concurrency_limit=2, concurrency_id="live",
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
