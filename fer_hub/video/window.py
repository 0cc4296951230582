"""A window with the faces of a camera or a video, frame after frame; `fer-hub webcam` on the command line."""

import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import cv2  # before PyAV, see check_display
import numpy as np
from PIL import Image, ImageDraw

from fer_hub.drawing import colour_of, draw
from fer_hub.fonts import Line
from fer_hub.pipeline import FERPipeline
from fer_hub.results import percent
from fer_hub.video.analysis import check_paths
from fer_hub.video.rows import CsvRows, StagedFiles
from fer_hub.video.tracking import FaceTracker, TrackedFace
from fer_hub.video.writer import VideoWriter, check_ending

TITLE = "fer-hub webcam"

SMALLEST, LARGEST = 640, (1280, 720)
"""Least width of the window, and its largest width and height, in pixels; it can be drawn larger with the mouse."""

MOST_BARS = 3
"""Largest number of faces whose expressions get bars."""

_KEYS = (ord("q"), ord("Q"), 27)  # 27 is Escape
_DARK, _GREY, _WHITE = (24, 24, 27), (63, 63, 70), (244, 244, 245)


def watch(
    pipeline: FERPipeline,
    source: str = "0",
    *,
    bars: bool = False,
    record: Path | None = None,
    csv: Path | None = None,
    smoothing: float = 0.5,
    max_gap: float = 1.0,
) -> int:
    """Show the faces of a camera or a video in a window until q, Escape, its cross, Ctrl-C or the last frame ends it.

    Args:
        pipeline: detects and classifies the faces of each frame.
        source: number of a camera, file or URL.
        bars: a bar for every expression of up to `MOST_BARS` faces, beside the picture.
        record: video of what the window shows, .mp4 or .webm.
        csv: one row per frame and face, as for `analyse_video`.
        smoothing, max_gap: as for `FaceTracker`.

    Returns:
        The number of frames shown.

    Raises:
        FileNotFoundError: there is no such source, or no folder for a file to write.
        ValueError: the source cannot be read, `record` has another ending, or a file to write is a folder, the source
            or the other one.
        RuntimeError: there is no display, or an OpenCV without windows.
    """
    check_display()
    check_paths(source, {"record": record, "csv": csv})
    if record is not None:
        check_ending(record)
    labels = list(pipeline.model.config.id2label.values())
    tracker, pipeline = FaceTracker(max_gap, smoothing), pipeline.for_frames()
    count, writer, last = 0, None, -1
    with StagedFiles() as files, ExitStack() as stack:
        frames = stack.enter_context(_opened(source))
        rows = None
        if csv is not None:
            rows = CsvRows(files.add(csv), labels)
            stack.callback(rows.close)
        stack.enter_context(_window())
        started = time.monotonic()
        try:
            for seconds, image in frames:
                faces = tracker.update(pipeline([image])[0], seconds)
                picture = draw(image, faces)
                if bars:
                    picture = with_bars(picture, faces, labels)
                if rows is not None:
                    rows.write(count, seconds, faces)
                if record is not None:
                    if writer is None:
                        writer = VideoWriter(files.add(record), picture.size, Fraction(1, 1000))
                        stack.enter_context(writer)
                    last = max(last + 1, round(1000 * seconds))
                    writer.write(picture, last)
                if not count:
                    cv2.resizeWindow(TITLE, *_window_size(*picture.size))
                cv2.imshow(TITLE, np.ascontiguousarray(np.asarray(picture)[..., ::-1]))
                count += 1
                if _ended(started + seconds):  # files are shown at their own speed, or slower
                    break
        except KeyboardInterrupt:
            pass  # one more way to end it
        if not count:
            raise ValueError(f"{source}: no frame could be read; name another camera, file or URL with --source.")
    return count


def check_display() -> None:
    """Refuse to open a window where OpenCV's would end the whole process, or hang.

    Without a display its toolkit ends the process. Where PyAV was loaded first, the window's library finds PyAV's
    libxcb in place of its own and waits for ever (github.com/PyAV-Org/PyAV, issue 978).

    Raises:
        RuntimeError: there is no display, or PyAV was imported before OpenCV.
    """
    if sys.platform in ("win32", "darwin"):
        return
    display = os.environ.get("DISPLAY", "")
    number = display.removeprefix("unix").removeprefix(":").partition(".")[0]
    there = bool(os.environ.get("WAYLAND_DISPLAY") or display)
    if not os.environ.get("WAYLAND_DISPLAY") and number.isdecimal():
        with socket.socket(socket.AF_UNIX) as server:
            addresses = (f"/tmp/.X11-unix/X{number}", f"\0/tmp/.X11-unix/X{number}")
            there = any(server.connect_ex(address) == 0 for address in addresses)
    if not there:
        raise RuntimeError(
            "the window needs a display, got none that answers; run it on a desktop, or use fer-hub video, which "
            "writes files."
        )
    loaded = list(sys.modules)  # in the order of their import
    if "av" in loaded and loaded.index("av") < loaded.index("cv2"):
        raise RuntimeError(
            "cv2 must be imported before av (PyAV), as OpenCV's windows hang otherwise, got the other order; put "
            "import cv2 at the top of the program."
        )


def with_bars(picture: Image.Image, faces: Sequence[TrackedFace], labels: Sequence[str]) -> Image.Image:
    """The picture with a panel at its right side: for each face a bar and the share of every expression."""
    height = picture.height
    width = max(160, round(0.45 * height))
    whole = Image.new("RGB", (picture.width + width, height), _DARK)
    whole.paste(picture)
    pen, left = ImageDraw.Draw(whole), picture.width
    row = height / (MOST_BARS * (len(labels) + 1.5))
    size = max(6.0, min(0.75 * row, width / 14))
    y = 0.4 * row
    for face in sorted(faces, key=lambda each: each.face_id)[:MOST_BARS]:
        Line(f"{face.face_id}: {face.emotion}", size).draw(pen, (left + size, y), _WHITE)
        for label in labels:
            y += row
            share, start, full = face.probabilities[label], left + 0.45 * width, 0.35 * width
            Line(label, size).draw(pen, (left + size, y), _WHITE)
            pen.rectangle((start, y + 0.15 * row, start + full, y + 0.8 * row), fill=_GREY)
            pen.rectangle((start, y + 0.15 * row, start + full * share, y + 0.8 * row), fill=colour_of(label, labels))
            Line(percent(share), size).draw(pen, (start + full + 0.4 * size, y), _WHITE)
        y += 1.5 * row
    return whole


@contextmanager
def _opened(source: str) -> Iterator[Iterator[tuple[float, Image.Image]]]:
    """(seconds, picture) of the frames of a source."""
    is_camera = source.isdecimal()
    is_file = not is_camera and "://" not in source
    if is_file and not Path(source).is_file():
        raise FileNotFoundError(f"{source}: no such file; --source must be a camera's number, a video file or a URL.")
    capture = cv2.VideoCapture(int(source) if is_camera else source)
    if not capture.isOpened():
        what = f"camera {source}" if is_camera else source
        raise ValueError(
            f"{what} cannot be opened; connect a camera or name another one, a file or a URL with --source."
        )
    started = time.monotonic()

    def frames() -> Iterator[tuple[float, Image.Image]]:
        while True:
            there, pixels = capture.read()
            if not there:
                return
            seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if is_file else time.monotonic() - started
            yield seconds, Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))

    try:
        yield frames()
    finally:
        capture.release()


def _window_size(width: int, height: int) -> tuple[int, int]:
    """A picture's size on the screen: enlarged to `SMALLEST` or reduced to `LARGEST`, in its proportions.

    Example:
        >>> _window_size(320, 240), _window_size(800, 600), _window_size(4000, 2000)
        ((640, 480), (800, 600), (1280, 640))
    """
    factor = min(max(1.0, SMALLEST / width), LARGEST[0] / width, LARGEST[1] / height)
    return round(factor * width), round(factor * height)


def _ended(due: float) -> bool:
    """Keep the window alive until a moment of `time.monotonic`, or for one look; whether the user ended it."""
    while True:
        left = due - time.monotonic()
        key = cv2.waitKey(max(1, min(50, round(1000 * left)))) & 0xFF
        try:
            there = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt's answer after the last window was closed
            there = False
        if key in _KEYS or not there:
            return True
        if time.monotonic() >= due:
            return False


@contextmanager
def _window() -> Iterator[None]:
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    except cv2.error as error:
        raise RuntimeError(
            "this OpenCV has no windows; install opencv-contrib-python in place of an opencv-...-headless package."
        ) from error
    try:
        yield
    finally:
        cv2.destroyAllWindows()
