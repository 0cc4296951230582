"""The tab for videos in a real browser."""

import re

import av
import numpy as np
import pytest
from selenium.webdriver.common.by import By

from tests.app.driving import downloads, fetched, give, note, opened, press, texts, turn_to, wait

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
    for plot in ("#timeline", "#shares"):
        wait(page, lambda plot=plot: page.find_elements(By.CSS_SELECTOR, f"{plot} :is(svg, canvas)"))
    legends = page.execute_script(
        "return ['#timeline', '#shares'].map(plot => document.querySelector(plot).getBoundingClientRect().bottom"
        " - document.querySelector(plot + ' .role-legend').getBoundingClientRect().bottom)"
    )
    assert min(legends) >= 0  # within what is shown
    captions = wait(page, lambda: texts(page, "#moments button"))
    assert any(re.search(r"happy \d+ %, person 1, at 0:00", caption) for caption in captions)
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
    wait(page, lambda: not list(app_files.glob("*/work/fer_hub-video-*")))
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
    wait(page, lambda: note(page, NOTE) == f"Not analysed: {sentence}")
    assert texts(page, "[data-testid=toast-body]") == []


EMPTY = ("#annotated-video", "#timeline", "#shares", "#moments", "#video-files", "#cancel-video")


def test_empty_frames_and_cancel_appear_when_they_have_a_use(page, long_video):
    upload(page, long_video)
    shown = "const found = document.querySelector(arguments[0]); return Boolean(found && found.offsetParent)"
    assert [place for place in EMPTY if page.execute_script(shown, place)] == []
    press(page, "#analyse-video")
    wait(page, lambda: page.execute_script(shown, "#cancel-video"))
    press(page, "#cancel-video")
    wait(page, lambda: note(page, NOTE) == "Cancelled; nothing was saved.")
    wait(page, lambda: not page.execute_script(shown, "#cancel-video"))


def test_the_player_is_loaded_with_its_tab(browser, app_url):
    """hls.js is half as large as all the other scripts; who looks at photos does not need it."""
    loaded = "return performance.getEntriesByType('resource').filter(each => each.name.includes('/hls-')).length"
    opened(browser, app_url)
    assert browser.execute_script(loaded) == 0
    size = "return performance.getEntriesByType('navigation')[0].transferSize"
    assert 10_000 < browser.execute_script(size) < 150_000  # with the first result and the examples' pictures
    turn_to(browser, "Video")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#video input[type=file]"))
    wait(browser, lambda: browser.execute_script(loaded) == 1)
    browser.get("about:blank")
