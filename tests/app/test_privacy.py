"""Uploads and results are deleted: after a while, and when the app exits."""

import threading

import pytest

from tests.app.conftest import running
from tests.app.driving import PORTRAIT

SERVE = """
import importlib.util, sys
from fer_hub.web import page
page.SWEEP_SECONDS, page.KEEP_SECONDS = 1, 8
from fer_hub.web.service import Service
with Service({"tiny": sys.argv[1]}) as service:
    page.build(service).launch(mcp_server=importlib.util.find_spec("mcp") is not None, **page.launch_options())
"""


@pytest.fixture()
def forgetful_app(tmp_path, tiny_checkpoint):
    """An app that keeps files for eight seconds: (address, folder of its files, process)."""
    with running(tmp_path / "uploads", "-c", SERVE, str(tiny_checkpoint)) as (url, process):
        yield url, tmp_path / "uploads", process


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_uploads_and_results_disappear(forgetful_app, short_video, app_client):
    url, files, process = forgetful_app
    http = app_client(url)
    event, told = http.call("annotate", http.upload(PORTRAIT.read_bytes(), "a.jpg"))
    assert event == "complete", told
    event, told = http.call("predict_video", http.upload(short_video.read_bytes(), "a.mp4"))
    assert event == "complete", told
    data = {"url": "data:image/jpeg;base64,aGVsbG8="}
    assert http.call("predict", data)[0] == "error"  # what could not be read is deleted as well
    assert _files(files)
    for _ in range(600):  # they are at most eight seconds old when the first round of deletion comes
        if not _files(files):
            break
        threading.Event().wait(0.1)
    assert _files(files) == []
    http.upload(PORTRAIT.read_bytes(), "b.jpg")
    assert _files(files)
    process.terminate()
    process.wait()
