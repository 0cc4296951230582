"""The window of `fer-hub webcam`, on a display of its own (Xvfb) with a video file as the source."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fer_hub.video.tracking import FaceTracker
from fer_hub.video.window import check_display, with_bars
from tests.video.making import LABELS, SquareFinder, make_video, moving, painted

ROOT = Path(__file__).resolve().parents[2]

WATCH = """
import sys
from pathlib import Path
from fer_hub.video import window
from tests.video.making import SquareFinder
source, record, rows, grab, key = sys.argv[1:]
if key:  # what the user presses when the third frame is on the screen
    import numpy as np
    from PIL import ImageGrab
    wait, show, shown = window.cv2.waitKey, window.cv2.imshow, []

    def showing(title, pixels):
        show(title, pixels)
        shown.append(title)

    def pressed(delay):
        code = wait(delay)
        if len(shown) < 3:
            return code
        for _ in range(100):  # until it is painted
            wait(20)
            seen = ImageGrab.grab(xdisplay="").convert("RGB")
            pixels = np.asarray(seen).astype(int)
            if ((pixels[..., 0] > 200) & (pixels[..., 1] < 60)).sum() > 200:
                break
        seen.save(grab)
        if key == "cross":
            window.cv2.destroyWindow(window.TITLE)
            return code
        return ord(key)

    window.cv2.waitKey, window.cv2.imshow = pressed, showing
print(window.watch(SquareFinder(), source, bars=True, record=Path(record), csv=Path(rows), smoothing=0))
"""


@pytest.fixture(scope="module")
def display():
    """The DISPLAY of a running Xvfb."""
    if not shutil.which("Xvfb"):
        pytest.skip("needs Xvfb, a display without a screen (Debian's package xvfb)")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()  # it is written when the server is ready
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("window") / "clip.mp4", moving(8), rate=10)


def watched(clip, folder, display, key="") -> subprocess.CompletedProcess:
    files = [str(folder / name) for name in ("out.mp4", "out.csv", "grab.png")]
    return subprocess.run(
        [sys.executable, "-c", WATCH, str(clip), *files, key],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | {"DISPLAY": display}, timeout=250, check=False,
    )  # fmt: skip


def test_a_video_is_shown_recorded_and_written_down(clip, tmp_path, display):
    run = watched(clip, tmp_path, display)
    assert run.stdout.strip() == "8", run.stderr
    with av.open(str(tmp_path / "out.mp4")) as video:
        frames = [frame.to_image() for frame in video.decode(video=0)]
    assert len(frames) == 8 and frames[0].size[0] > 128 + 100  # the bars stand beside the picture
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(8)) and {row["face_id"] for row in rows} == {"1"}
    assert [round(float(row["time"]), 2) for row in rows] == [round(index / 10, 2) for index in range(8)]


@pytest.mark.parametrize("key", ["q", "cross"])
def test_q_and_the_cross_end_it_and_keep_the_files(clip, tmp_path, display, key):
    for _ in range(5):  # where no window manager lays windows out, Qt at times never paints one
        run = watched(clip, tmp_path, display, key)
        assert run.stdout.strip() == "3", run.stderr
        with open(tmp_path / "out.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == 3
        seen = np.asarray(Image.open(tmp_path / "grab.png").convert("RGB")).astype(int)
        if seen.any():
            break
    red = (seen[..., 0] > 200) & (seen[..., 1] < 60) & (seen[..., 2] < 60)
    assert red.sum() > 200  # the painted face is on the screen


def test_a_source_that_is_no_video_is_refused_and_leaves_nothing(tmp_path, display):
    for name, sentence in (("none.mp4", "no such file"), ("text.mp4", "cannot be opened")):
        (tmp_path / "text.mp4").write_text("no video")
        run = watched(tmp_path / name, tmp_path, display)
        assert run.returncode == 1 and sentence in run.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


def test_a_recording_never_replaces_its_source(clip, tmp_path, display):
    before = clip.read_bytes()
    (tmp_path / "out.mp4").symlink_to(clip)  # what the recording is called
    run = watched(clip, tmp_path, display)
    assert run.returncode == 1 and "record must have a name of its own" in run.stderr.splitlines()[-1]
    assert clip.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_pyav_before_opencv_is_refused_as_the_window_would_hang(display):
    run = subprocess.run(
        [sys.executable, "-c", "import av; from fer_hub.video import window; window.check_display()"],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | {"DISPLAY": display}, timeout=250, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("RuntimeError: cv2 must be imported before av (PyAV), as OpenCV's")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these always have a display")
@pytest.mark.parametrize("display", ["", ":4711"])
def test_without_a_display_there_is_one_sentence(monkeypatch, display):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(RuntimeError, match=r"^the window needs a display, got none that answers; .*fer-hub video"):
        check_display()


def test_a_bar_is_as_long_as_its_share():
    picture = painted((10, 10), size=(300, 240))
    faces = FaceTracker(1.0, 0).update(SquareFinder()([picture])[0], 0.0)
    whole = np.asarray(with_bars(picture, faces, LABELS)).astype(int)
    assert whole.shape[0] == 240 and np.array_equal(whole[:, :300], np.asarray(picture))
    yellow = (np.abs(whole - (240, 228, 66)).sum(-1) < 10).sum(1).max()
    assert yellow == pytest.approx(faces[0].probabilities["happy"] * 0.35 * (whole.shape[1] - 300), abs=2)
