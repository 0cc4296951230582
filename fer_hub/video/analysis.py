"""Video files: who is seen when, with which expression, as an annotated video, CSV, JSON and a plot.

In Python see `analyse_video`; on the command line

    fer-hub video clip.mp4 other.mov --output out

Frames are read, analysed and written in small batches, and rows are written as they come, so memory use does not grow
with the length of the video.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from PIL import Image

from fer_hub.drawing import draw as draw_faces
from fer_hub.own_numbers import is_whole
from fer_hub.pipeline import FERPipeline
from fer_hub.results import ReadOnly, earlier_name
from fer_hub.video.following import follow_faces
from fer_hub.video.pyav import av
from fer_hub.video.reader import MAX_PIXELS, Frame, VideoInfo, VideoReader
from fer_hub.video.rows import CsvRows, JsonRows, StagedFiles
from fer_hub.video.timeline import Timeline
from fer_hub.video.tracking import FaceTracker, TrackedFace
from fer_hub.video.writer import VideoWriter, check_ending

Draw = Callable[[Image.Image, Sequence[TrackedFace]], Image.Image]


class VideoCancelled(RuntimeError):
    """The analysis was cancelled; nothing was written."""


@dataclass(frozen=True)
class VideoSummary:
    """What was found in a video; the rows are in the files.

    Attributes:
        name: name of the video file without its folder.
        width, height: size of the upright frames in pixels.
        fps: mean frames per second.
        frames: number of frames read.
        analysed: number of frames on which face detection ran.
        seconds: from the start of the video to the end of its last frame.
        face_count: number of people tracked (the largest `face_id`).
        notes: one sentence for each part that could not be read; empty if there were no problems.
        paths: the files written, as {"output" | "csv" | "json" | "timeline": path}.
        timeline: the probabilities of every face over time, in at most a few hundred points.
    """

    name: str
    width: int
    height: int
    fps: float
    frames: int
    analysed: int
    seconds: float
    face_count: int
    notes: tuple[str, ...]
    paths: Mapping[str, Path]
    timeline: Timeline
    faces = earlier_name("faces", "face_count")

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", ReadOnly(self.paths))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for `json.dumps`; without paths and timeline."""
        plain = {key: value for key, value in vars(self).items() if key not in ("paths", "timeline")}
        return {**plain, "notes": list(self.notes)}


def video_info(source: str | Path, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Read a video file's metadata: size, frame rate, length. Raises the same errors as `VideoReader`."""
    with VideoReader(source, max_pixels=max_pixels) as reader:
        return reader.info


def analyse_video(
    pipeline: FERPipeline,
    source: str | Path,
    *,
    output: str | Path | None = None,
    csv: str | Path | None = None,
    json: str | Path | None = None,
    timeline: str | Path | None = None,
    every: int = 1,
    smoothing: float = 0.5,
    max_gap: float = 1.0,
    max_seconds: float | None = None,
    max_frames: int | None = None,
    max_pixels: int = MAX_PIXELS,
    draw: Draw = draw_faces,
    progress: Callable[[int, int | None], None] | bool | None = None,
    cancel: threading.Event | Callable[[], bool] | None = None,
) -> VideoSummary:
    """Detect, track and classify the faces of a video file.

    Output files appear only when the whole video is done, replacing any files of the same name; after an error or a
    cancellation nothing is written. A damaged video is analysed as far as it can be read, and `notes` says what is
    missing.

    Args:
        pipeline: detects and classifies the faces; the faces of several frames are classified in one batch.
        source: path of the video.
        output: annotated video, .mp4 (H.264) or .webm (VP9), with the sound of the source: copied where browsers
            play it in that format, otherwise as AAC or Opus. Frames between the analysed ones keep the last boxes.
        csv: one row per analysed frame and face, see `fer_hub.video.rows.CsvRows`.
        json: the same rows as JSON, see `fer_hub.video.rows.JsonRows`.
        timeline: plot of the probabilities of each face over time, as .png or .svg.
        every: analyse every n-th frame, the first included; the others get no row.
        smoothing: time constant in seconds, see `FaceTracker`; 0 gives the raw probabilities.
        max_gap: seconds for which a face that is out of sight keeps its id; raised to two analysed frames where it is
            shorter.
        max_seconds, max_frames: refuse longer videos; before any work is done if the file states its length.
        max_pixels: refuse larger frames.
        draw: draws the faces on a copy of a frame.
        progress: called with the number of frames read and the number expected (`None` if unknown), at most one batch
            ahead of the results; `True` shows a progress bar.
        cancel: an event, or a function without arguments, checked before every frame.

    Raises:
        TypeError, ValueError, FileNotFoundError: an argument is invalid, or the file is too long or not a video.
        VideoCancelled: `cancel` was set or returned True.
    """
    paths = check_paths(source, {"output": output, "csv": csv, "json": json, "timeline": timeline})
    if not is_whole(every) or every < 1:
        raise ValueError(f"every must be a whole number above 0, got {every!r}; 1 analyses every frame.")
    every = int(every)
    tracker = FaceTracker(max_gap, smoothing)
    labels = list(pipeline.model.config.id2label.values())
    curves, analysed = Timeline(labels), 0
    with StagedFiles() as files, ExitStack() as stack:
        reader = stack.enter_context(VideoReader(source, max_pixels=max_pixels))
        info = reader.info
        _check_length(info.name, info.seconds, max_seconds, info.frames, max_frames)
        tracker.max_gap = max(tracker.max_gap, 2 * every / (info.fps or 25))
        watched = stack.enter_context(_Watched(reader, max_seconds, max_frames, progress, cancel))
        rows: list[CsvRows | JsonRows] = []
        if csv is not None:
            rows.append(CsvRows(files.add(paths["csv"]), labels))
            stack.callback(rows[-1].close)
        if json is not None:
            rows.append(JsonRows(files.add(paths["json"]), _header(info, labels, every, smoothing)))
            stack.callback(rows[-1].close)
        writer = None
        if output is not None:
            target, size = files.add(paths["output"]), (info.width, info.height)
            writer = VideoWriter(target, size, reader.time_base, info.fps, reader.start_pts, reader.sound)
            stack.enter_context(writer)
        for event in follow_faces(pipeline.for_frames(), tracker, watched, every, keep_all=writer is not None):
            if isinstance(event, av.Packet):
                if writer is not None:
                    writer.write_sound(event)
                continue
            frame, faces, is_analysed = event
            if is_analysed:
                analysed += 1
                curves.add(frame.time, faces)
                for each in rows:
                    each.write(frame.index, frame.time, faces)
            if writer is not None:
                writer.write(draw(frame.image, faces) if faces else frame.image, frame.pts)
        found: dict[str, Any] = {
            "frames": watched.frames,
            "analysed": analysed,
            "seconds": round(watched.end + 1 / watched.fps, 6),
            "face_count": tracker.face_count,
        }
        for each in rows:
            each.finish({**found, "notes": reader.notes})
        if timeline is not None:
            curves.save(files.add(paths["timeline"]), title=info.name)
    size = (info.width, info.height)
    return VideoSummary(info.name, *size, watched.fps, **found, notes=tuple(reader.notes), paths=paths, timeline=curves)


class _Watched:
    """The events of a reader; checks limits and cancellation, and reports progress.

    Attributes:
        frames: number of frames read so far.
        end: time of the last frame in seconds.
    """

    def __init__(
        self,
        reader: VideoReader,
        max_seconds: float | None,
        max_frames: int | None,
        progress: Callable[[int, int | None], None] | bool | None,
        cancel: threading.Event | Callable[[], bool] | None,
    ) -> None:
        self._reader, self._limits = reader, (max_seconds, max_frames)
        self._cancelled = cancel.is_set if isinstance(cancel, threading.Event) else cancel
        self._progress, self._bar = (None if progress is True else progress or None), None
        if progress is True:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=reader.info.frames, desc=reader.info.name, unit="frame")
        self.frames, self.end = 0, 0.0

    @property
    def fps(self) -> float:
        """Mean frames per second: from the file's metadata, otherwise as measured so far."""
        return self._reader.info.fps or (self.frames / self.end if self.end else 1.0)

    def __iter__(self) -> Iterator[Frame | av.Packet]:
        info = self._reader.info
        for event in self._reader:
            if self._cancelled is not None and self._cancelled():
                raise VideoCancelled(
                    f"The analysis of {info.name} was cancelled after {self.frames} frames; nothing was written."
                )
            if isinstance(event, Frame):
                self.frames, self.end = event.index + 1, event.time
                _check_length(info.name, self.end, self._limits[0], self.frames, self._limits[1])
            yield event
            if isinstance(event, Frame):
                if self._progress is not None:
                    self._progress(self.frames, info.frames)
                if self._bar is not None:
                    self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _check_length(
    name: str, seconds: float | None, max_seconds: float | None, frames: int | None, max_frames: int | None
) -> None:
    if max_seconds is not None and seconds is not None and seconds > max_seconds:
        raise ValueError(f"{name} must last at most {max_seconds:g} s, but lasts {seconds:.1f} s; shorten it first.")
    if max_frames is not None and frames is not None and frames > max_frames:
        raise ValueError(f"{name} must have at most {max_frames:,} frames, but has {frames:,}; shorten it first.")


def check_paths(source: str | Path, given: dict[str, str | Path | None]) -> dict[str, Path]:
    """The paths of the output files, checked."""
    paths = {name: Path(path) for name, path in given.items() if path is not None}
    taken = {Path(source).resolve(): "the video itself"} if isinstance(source, (str, Path)) else {}
    for name, path in paths.items():
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{name} must be in an existing folder, got {str(path)!r}; create that folder.")
        if path.is_dir():
            raise ValueError(f"{name} must be the path of a file, got {str(path)!r}, which is a folder.")
        if path.resolve() in taken:
            what = taken[path.resolve()]
            raise ValueError(f"{name} must have a name of its own, got {str(path)!r}, which is {what}.")
        taken[path.resolve()] = f"{name} already"
    if "output" in paths:
        check_ending(paths["output"])
    if "timeline" in paths and paths["timeline"].suffix.lower() not in (".png", ".svg"):
        raise ValueError(f"timeline must end in .png or .svg, got {paths['timeline'].name!r}.")
    return paths


def _header(info: VideoInfo, labels: list[str], every: int, smoothing: float) -> dict[str, Any]:
    video = {"name": info.name, "width": info.width, "height": info.height, "fps": info.fps}
    return {"video": video, "labels": labels, "every": every, "smoothing": smoothing}
