"""The tab for videos in a real browser."""

import av
import numpy as np
import pytest

from tests.app.driving import downloads, fetched, give, note, press, texts, toast, turn_to, wait

pytestmark = pytest.mark.browser
NOTE = "#video-note"


def upload(page, video):
    turn_to(page, "Video")
    give(page, "#video", video)
    wait(page, lambda: page.execute_script("return document.querySelector('#video video')?.src"))


def test_a_video_is_analysed_and_plays(page, short_video):
    upload(page, short_video)
    assert any(line.startswith("At most 2 minutes, 100 MB and 1920x1080 pixels.") for line in texts(page, "p"))
    press(page, "#analyse-video")
    wait(page, lambda: note(page, NOTE) == "10 frames, 1.0 s, 1 person.")
    ready = "const video = document.querySelector('#annotated-video video'); return video ? video.readyState : 0"
    wait(page, lambda: page.execute_script(ready) >= 2)
    assert page.execute_script("return document.querySelector('#annotated-video video').videoWidth") == 256
    plot = "const image = document.querySelector('#timeline img'); return image ? image.naturalWidth : 0"
    assert wait(page, lambda: page.execute_script(plot)) > 300
    files = wait(page, lambda: downloads(page) if "faces.csv" in downloads(page) else None)
    lines = fetched(page, files["faces.csv"]).splitlines()
    assert len(lines) == 11 and lines[0].startswith("frame,time,face_id,")


def test_a_cancelled_video_leaves_no_files(page, long_video, app_files):
    upload(page, long_video)
    before = {path for path in app_files.rglob("*") if path.is_file()}
    press(page, "#analyse-video")
    wait(page, lambda: " of 1500 frames" in (note(page, NOTE) or "").replace(",", ""))
    press(page, "#cancel-video")
    wait(page, lambda: note(page, NOTE) == "Cancelled; nothing was saved.")
    work = app_files.parent / "work"
    wait(page, lambda: not list(work.glob("fer_hub-video-*")))
    assert {path for path in app_files.rglob("*") if path.is_file()} == before


def test_a_video_that_is_too_long_is_explained(page, tmp_path):
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(125):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode())
    upload(page, path)
    press(page, "#analyse-video")
    sentence = "the video must last at most 120 s, but lasts 125.0 s; shorten it first."
    assert sentence in toast(page)
    wait(page, lambda: note(page, NOTE) == f"Not analysed: {sentence}")
