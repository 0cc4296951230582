"""The app as users meet it: its own process on a free port, and a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image

import start
from benchmarks import chromium
from fer_hub.files import write_json
from tests.app.driving import opened
from tests.hub.stand_in import HubStandIn
from tests.hub.stand_in_repository import Repository

ROOT = Path(__file__).resolve().parent.parent.parent
EIGHT = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""FER+'s expressions, in its order."""

OFFLINE = {"HF_HUB_OFFLINE": "1"}


@contextmanager
def running(files: Path, *command: str, folder: Path = ROOT, said: str | None = None, **variables: str):
    """A process that serves a page on the loopback address: (its address, the process); ended afterwards.

    Args:
        files: where it keeps the files of its visitors; a folder "work" beside it takes the rest.
        command: what Python runs.
        folder: where it runs.
        said: what it prints when it listens, where it is told another address.
        variables: of its environment.
    """
    work = files.parent / "work"
    work.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port, "GRADIO_TEMP_DIR": str(files),
        "TMPDIR": str(work), "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    environment.pop("FER_HUB_CHECKPOINT", None)
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment | variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.said = seen = []  # its output, line by line
    for line in process.stdout:  # blocks until the app says where it listens, or ends
        seen.append(line)
        if (said or f"127.0.0.1:{port}") in line:
            break
    else:
        pytest.fail("the app ended before it listened:\n" + "".join(seen))
    drain = threading.Thread(target=lambda: seen.extend(process.stdout), daemon=True)
    drain.start()
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.wait()
        drain.join()
    assert "Traceback" not in "".join(seen), "".join(seen)


@pytest.fixture(scope="session")
def app_files(tmp_path_factory):
    """Where the app keeps the files of its visitors."""
    return tmp_path_factory.mktemp("app") / "uploads"


@pytest.fixture(scope="session")
def app_url(app_files):
    """Address of a running `app.py` on the shipped checkpoints, without any network."""
    with running(app_files, "app.py", **OFFLINE) as (url, _):
        yield url


@pytest.fixture(scope="session")
def eight(tmp_path_factory):
    """A checkpoint folder with FER+'s eight expressions, random weights and made-up figures."""
    import torch

    from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("networks") / "eight"
    labels, numbers = dict(enumerate(EIGHT)), {name: index for index, name in enumerate(EIGHT)}
    config = FERConfig(embedding_size=16, hidden_sizes=(16, 16), depths=(1, 1), id2label=labels, label2id=numbers)
    FERForImageClassification(config).save_pretrained(folder)
    FERImageProcessor().save_pretrained(folder)
    recall = {name: 0.9 - 0.1 * index for index, name in labels.items()}
    test = {"images": 3573, "accuracy": 0.8123, "calibration_error": 0.021, "recall": recall}
    write_json(folder / "metrics.json", {"test": test})
    write_json(folder / "training_args.json", {"labels": "ferplus_votes"})
    return folder


@pytest.fixture(scope="session")
def exported_eight(eight, tmp_path_factory):
    """The same with its network for ONNX Runtime, as the shipped ones have it: an app on it does not import torch."""
    from fer_hub.onnx.translate import export_onnx

    folder = tmp_path_factory.mktemp("exported") / "eight"
    shutil.copytree(eight, folder)
    export_onnx(folder, folder)
    return folder


@pytest.fixture(scope="session")
def two_networks(eight, tmp_path_factory):
    """Address of `app.py` on a network of the Hub with eight expressions, beside the shipped ones."""
    with HubStandIn() as hub:
        files = {path.name: path.read_bytes() for path in eight.iterdir()}
        hub.repositories["models", "user/eight"] = repository = Repository(private=False)
        repository.change("a network", **files)
        folder = tmp_path_factory.mktemp("two_networks")
        variables = hub.environment(folder / "hub", token=None) | {"FER_HUB_CHECKPOINT": "user/eight"}
        with running(folder / "uploads", "app.py", **variables) as (url, _):
            yield url


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
    """A headless Chromium whose camera shows a moving portrait; skips with a reason if it is not installed."""
    if start.find_browser() is None:
        pytest.skip("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    folder = tmp_path_factory.mktemp("chromium")
    window = chromium.open_browser(folder / "profile", chromium.write_camera(folder / "camera.mjpeg"))
    yield window
    window.quit()


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """The script of axe-core, installed by npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, and there is none: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe") / "axe"
    shutil.copytree(ROOT / "tests" / "app" / "axe", folder, ignore=shutil.ignore_patterns("node_modules"))
    told = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True
    )
    if told.returncode:
        pytest.skip("needs the package registry of npm, which does not answer")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture()
def page(browser, app_url):
    """The app's page in the browser; errors in the browser's console fail the test."""
    browser.get_log("browser")  # what the page before it said when it was left
    yield opened(browser, app_url)
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # gradio itself logs each stream that it closes
    severe = [entry for entry in severe if "AbortError: signal is aborted" not in entry["message"]]
    browser.get("about:blank")  # ends the camera, and what still runs
    browser.get_log("performance")  # it holds every frame of the camera; all of them at once take minutes to read
    assert severe == []


@pytest.fixture()
def phone(browser):
    """The browser with the screen of a phone."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="session")
def two_faces(tmp_path_factory):
    """The example portraits side by side, 900x512 pixels: the smaller face on the left."""
    path = tmp_path_factory.mktemp("faces") / "two.jpg"
    collage = Image.new("RGB", (900, 512), "grey")
    for name, side, x in (("astronaut.jpg", 512, 0), ("grace_hopper.jpg", 380, 520)):
        with Image.open(ROOT / "examples" / name) as image:
            image = image.convert("RGB")
            collage.paste(image.crop((0, 0, min(image.size), min(image.size))).resize((side, side)), (x, 0))
    collage.save(path, quality=95)
    return path


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
