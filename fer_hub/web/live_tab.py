"""The tab for the webcam: boxes and probability bars over the live picture, probabilities smoothed per person."""

import io
import time

import gradio as gr
from PIL import Image

from fer_hub.drawing import draw
from fer_hub.tracking import FaceTracker
from fer_hub.web.bars import draw_bars
from fer_hub.web.service import Service
from fer_hub.web.uploads import Camera

STREAM_EVERY = 0.03
"""Seconds between two frames that the browser sends; it sends no faster than answers come back."""

RATE_SECONDS = 1.0
"""The frames per second that are shown are the mean over this long."""


class LiveSession:
    """What is remembered of one visitor between two frames: who is where, and when frames came."""

    def __init__(self):
        self.tracker = FaceTracker(smoothing=0.5)
        self.times: list[float] = []

    def rate(self, now: float) -> float:
        """Frames per second over the last `RATE_SECONDS`, this one included; 0 for the first."""
        self.times = [moment for moment in self.times if now - moment <= RATE_SECONDS] + [now]
        return (len(self.times) - 1) / (now - self.times[0]) if len(self.times) > 1 else 0.0


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
    if session.times and now - session.times[-1] > 2:  # the camera was off; somebody else may sit there now
        session.tracker.forget()
    session.tracker.smoothing = smoothing
    found = [face for face in service.live_pipeline(model)(frame) if face.score >= min_score]
    faces = session.tracker.update(found, now)
    largest = dict(faces[0].probabilities) if faces else {}
    picture = draw_bars(draw(frame, faces), largest, f"{session.rate(now):.0f} frames/s")
    return encode(picture), largest or None


def add_live_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider) -> None:
    """Frames of the visitor's camera, each answered with itself, boxes and bars."""

    def look(frame: Image.Image | None, session: LiveSession | None, model: str, min_score: float, smoothing: float):
        if frame is None:
            return None, None, session
        session = session or LiveSession()
        return *answer_frame(service, frame, session, model, min_score, smoothing), session

    gr.Markdown(
        "Allow the camera, then press **Record**. Frames go to the server, are answered at once and not kept. "
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
