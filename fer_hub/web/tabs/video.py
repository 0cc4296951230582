"""The tab for video files: progress, annotated video, a plot over time, CSV and JSON."""

from pathlib import Path

import gradio as gr

from fer_hub.web.sentences import refuse
from fer_hub.web.service import Service
from fer_hub.web.uploads import MAX_VIDEO_BYTES, VideoFile
from fer_hub.web.video_job import MAX_SECONDS, VideoResult, run_video


def add_video_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider) -> None:
    """Analyses a video and shows every face over time. The analysis can be cancelled."""

    def analyse(
        video: Path | None, model: str, every: int, min_score: float, smoothing: float,
        progress=gr.Progress(),  # noqa: B008
    ):  # fmt: skip
        if video is None:
            raise refuse("the video is missing; upload a video first.")
        yield None, None, [], "Starting ..."
        try:
            for step in run_video(service, video, model, every, min_score, smoothing):
                if isinstance(step, VideoResult):
                    yield str(step.video), str(step.timeline), [str(step.csv), str(step.json)], told(step.summary)
                else:
                    done, total = step
                    progress((done, total) if total else None, desc="Analysing frames", unit="frames")
                    yield gr.skip(), gr.skip(), gr.skip(), f"{done:,} of {total or 'unknown'} frames"
        except gr.Error as error:
            yield None, None, [], f"Not analysed: {error.message}"  # the message in the corner disappears
            raise

    gr.Markdown(
        f"At most **{MAX_SECONDS / 60:.0f} minutes**, **{MAX_VIDEO_BYTES // 10**6} MB** and 1920x1080 pixels. "
        "The result is an annotated video with its sound, a plot of the probabilities over time, and tables."
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
            note = gr.Markdown("Upload a video and press Analyse.", elem_id="video-note")
            annotated = gr.Video(label="Annotated video", interactive=False, elem_id="annotated-video")
            timeline = gr.Image(
                label="Probabilities over time", interactive=False, elem_id="timeline",
                buttons=["download", "fullscreen"],
            )  # fmt: skip
            files = gr.File(
                label="CSV and JSON: one row per frame and face", file_count="multiple", interactive=False,
                elem_id="video-files",
            )  # fmt: skip
    running = start.click(
        analyse, [video, model, every, min_score, smoothing], [annotated, timeline, files, note],
        api_visibility="private", concurrency_id="video", concurrency_limit=1, show_progress_on=note,
    )  # fmt: skip
    # sequential: a late frame count must not replace the sentence
    stop.click(None, None, None, cancels=[running], queue=False, api_visibility="private").then(
        lambda: "Cancelled; nothing was saved.", None, note, queue=False, api_visibility="private"
    )


def told(summary: dict) -> str:
    """The summary of a video in a sentence.

    >>> told({"frames": 1500, "seconds": 60.04, "face_count": 1, "notes": []})
    '1,500 frames, 60.0 s, 1 person.'
    """
    people = f"{summary['face_count']} {'person' if summary['face_count'] == 1 else 'people'}"
    return " ".join([f"{summary['frames']:,} frames, {summary['seconds']:.1f} s, {people}.", *summary["notes"]])
