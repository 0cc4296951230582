"""The app as users meet it: its own process on a free port, and a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def app_url(tmp_path_factory):
    """Address of a running `app.py` on the shipped checkpoint, without any network."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("uploads")),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("FER_HUB_CHECKPOINT", None)
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    seen = []
    for line in process.stdout:  # blocks until the app says where it listens, or ends
        seen.append(line)
        if f"127.0.0.1:{port}" in line:
            break
    else:
        pytest.fail("app.py ended before it listened:\n" + "".join(seen))
    drain = threading.Thread(target=lambda: seen.extend(process.stdout), daemon=True)
    drain.start()
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait()
    drain.join()
    assert "Traceback" not in "".join(seen), "".join(seen)


class Http:
    """Raw calls of the API, as curl makes them."""

    def __init__(self, url: str):
        self.client = httpx.Client(base_url=url, timeout=120)

    def call(self, endpoint: str, *data, **options) -> tuple[str, object]:
        """The last event of a call, as ("complete" or "error", what came with it); a refusal has its status."""
        joined = self.client.post(f"gradio_api/call/{endpoint}", json={"data": list(data)}, **options)
        if joined.status_code != 200:
            return str(joined.status_code), joined.json()["detail"]
        answer = self.client.get(f"gradio_api/call/{endpoint}/{joined.json()['event_id']}", **options).text
        event, told = answer.strip().split("\n\n")[-1].split("\n", 1)
        return event.removeprefix("event: "), json.loads(told.removeprefix("data: "))

    def refusal(self, endpoint: str, *data) -> str:
        """The sentence with which a call is refused."""
        event, told = self.call(endpoint, *data)
        assert event == "error" and isinstance(told["error"], str), (event, told)
        return told["error"]

    def upload(self, data: bytes, name: str = "file") -> dict:
        """An uploaded file, as inputs take it."""
        [path] = self.client.post("gradio_api/upload", files={"files": (name, data)}).json()
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="session")
def http(app_url):
    raw = Http(app_url)
    yield raw
    raw.client.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium that is driven like a person's; skips with a reason where there is none."""
    from selenium import webdriver

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1280,1200",
    ):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield window
    window.quit()
