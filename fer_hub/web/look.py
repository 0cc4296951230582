"""The look of the page: theme, style sheet, and a script that fixes gaps in gradio's accessibility."""

import gradio as gr

CSS = """
:root { --color-accent: #1d4ed8; }
.dark { --color-accent: #93c5fd; }
.dark .prose a { color: #93c5fd; }
#annotated img { cursor: crosshair; }
/* gradio overlays these labels on the images, where they cover faces */
:is(#photo, #camera, #annotated, #gallery, #timeline, #video, #annotated-video) [data-testid=block-label] {
    position: static; width: fit-content;
}
/* while frames arrive, gradio toggles this button's text and icon several times a second */
#camera .icon-with-text:has([title="start recording"], [title="stop recording"]) { font-size: 0; gap: 0; }
#camera .icon-with-text:has([title="start recording"], [title="stop recording"]) > * { display: none; }
#camera .icon-with-text:has([title="start recording"], [title="stop recording"])::after {
    content: "Start / stop"; font-size: var(--text-md); white-space: nowrap;
}
/* the other input methods must be as readable as the selected one */
.source-selection button:not(.selected) { color: var(--body-text-color-subdued); }
#model input { padding-right: 26px; text-overflow: ellipsis; }
#gallery .grid-wrap { min-height: 0; height: auto; max-height: none; }
#gallery .caption-label { max-width: 100%; white-space: normal; }
/* tables that are wider than a phone scroll instead of breaking words */
#card table { display: block; overflow-x: auto; }
#card :is(td, th) { word-break: normal; overflow-wrap: normal; }
/* visitors must not remove files from the results */
:is(#photo-files, #several-files, #video-files) .label-clear-button { display: none; }
@media (max-width: 640px) {
    #settings { flex-direction: column; }
    button[role=tab] { padding-inline: 10px; }
    #gallery .grid-container { grid-template-columns: 1fr; }
}
"""
"""Gradio's orange has too little contrast on white, so accents are blue."""

SCRIPT = """() => {
    const names = {
        '.gallery-item': 'Example photo', 'a[data-testid=download-link]': 'Download',
        '#annotated button:has(img)': 'Faces in the photo',
    };
    const mend = () => {
        for (const [selector, text] of Object.entries(names)) {
            document.querySelectorAll(selector).forEach((each, number) => {
                each.ariaLabel ||= number ? text + ' ' + (number + 1) : text;
            });
        }
        document.querySelectorAll('#camera .capture-button').forEach(each => {
            each.ariaLabel = 'Start or stop the camera';
        });
        document.querySelectorAll('#photo-note, #video-note').forEach(each => { each.ariaLive = 'polite'; });
    };
    let waiting = false;
    const soon = () => {
        if (waiting) return;
        waiting = true;
        setTimeout(() => { waiting = false; mend(); openApi(); }, 300);
    };
    let wanted = new URLSearchParams(location.search).get('view') === 'api';
    const openApi = () => {
        const button = wanted && document.querySelector('footer .show-api');
        if (!button) return;
        wanted = false;
        button.click(); // gradio assumes that the page is already open, but has not loaded it
        button.click();
    };
    new MutationObserver(soon).observe(document.body, {childList: true, subtree: true});
    soon();
}"""
"""Labels controls for screen readers where gradio does not, and opens the API page for the URL `?view=api`."""


def theme() -> gr.themes.Base:
    """Gradio's default theme with more contrast for buttons and small text."""
    dark_blue, darker = "*primary_700", "*primary_800"
    grey, light_grey = "*neutral_600", "*neutral_300"
    return gr.themes.Default(primary_hue="blue").set(
        button_primary_background_fill=dark_blue, button_primary_background_fill_dark=dark_blue,
        button_primary_background_fill_hover=darker, button_primary_background_fill_hover_dark=darker,
        button_cancel_background_fill="#b91c1c", button_cancel_background_fill_dark="#b91c1c",
        slider_color="*primary_600",
        checkbox_border_color="*neutral_500", checkbox_border_color_dark="*neutral_400",
        body_text_color_subdued=grey, body_text_color_subdued_dark=light_grey,
        block_info_text_color=grey, block_info_text_color_dark=light_grey,
    )  # fmt: skip
