"""The tab for video files: progress, annotated video, plots over time, the strongest moments, CSV and JSON."""

import json
from pathlib import Path

import gradio as gr

from fer_hub.web.service import Service
from fer_hub.web.tabs.notes import busy, problem, told
from fer_hub.web.tabs.over_time import colours, curves, shares, stills, strongest
from fer_hub.web.uploads import MAX_VIDEO_BYTES, VideoFile
from fer_hub.web.video_job import MAX_SECONDS, VideoResult, run_video

READY = "Upload a video and press Analyse."
FAILED = "The server was busy or failed on this video. Try again in a minute, or choose another one."
SHOW = "() => ({__type__: 'update', visible: true})"
"""Shows a component, in the browser."""

MISSING = "The video is missing; upload a video first."


def add_video_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider, tab: gr.Tab) -> None:
    """Analyses a video and shows every face over time. The analysis can be cancelled."""

    def analyse(video: Path | None, model: str, every: int, min_score: float, smoothing: float):
        if video is None:
            yield *empty(), problem(MISSING), gr.Button(visible=False)
            return
        yield *empty(), busy("Starting ..."), gr.Button(visible=True)
        skipped = (gr.skip(),) * len(empty())
        try:
            for step in run_video(service, video, model, every, min_score, smoothing):
                if isinstance(step, VideoResult):
                    note = told(summary(step.summary))
                    yield *shown(step), note, gr.Button(visible=False)
                else:
                    done, total = step
                    sentence = f"{done:,} of {total or 'unknown'} frames"
                    yield *skipped, busy(sentence, done / total if total else None), gr.skip()
        except gr.Error as error:
            yield *empty(), problem(f"Not analysed: {error.message}"), gr.Button(visible=False)

    def shown(step: VideoResult) -> tuple:
        tables, labels = curves(step.over_time), step.over_time.labels
        names = list(tables)
        moments = strongest(step.over_time)
        pictures, limits = stills(step.video, moments), [0, max(step.over_time.seconds, 0.1)]
        first = tables[names[0]] if names else None
        return (
            gr.Video(str(step.video), visible=True),
            gr.Radio(names, value=names[0] if names else None, visible=len(names) > 1),
            gr.LinePlot(first, color_map=colours(labels), x_lim=limits, visible=bool(names)),
            gr.BarPlot(shares(step.over_time), color_map=colours(labels), visible=bool(names)),
            gr.Gallery(pictures, visible=bool(pictures)),
            gr.File([str(step.csv), str(step.json), str(step.timeline)], visible=True),
            tables,
        )

    def empty() -> tuple:
        hidden = (each(visible=False) for each in (gr.Radio, gr.LinePlot, gr.BarPlot))
        return gr.Video(None, visible=False), *hidden, gr.Gallery([], visible=False), gr.File([], visible=False), {}

    def person(name: str | None, tables: dict):
        return tables.get(name) if isinstance(name, str) else None

    gr.Markdown(
        f"At most **{MAX_SECONDS / 60:.0f} minutes**, **{MAX_VIDEO_BYTES // 10**6} MB** and 1920x1080 pixels. "
        "The result is an annotated video with its sound, plots of the probabilities over time, and tables."
    )
    with gr.Row():
        with gr.Column():
            # gradio loads the player, half as much as all the rest, for every video that is not invisible
            video = VideoFile(label="Video", sources=["upload"], elem_id="video", height=220, visible=False)
            tab.select(None, None, video, js=SHOW, queue=False, api_visibility="private", show_progress="hidden")
            with gr.Row():
                start = gr.Button("Analyse", variant="primary", elem_id="analyse-video")
                stop = gr.Button("Cancel", variant="stop", elem_id="cancel-video", visible=False)
            with gr.Accordion("Settings of the analysis", open=False):
                every = gr.Slider(1, 30, 1, step=1, precision=0, label="Analyse every n-th frame")
                smoothing = gr.Slider(0, 3, 0.5, step=0.1, label="Smoothing over time, in seconds")
        with gr.Column():
            note = gr.HTML(told(READY), elem_id="video-note", js_on_load=None)
            annotated = gr.Video(label="Annotated video", interactive=False, elem_id="annotated-video", visible=False)
    who = gr.Radio([], label="Person", elem_id="video-person", visible=False)
    plot = {"color": "expression", "show_label": True, "buttons": []}
    over_time = gr.LinePlot(
        x="seconds", y="probability", y_lim=[0, 100], x_title="Time in seconds", y_title="Probability in %", height=360,
        color_title="Expression", label="Probabilities over time", elem_id="timeline", visible=False, **plot,
    )  # fmt: skip
    share = gr.BarPlot(
        x="person", y="share", x_title="Person", y_title="Mean share in %", height=320, color_title="Expression",
        label="Share of each expression", elem_id="shares", visible=False, **plot,
    )  # fmt: skip
    gallery = gr.Gallery(
        label="The strongest moment of each expression; choose one to jump to it", columns=4, height="auto",
        object_fit="contain", format="jpeg", elem_id="moments", allow_preview=False, visible=False, buttons=[],
    )  # fmt: skip
    files = gr.File(
        label="CSV and JSON with one row per frame and face, and a plot", file_count="multiple", interactive=False,
        elem_id="video-files", visible=False,
    )  # fmt: skip
    tables = gr.State({})
    outputs = [annotated, who, over_time, share, gallery, files, tables, note, stop]
    running = start.click(
        analyse, [video, model, every, min_score, smoothing], outputs,
        api_visibility="private", concurrency_id="video", concurrency_limit=1, show_progress="hidden",
    )  # fmt: skip
    cancelled = told("Cancelled; nothing was saved.")
    # in the browser, which knows whether the analysis ended because the visitor wanted it
    failed = f"() => window.ferCancelled ? {json.dumps(cancelled)} : {json.dumps(problem(FAILED))}"
    running.failure(None, None, note, js=failed, queue=False, api_visibility="private", show_progress="hidden")
    # sequential: a late frame count must not replace the sentence
    stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: (cancelled, gr.Button(visible=False)), None, [note, stop], queue=False, api_visibility="private",
        show_progress="hidden",
    )  # fmt: skip
    who.input(person, [who, tables], over_time, queue=False, api_visibility="private", show_progress="hidden")


def summary(known: dict) -> str:
    """The summary of a video in a sentence.

    >>> summary({"frames": 1500, "seconds": 60.04, "face_count": 1, "notes": []})
    '1,500 frames, 60.0 s, 1 person.'
    """
    people = f"{known['face_count']} {'person' if known['face_count'] == 1 else 'people'}"
    return " ".join([f"{known['frames']:,} frames, {known['seconds']:.1f} s, {people}.", *known["notes"]])
