"""The app as users meet it: its own process on a free port, and a real browser."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image

import start
from benchmarks import chromium

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def app_files(tmp_path_factory):
    """Where the app keeps the files of its visitors."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="session")
def app_url(app_files):
    """Address of a running `app.py` on the shipped checkpoint, without any network."""
    work = app_files.parent / "work"
    work.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(app_files),
        "TMPDIR": str(work),
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
def app_client():
    """Makes raw HTTP clients for other apps than the one of `http`."""
    return Http


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium whose camera shows a portrait that sways; skips with a reason where there is none."""
    if start.find_browser() is None:
        pytest.skip("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    folder = tmp_path_factory.mktemp("chromium")
    window = chromium.open_browser(folder / "profile", chromium.write_camera(folder / "camera.mjpeg"))
    yield window
    window.quit()


@pytest.fixture(scope="session")
def short_video(tmp_path_factory):
    """One second of a still portrait at 10 frames per second, the last three frames without a face."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with Image.open(ROOT / "examples" / "astronaut.jpg") as image, av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        face = np.asarray(image.convert("RGB").resize((256, 256)))
        for index in range(10):
            pixels = face if index < 7 else np.full_like(face, 120)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """A minute of noise at 25 frames per second, which takes long enough to be cancelled."""
    path = tmp_path_factory.mktemp("video") / "long.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
            pixels = np.asarray(image.convert("RGB").resize((640, 480)))
        for _ in range(1500):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    return path
