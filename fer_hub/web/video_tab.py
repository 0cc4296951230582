"""The tab for video files: progress, annotated video, a plot over time, CSV and JSON."""

from pathlib import Path

import gradio as gr

from fer_hub.web.sentences import refuse
from fer_hub.web.service import Service
from fer_hub.web.uploads import MAX_VIDEO_BYTES, VideoFile
from fer_hub.web.video_job import MAX_SECONDS, VideoResult, run_video


def add_video_tab(service: Service, model: gr.Dropdown) -> None:
    """A video in; what was seen of every face over time out. The analysis can be cancelled."""

    def analyse(video: Path | None, model: str, every: float, smoothing: float, progress=gr.Progress()):  # noqa: B008
        if video is None:
            raise refuse("the video must be given, got nothing; upload a video first.")
        yield None, None, [], "Starting ..."
        for step in run_video(service, video, model, every, smoothing):
            if isinstance(step, VideoResult):
                summary = step.summary
                persons = f"{summary['faces']} person{'' if summary['faces'] == 1 else 's'}"
                note = f"{summary['frames']:,} frames, {summary['seconds']:.1f} s, {persons}. " + " ".join(
                    summary["notes"]
                )
                yield str(step.video), str(step.timeline), [str(step.csv), str(step.json)], note
            else:
                done, total = step
                progress((done, total) if total else None, desc="Analysing frames", unit="frames")
                yield gr.skip(), gr.skip(), gr.skip(), f"{done:,} of {total or 'unknown'} frames"

    gr.Markdown(
        f"At most **{MAX_SECONDS / 60:.0f} minutes**, **{MAX_VIDEO_BYTES // 10**6} MB** and 1920x1080 pixels. "
        "On two processor cores a minute of video takes about a minute."
    )
    with gr.Row():
        with gr.Column():
            video = VideoFile(label="Video", sources=["upload"], elem_id="video")
            every = gr.Slider(1, 30, 1, step=1, precision=0, label="Analyse every n-th frame")
            smoothing = gr.Slider(0, 3, 0.5, step=0.1, label="Smoothing over time, in seconds")
            with gr.Row():
                start = gr.Button("Analyse", variant="primary", elem_id="analyse-video")
                stop = gr.Button("Cancel", variant="stop", elem_id="cancel-video")
        with gr.Column():
            note = gr.Markdown(elem_id="video-note")
            annotated = gr.Video(label="Annotated video", interactive=False, elem_id="annotated-video")
            timeline = gr.Image(
                label="Probabilities over time", interactive=False, elem_id="timeline",
                buttons=["download", "fullscreen"],
            )  # fmt: skip
            files = gr.File(label="CSV and JSON: one row per frame and face", file_count="multiple", interactive=False)
    running = start.click(
        analyse, [video, model, every, smoothing], [annotated, timeline, files, note],
        api_visibility="private", concurrency_id="video", concurrency_limit=1, show_progress_on=note,
    )  # fmt: skip
    stop.click(
        lambda: "Cancelled; nothing was kept.", None, note, cancels=[running], queue=False, api_visibility="private"
    )
