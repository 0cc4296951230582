"""The page: tabs, settings that all tabs share, how to read the result, and the API."""

from collections.abc import Sequence

import gradio as gr

from fer_hub.detection.detector import DEFAULT_MIN_SCORE, MODELS
from fer_hub.inference.priors import TRAINING, UNIFORM
from fer_hub.web.endpoints import add_endpoints
from fer_hub.web.facts import facts
from fer_hub.web.gate import MAX_QUEUE, app_kwargs
from fer_hub.web.guard import Page
from fer_hub.web.look import CSS, SCRIPT, theme, words
from fer_hub.web.old_files import replace_sweep
from fer_hub.web.service import LOWEST_SCORE, Service
from fer_hub.web.tabs.card import add_card_tab
from fer_hub.web.tabs.examples import as_examples
from fer_hub.web.tabs.live import add_live_tab
from fer_hub.web.tabs.photo import add_photo_tab
from fer_hub.web.tabs.several import add_several_tab
from fer_hub.web.tabs.video import add_video_tab
from fer_hub.web.texts import INTRODUCTION, how_to_read
from fer_hub.web.turns import IN_FLIGHT, Turns
from fer_hub.web.uploads import MAX_VIDEO_BYTES

SWEEP_SECONDS, KEEP_SECONDS = 300, 1800
"""Interval of the clean-up of visitors' files, and their largest age, in seconds."""

OTHERS = 16
"""Number of requests in flight that are not for photos: frames of cameras, videos and what the page asks for itself."""

MAX_SESSIONS = 200
"""Number of sessions kept in memory; every API call counts as one."""

DETECTORS = [
    ("YuNet and MediaPipe", "fused"),
    ("YuNet: upright faces", "yunet"),
    ("MediaPipe: near faces", "mediapipe"),
]
"""Label on the page, value of `FaceDetector(model=...)`; the API takes all values."""


def launch_options() -> dict:
    """The required arguments of `launch`: limits, the gate, no history in the browser."""
    return {
        "app_kwargs": app_kwargs(),
        "css": CSS,
        "js": SCRIPT,
        "theme": theme(),
        "i18n": words(),
        "max_file_size": MAX_VIDEO_BYTES,
        "max_threads": IN_FLIGHT + OTHERS,
        "run_history": False,
        # gradio would fetch the page once more, and end with a sentence about proxies where that takes 3 seconds
        "_frontend": False,
        "state_session_capacity": MAX_SESSIONS,
        "show_error": False,
    }


def build(service: Service, examples: Sequence[str] = ()) -> gr.Blocks:
    """The whole app as gradio Blocks, ready to launch.

    Args:
        service: the loaded checkpoints; the caller closes it.
        examples: paths of example photos.
    """
    replace_sweep()
    with Page(title="Facial expression recognition", delete_cache=(SWEEP_SECONDS, KEEP_SECONDS)) as page:
        gr.Markdown(INTRODUCTION, elem_id="title")
        titles = [(facts(where).title(name), name) for name, where in service.checkpoints.items()]
        model = gr.Dropdown(titles, value=service.names[0], label="Network", elem_id="model", render=False)
        min_score = gr.Slider(
            LOWEST_SCORE, 1, DEFAULT_MIN_SCORE, step=0.05, label="Detector confidence: lower finds more faces",
            render=False,
        )  # fmt: skip
        prior = gr.Dropdown(
            [("as in training", TRAINING), ("all equally common: finds rare ones more often", UNIFORM)],
            value=TRAINING, label="Base rates of the expressions, for photos", elem_id="prior", render=False,
        )  # fmt: skip
        detection_model = gr.Dropdown(
            DETECTORS, value=MODELS[0], label="Face detector, for photos", elem_id="detection-model", render=False
        )
        turns = Turns()
        with gr.Tab("Photo"):
            add_photo_tab(service, model, min_score, prior, detection_model, as_examples(examples), turns)
        with gr.Tab("Webcam"):
            add_live_tab(service, model, min_score)
        with gr.Tab("Video") as tab:
            add_video_tab(service, model, min_score, tab)
        with gr.Tab("Several photos"):
            add_several_tab(service, model, min_score, prior, detection_model, turns)
        with gr.Tab("How to read this"):
            gr.Markdown(how_to_read(service, KEEP_SECONDS // 60))
        with gr.Tab("Model card") as tab:
            add_card_tab(service, model, tab)
        with gr.Accordion("Settings: network, detector, base rates", open=False, elem_id="settings"), gr.Row():
            for setting in (model, min_score, prior, detection_model):
                setting.render()
        add_endpoints(service, turns)
    # api_open=False: all computation goes through the queue and its limits
    return page.queue(max_size=MAX_QUEUE, api_open=False)
