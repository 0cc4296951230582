"""The tab for the webcam in a real browser whose camera shows a moving portrait."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.app.driving import EMOTIONS, downloads, fetched, press, texts, turn_to, wait

pytestmark = pytest.mark.browser
BUTTON = "#camera .capture-button"
LIVE = "#live-probabilities .fer-best .fer-label"
COUNT = """
window.shown = 0;
new MutationObserver(changes => {
    window.shown += changes.filter(change => change.target.tagName === 'IMG').length;
}).observe(document.querySelector('#camera'), {subtree: true, attributes: true, attributeFilter: ['src']});
"""


@pytest.fixture()
def camera(page):
    turn_to(page, "Webcam")
    press(page, "#camera button", "Webcam")
    press(page, BUTTON)
    wait(page, lambda: page.execute_script("return document.querySelector('#camera img')?.src"))
    page.execute_script(COUNT)
    return page


def shown(camera):
    """How many answered frames were shown."""
    return camera.execute_script("return window.shown")


def test_webcam_frames_are_analysed_one_by_one(camera, app_files):
    before = {path for path in app_files.rglob("*") if path.is_file()}
    wait(camera, lambda: shown(camera) > 10)
    seen = {wait(camera, lambda: next(filter(None, texts(camera, LIVE)), None)) for _ in range(20)}
    assert len(seen) == 1 and seen <= set(EMOTIONS)  # one face, one label: it does not flicker
    size = "const image = document.querySelector('#camera img'); return [image.naturalWidth, image.naturalHeight]"
    assert camera.execute_script(size) == [640, 480]
    assert {path for path in app_files.rglob("*") if path.is_file()} == before  # no frame is written to disk


def test_smoothing_can_be_set_while_the_webcam_runs(camera):
    number = camera.find_element(By.CSS_SELECTOR, "#smoothing input[type=number]")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("3", Keys.TAB)
    count = shown(camera)
    wait(camera, lambda: shown(camera) > count + 5)
    assert texts(camera, "[data-testid=toast-body]") == []


def test_the_button_keeps_its_label_and_ends_the_stream(camera):
    style = "return getComputedStyle(document.querySelector(arguments[0] + ' .icon-with-text'), '::after').content"
    name = "return document.querySelector(arguments[0]).ariaLabel"
    wait(camera, lambda: camera.execute_script(name, BUTTON) == "Stop")
    words = set()
    count = shown(camera)
    while shown(camera) < count + 10:
        words.add(camera.execute_script(style, BUTTON))
    assert words == {'"Stop"'}
    press(camera, BUTTON)
    seen = [-1]

    def rests():
        seen.append(shown(camera))
        return len(seen) > 20 and len(set(seen[-20:])) == 1  # two seconds without a frame

    wait(camera, rests)


def test_the_button_shows_its_state_and_results_go_when_it_stops(camera):
    name = "return document.querySelector('#camera .capture-button').ariaLabel"
    visible = "return getComputedStyle(document.querySelector('#live-probabilities .fer-live-result')).visibility"
    wait(camera, lambda: camera.execute_script(name) == "Stop" and camera.execute_script(visible) == "visible")
    press(camera, BUTTON)
    wait(camera, lambda: camera.execute_script(name) == "Start" and camera.execute_script(visible) == "hidden")


SIZE = """
const done = arguments[1];
fetch(arguments[0]).then(told => told.blob()).then(createImageBitmap).then(image => done([image.width, image.height]));
"""


def test_a_picture_and_a_recording_are_kept_in_the_browser(camera, app_files):
    state = "return document.querySelector('#keep-recording').textContent"
    wait(camera, lambda: not camera.find_element(By.ID, "keep-recording").get_attribute("disabled"))
    files = {path for path in app_files.rglob("*") if path.is_file()}
    # the browser's log of the network holds every frame, and takes minutes to read on a busy machine
    camera.execute_script("performance.setResourceTimingBufferSize(100000); performance.clearResourceTimings()")
    press(camera, "#keep-picture")
    picture = wait(camera, lambda: downloads(camera).get("webcam.jpg"))
    assert camera.execute_async_script(SIZE, picture) == [640, 480]
    press(camera, "#keep-recording")
    assert camera.execute_script(state) == "Stop recording"
    count = shown(camera)
    wait(camera, lambda: shown(camera) > count + 5)
    press(camera, "#keep-recording")
    assert camera.execute_script(state) == "Record"
    lines = fetched(camera, wait(camera, lambda: downloads(camera).get("webcam.csv"))).splitlines()
    assert lines[0].replace('"', "").split(",") == ["seconds", *EMOTIONS] and len(lines) > 5
    rows = [[float(value) for value in line.split(",")] for line in lines[1:] if not line.endswith(",")]
    assert rows and all(sum(row[1:]) == pytest.approx(1, abs=0.01) for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    ready = (
        "const video = document.querySelector('#kept-recording video'); return video.readyState && video.videoHeight"
    )
    assert wait(camera, lambda: camera.execute_script(ready)) == 480 + 150
    sent = camera.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert any("/queue/join" in url for url in sent) or any("/stream" in url for url in sent), sent
    assert not [url for url in sent if "upload" in url]  # the frames alone, as before
    assert {path for path in app_files.rglob("*") if path.is_file()} == files
    press(camera, BUTTON)
    wait(camera, lambda: camera.find_element(By.ID, "keep-picture").get_attribute("disabled"))
