"""The look of the page: theme, style sheet, and a script that selects faces and mends gaps of gradio."""

from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent

CSS = (_HERE / "page.css").read_text(encoding="utf-8")
"""The style sheet."""

SCRIPT = "() => {{ ({})(); ({})(); }}".format(
    *((_HERE / name).read_text(encoding="utf-8").strip() for name in ("page.js", "camera.js"))
)
"""Selects faces, announces results, names controls where gradio does not, opens the API page for `?view=api`, and keeps
pictures and recordings of the webcam in the browser."""

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
"""The system's own font: gradio's SemiBold web fonts lack most letters, and nothing has to be loaded."""

WORDS = {
    "common.complete": "Complete",
    "common.error": "Error",
    "common.progress": "Progress",
    "common.upload": "Upload",
    "common.webcam": "Webcam",
    "common.video": "Video",
}
"""Texts that gradio asks for and does not have, so that it would show their keys."""


def words() -> gr.I18n:
    """The texts of `WORDS`, in the languages of gradio's own page."""
    return gr.I18n(en=WORDS)


def theme() -> gr.themes.Base:
    """Warm greys, one accent, the system's font; texts have a contrast of at least 4.5."""
    accent, darker = "#3730a3", "#312e81"
    grey, light_grey = "*neutral_600", "*neutral_300"
    return gr.themes.Base(
        primary_hue="indigo", neutral_hue="stone", font=FONT, font_mono=("ui-monospace", "monospace"),
        radius_size="lg", spacing_size="md",
    ).set(
        body_background_fill="#fafaf9", body_background_fill_dark="#0c0a09",
        block_background_fill="#ffffff", block_background_fill_dark="#1c1917",
        block_border_width="1px", block_border_color="*neutral_300", block_border_color_dark="*neutral_700",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        button_primary_background_fill=accent, button_primary_background_fill_dark=accent,
        button_primary_background_fill_hover=darker, button_primary_background_fill_hover_dark=darker,
        button_primary_text_color="white", button_primary_text_color_dark="white",
        button_secondary_background_fill="#ffffff", button_secondary_background_fill_dark="#292524",
        button_secondary_border_color="*neutral_500", button_secondary_border_color_dark="*neutral_400",
        button_border_width="1px",
        button_cancel_background_fill="#9f1239", button_cancel_background_fill_dark="#9f1239",
        button_cancel_text_color="white", button_cancel_text_color_dark="white",
        link_text_color=accent, link_text_color_dark="#c7d2fe",
        link_text_color_hover=darker, link_text_color_hover_dark="#e0e7ff",
        link_text_color_visited=accent, link_text_color_visited_dark="#c7d2fe",
        link_text_color_active=accent, link_text_color_active_dark="#c7d2fe",
        slider_color=accent, slider_color_dark="#c7d2fe",
        checkbox_border_color="*neutral_500", checkbox_border_color_dark="*neutral_400",
        input_border_width="1px", input_border_color="*neutral_500", input_border_color_dark="*neutral_400",
        input_background_fill="#ffffff", input_background_fill_dark="#0c0a09",
        body_text_color_subdued=grey, body_text_color_subdued_dark=light_grey,
        block_info_text_color=grey, block_info_text_color_dark=light_grey,
        block_label_text_color=grey, block_label_text_color_dark=light_grey,
        block_title_text_color="*neutral_800", block_title_text_color_dark="*neutral_100",
    )  # fmt: skip
