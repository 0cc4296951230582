"""The page: tabs, settings that all tabs share, how to read the result, and the API."""

from collections.abc import Sequence

import gradio as gr

from fer_hub.faces import DEFAULT_MIN_SCORE
from fer_hub.web.endpoints import add_endpoints
from fer_hub.web.guard import MAX_QUEUE, Page, app_kwargs
from fer_hub.web.live_tab import add_live_tab
from fer_hub.web.photo_tab import add_batch_tab, add_photo_tab
from fer_hub.web.service import LOWEST_SCORE, Service
from fer_hub.web.texts import INTRODUCTION, how_to_read
from fer_hub.web.uploads import MAX_VIDEO_BYTES
from fer_hub.web.video_tab import add_video_tab

SWEEP_SECONDS, KEEP_SECONDS = 300, 1800
"""How often files of visitors are looked through, and how old they may get; `texts` says so on the page."""

MAX_SESSIONS = 200
"""How many visitors' settings are remembered; every call of the API counts as one."""

CSS = """
:root { --color-accent: #1d4ed8; }
.dark { --color-accent: #93c5fd; }
#annotated img { cursor: crosshair; }
/* gradio lays these names over the pictures, where they hide faces */
:is(#annotated, #gallery, #timeline, #annotated-video) [data-testid=block-label] {
    position: static; width: fit-content;
}
@media (max-width: 640px) { .gradio-container { padding: 8px !important; } }
"""
"""Gradio's orange has too little contrast on white, so accents are blue."""

NAMES = """() => {
    const names = {
        '.gallery-item': 'Example photograph', 'a[data-testid=download-link]': 'Download',
        '#annotated button:has(img)': 'Faces in the photograph',
    };
    let waiting = false;
    const name = () => {
        waiting = false;
        for (const [selector, text] of Object.entries(names)) {
            document.querySelectorAll(selector).forEach((each, number) => {
                each.ariaLabel ||= number ? text + ' ' + (number + 1) : text;
            });
        }
    };
    const soon = () => { if (!waiting) { waiting = true; setTimeout(name, 300); } };
    new MutationObserver(soon).observe(document.body, {childList: true, subtree: true});
    soon();
}"""
"""Gives controls names for screen readers where gradio leaves them out."""


def theme() -> gr.themes.Base:
    """Gradio's default look with buttons whose text can be read."""
    dark_blue, darker = "*primary_700", "*primary_800"
    return gr.themes.Default(primary_hue="blue").set(
        button_primary_background_fill=dark_blue, button_primary_background_fill_dark=dark_blue,
        button_primary_background_fill_hover=darker, button_primary_background_fill_hover_dark=darker,
        button_cancel_background_fill="#b91c1c", button_cancel_background_fill_dark="#b91c1c",
        slider_color="*primary_600",
    )  # fmt: skip


def launch_options() -> dict:
    """What `launch` must be given, wherever the page is launched: limits, the gate, nothing kept in the browser."""
    return {
        "app_kwargs": app_kwargs(),
        "css": CSS,
        "js": NAMES,
        "theme": theme(),
        "max_file_size": MAX_VIDEO_BYTES,
        "run_history": False,
        "state_session_capacity": MAX_SESSIONS,
        "show_error": False,
    }


def build(service: Service, examples: Sequence[str] = ()) -> gr.Blocks:
    """The whole app as gradio Blocks, ready to launch.

    Args:
        service: the loaded checkpoints; closed by whoever made it.
        examples: paths of example photographs.
    """
    with Page(title="Facial expression recognition", delete_cache=(SWEEP_SECONDS, KEEP_SECONDS)) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            model = gr.Dropdown(service.names, value=service.names[0], label="Network", elem_id="model")
            min_score = gr.Slider(
                LOWEST_SCORE, 1, DEFAULT_MIN_SCORE, step=0.05, label="Detector confidence: lower finds more faces"
            )
        with gr.Tab("Photo"):
            add_photo_tab(service, model, min_score, examples)
        with gr.Tab("Several photos"):
            add_batch_tab(service, model, min_score)
        with gr.Tab("Webcam"):
            add_live_tab(service, model, min_score)
        with gr.Tab("Video"):
            add_video_tab(service, model)
        with gr.Tab("How to read this"):
            gr.Markdown(how_to_read(service))
        add_endpoints(service)
    # api_open=False: everything that computes goes through the queue and its limits
    return page.queue(max_size=MAX_QUEUE, api_open=False)
