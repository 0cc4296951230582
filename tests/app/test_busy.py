"""A full queue: further requests are refused with one sentence, over HTTP and on the page."""

import pytest

from fer_hub.web.tabs.photo import NOT_ANALYSED
from tests.app.conftest import running
from tests.app.driving import PORTRAIT, note, opened, press, toast, wait

SERVE = """
import sys
from fer_hub.web import page
page.MAX_QUEUE = 2
from fer_hub.web.service import Service
with Service({"tiny": sys.argv[1]}) as service:
    page.build(service, [sys.argv[2]]).launch(**page.launch_options())
"""


@pytest.fixture(scope="module")
def small_app(tmp_path_factory, tiny_checkpoint):
    """Address of an app that lets two requests wait."""
    files = tmp_path_factory.mktemp("busy") / "uploads"
    with running(files, "-c", SERVE, str(tiny_checkpoint), str(PORTRAIT)) as (url, _):
        yield url


def fill(http, video):
    """Queue videos until the server refuses one; returns that response."""
    file = http.upload(video.read_bytes(), "long.mp4")
    taken = 0
    while (answer := http.client.post("gradio_api/call/predict_video", json={"data": [file]})).status_code == 200:
        taken += 1
        assert taken <= 3  # one is analysed, two wait
    assert taken >= 2
    return answer


@pytest.mark.browser
def test_a_full_queue_is_explained(small_app, app_client, browser, long_video):
    opened(browser, small_app)  # while there is room
    http = app_client(small_app)
    answer = fill(http, long_video)
    sentence = "the server's queue of 2 requests is full; try again in a minute."
    assert (answer.status_code, answer.json()) == (503, {"detail": sentence})
    event, detail = http.call("classify", http.upload(PORTRAIT.read_bytes(), "a.jpg"))
    assert (event, detail) == ("503", sentence)
    press(browser, ".fer-example")
    assert "busy" in toast(browser)
    wait(browser, lambda: note(browser) == NOT_ANALYSED)
    browser.get("about:blank")
