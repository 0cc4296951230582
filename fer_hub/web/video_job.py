"""Analyses an uploaded video in a separate thread, so that progress is shown and cancelling works."""

import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fer_hub.video.analysis import VideoCancelled, analyse_video
from fer_hub.video.timeline import Timeline
from fer_hub.web.disk import is_full
from fer_hub.web.sentences import refuse
from fer_hub.web.service import VERSION, Service

MAX_SECONDS = 120.0
"""Longest accepted video in seconds."""

MAX_VIDEO_PIXELS = 1920 * 1080
"""Largest accepted frame in pixels."""


@dataclass(frozen=True)
class VideoResult:
    """Result of a video: the summary as JSON-ready dict, the files, and the probabilities over time."""

    summary: dict
    video: Path
    csv: Path
    json: Path
    timeline: Path
    over_time: Timeline


def run_video(
    service: Service, video: Path, model: str, every: int, min_score: float, smoothing: float = 0.5
) -> Iterator[tuple[int, int | None] | VideoResult]:
    """Analyse a video in a separate thread.

    Yields (frames done, total frames or `None`) repeatedly, and finally the result, whose files exist until the next
    step of the iterator: gradio has copied them by then. Closing the iterator cancels the analysis. The inputs must
    have been checked by `Page`.

    Raises:
        gr.Error: the video cannot be analysed; the sentence says why.
    """
    try:
        pipeline = service.video_pipeline(model, min_score)
    except ValueError as error:
        raise refuse(str(error)) from None
    folder = Path(tempfile.mkdtemp(prefix="fer_hub-video-"))
    names = {"output": "annotated.mp4", "csv": "faces.csv", "json": "faces.json", "timeline": "timeline.png"}
    paths = {kind: folder / name for kind, name in names.items()}
    steps: queue.Queue = queue.Queue()
    cancel = threading.Event()

    def work() -> None:
        try:
            summary = analyse_video(
                pipeline, video, **paths, every=int(every), smoothing=smoothing, max_seconds=MAX_SECONDS,
                max_pixels=MAX_VIDEO_PIXELS, cancel=cancel, progress=lambda done, total: steps.put((done, total)),
            )  # fmt: skip
            told = {"version": VERSION, "model": model, **summary.to_dict()}
            steps.put(
                VideoResult(told, paths["output"], paths["csv"], paths["json"], paths["timeline"], summary.timeline)
            )
        except Exception as error:  # passed to the request, which raises it
            steps.put(error)

    worker = threading.Thread(target=work, name="video", daemon=True)
    worker.start()
    finished = False
    try:
        while not finished:
            step = steps.get()
            finished = isinstance(step, VideoResult)
            if isinstance(step, (ValueError, TypeError, OSError)) and not is_full(step):
                raise refuse(str(step).replace(video.name, "the video").replace(" or raise max_pixels", ""))
            if isinstance(step, VideoCancelled):
                raise refuse("the analysis was cancelled; nothing was written.")
            if isinstance(step, Exception):
                raise step
            yield step
    finally:
        cancel.set()
        worker.join()
        shutil.rmtree(folder, ignore_errors=True)
