"""What visitors send and get is deleted: after a while, and when the app ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "examples" / "astronaut.jpg"
SERVE = """
import sys
from fer_hub.web import page
page.SWEEP_SECONDS, page.KEEP_SECONDS = 1, 8
import app
from fer_hub.web.service import Service
with Service({"tiny": sys.argv[1]}) as service:
    page.build(service).launch(**page.launch_options())
"""


@pytest.fixture()
def forgetful_app(tmp_path, tiny_checkpoint):
    """An app that keeps files for eight seconds: (address, folder of its files, process)."""
    files = tmp_path / "uploads"
    files.mkdir()
    environment = os.environ | {
        "GRADIO_TEMP_DIR": str(files), "GRADIO_SERVER_NAME": "127.0.0.1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": "."
    }  # fmt: skip
    command = [sys.executable, "-c", SERVE, str(tiny_checkpoint)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)
    line = next(line for line in process.stdout if "http://127.0.0.1:" in line)
    yield line.split()[-1], files, process
    process.terminate()
    process.wait()


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
