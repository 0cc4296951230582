"""The example for ONNX Runtime Web, run for real in Node and in a browser, against PyTorch."""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, OnnxClassifier
from fer_hub.model import FERForImageClassification, FERImageProcessor

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "onnx_web"
NO_NETWORK = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED")
SIZES = [(48, 48), (131, 97), (20, 31), (49, 48), (1, 200)]
"""Width and height of test pictures, in pixels: untouched, shrunk, enlarged, nearly untouched, extreme."""


@pytest.fixture(scope="module")
def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.skip("needs Node.js 18 or newer, and there is no node: apt-get install nodejs npm")
    return path


@pytest.fixture(scope="module")
def site(quantised, node, tmp_path_factory) -> Path:
    """The example as its README sets it up: copied, installed by npm, the exported network beside it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, and there is none: apt-get install npm")
    folder = tmp_path_factory.mktemp("site") / "onnx_web"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "*.onnx"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip("needs the package registry of npm, which does not answer")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (MODEL_FILE, INT8_FILE):
        shutil.copy(quantised / name, folder)
    return folder


def _pictures() -> list[Image.Image]:
    """Grey pictures of all sizes: smooth shapes with noise, some dark and some bright."""
    random = np.random.default_rng(0)
    pictures = []
    for width, height in SIZES:
        y, x = np.mgrid[:height, :width]
        waves = np.sin(x / random.uniform(2, 9)) * np.cos(y / random.uniform(2, 9))
        values = random.uniform(40, 220) + 90 * waves + random.normal(0, 30, waves.shape)
        pictures.append(Image.fromarray(values.clip(0, 255).astype(np.uint8)))
    return pictures


def _expected(checkpoint: Path, picture: Image.Image) -> dict[str, float]:
    model = FERForImageClassification.from_pretrained(checkpoint)
    pixel_values = FERImageProcessor.from_pretrained(checkpoint)(picture, return_tensors="pt").pixel_values
    with torch.inference_mode():
        probabilities = model(pixel_values).logits.double().softmax(1)[0].tolist()
    return dict(zip(model.config.id2label.values(), probabilities, strict=True))


def _run(node: str, site: Path, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([node, "classify.mjs", *map(str, arguments)], cwd=site, capture_output=True, text=True)


def test_node_gives_pytorchs_probabilities(site, node, quantised, tmp_path):
    seen = []
    for picture in _pictures()[:3]:
        picture.save(tmp_path / "face.pgm")
        done = _run(node, site, MODEL_FILE, tmp_path / "face.pgm")
        assert done.returncode == 0 and done.stderr == "", done.stderr
        answer = json.loads(done.stdout)
        expected = _expected(quantised, picture)
        assert answer["probabilities"] == pytest.approx(expected, abs=1e-4)
        assert list(answer["probabilities"]) == list(expected)
        assert answer["emotion"] == max(expected, key=expected.__getitem__)
        seen.append(list(expected.values()))
    assert np.ptp(seen, axis=0).max() > 0.05  # pictures that all looked alike would prove little


def test_node_runs_the_quantised_network(site, node, quantised, tmp_path):
    picture = _pictures()[0]
    picture.save(tmp_path / "face.pgm")
    done = _run(node, site, INT8_FILE, tmp_path / "face.pgm")
    pixel_values = FERImageProcessor.from_pretrained(quantised)(picture, return_tensors="np").pixel_values
    logits = OnnxClassifier.from_pretrained(quantised, file=INT8_FILE)(pixel_values).logits
    expected = torch.from_numpy(logits).double().softmax(1)[0].tolist()
    assert list(json.loads(done.stdout)["probabilities"].values()) == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "two files must be named: node classify.mjs MODEL.onnx FACE.pgm"),
        (
            ["package.json", "package.json"],
            "the model must be an ONNX file, got bytes that are none; export it anew.",
        ),
        (
            ["cut.onnx", "package.json"],
            "the model must be a whole ONNX file, got one that ends early; copy it again.",
        ),
        (
            [MODEL_FILE, "package.json"],
            "package.json must be a whole binary PGM image (P5) with values up to 255; save it as one, with Pillow for "
            "example.",
        ),
    ],
)
def test_node_says_what_is_wrong(site, node, arguments, message):
    (site / "cut.onnx").write_bytes((site / MODEL_FILE).read_bytes()[:5000])
    done = _run(node, site, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {message}\n")


def test_the_stretch_is_the_image_processors(node, tmp_path):
    """No packages needed: only the arithmetic of fer.mjs, on light, dark, narrow and flat pictures."""
    random = np.random.default_rng(5)
    crops = [random.normal(grey, wide, (48, 48)).clip(0, 255).astype(np.uint8)
             for grey, wide in ((128, 60), (9, 3), (200, 10), (250, 40), (77, 0))]  # fmt: skip
    (tmp_path / "crops.json").write_text(json.dumps([crop.ravel().tolist() for crop in crops]))
    script = tmp_path / "stretch.mjs"
    script.write_text(
        f'import {{ stretch }} from "{(EXAMPLE / "fer.mjs").as_uri()}";\n'
        'import { readFileSync } from "node:fs";\n'
        'const crops = JSON.parse(readFileSync(new URL("crops.json", import.meta.url)));\n'
        "console.log(JSON.stringify(crops.map((crop) => Array.from(stretch(Uint8Array.from(crop))))));\n"
    )
    done = subprocess.run([node, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    processor = FERImageProcessor(stretch="percentiles", image_mean=[0.0], image_std=[1.0])
    expected = processor(crops, return_tensors="np").pixel_values.reshape(len(crops), -1) * 255
    assert np.allclose(json.loads(done.stdout), expected, atol=1e-3)


def test_resizing_and_grey_are_pillows_to_the_bit(node, tmp_path):
    """No packages needed: only the arithmetic of fer.mjs."""
    random = np.random.default_rng(4)
    cases, expected = [], []
    for width, height in [*SIZES, *random.integers(1, 150, (20, 2)).tolist()]:
        rgba = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
        new = random.integers(1, 80, 2).tolist()
        cases.append({"rgba": rgba.ravel().tolist(), "width": width, "height": height, "new": new})
        grey = Image.fromarray(rgba[:, :, :3]).convert("L")
        expected.append(np.asarray(grey.resize(new, Image.Resampling.BILINEAR)).ravel().tolist())
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = tmp_path / "resize.mjs"
    script.write_text(
        f'import {{ resize, toGrey }} from "{(EXAMPLE / "fer.mjs").as_uri()}";\n'
        'import { readFileSync } from "node:fs";\n'
        'const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url)));\n'
        "console.log(JSON.stringify(cases.map(({ rgba, width, height, new: [w, h] }) =>\n"
        "  Array.from(resize(toGrey(Uint8Array.from(rgba)), width, height, w, h)))));\n"
    )
    done = subprocess.run([node, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_the_lock_file_names_no_registry_and_the_pinned_version():
    package, lock = (json.loads((EXAMPLE / name).read_text()) for name in ("package.json", "package-lock.json"))
    pinned = package["dependencies"]["onnxruntime-web"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
    assert lock["packages"]["node_modules/onnxruntime-web"]["version"] == pinned
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("resolved" not in entry and entry["integrity"].startswith("sha512-") for entry in packages.values())


class _Files(http.server.SimpleHTTPRequestHandler):
    """The standard library's file server, as the README starts it; notes what was asked for."""

    asked: list[str] = []  # noqa: RUF012 (one server in this file)

    def log_message(self, format: str, *arguments: object) -> None:
        self.asked.append(f"{self.command} {self.path}")


@pytest.fixture(scope="module")
def address(site):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=site)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = (
        "headless=new no-sandbox disable-gpu disable-dev-shm-usage disable-quic no-first-run "
        "disable-background-networking disable-component-update disable-sync window-size=900,900"
    )
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield window
    window.quit()


def _wait(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60).until(lambda _: condition())


def _choose(browser, path: Path) -> str:
    """Put a file into the page's field; the status line after the computation, or after its failure."""
    browser.find_element("id", "file").send_keys(str(path))
    status = browser.find_element("id", "status")
    return _wait(browser, lambda: status.text.startswith(path.name) and status.text)


@pytest.mark.browser
def test_the_page_gives_pytorchs_probabilities(browser, address, quantised, tmp_path):
    browser.get(address)
    _wait(browser, lambda: browser.find_element("id", "file").is_enabled())
    assert browser.find_element("id", "status").text == "Ready. Choose a picture of one face, cut out closely."
    pictures = [*_pictures(), Image.open(ROOT / "examples" / "astronaut.jpg").crop((170, 60, 330, 250))]  # in colour
    for number, picture in enumerate(pictures):
        path = tmp_path / f"face{number}.png"
        picture.save(path)
        status = _choose(browser, path)
        answer = json.loads(browser.find_element("id", "json").get_attribute("textContent"))
        expected = _expected(quantised, picture)
        assert answer["probabilities"] == pytest.approx(expected, abs=1e-4)
        rows = browser.find_elements("css selector", "#probabilities tr")
        best = sorted(expected, key=expected.__getitem__, reverse=True)
        assert [row.text.split()[0] for row in rows] == best
        assert rows[0].text.split()[1] == f"{100 * answer['probabilities'][best[0]]:.1f}"
        assert re.fullmatch(rf"face{number}\.png: {best[0]}, in \d+\.\d ms on this computer\.", status)
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert {f"GET /{name}" for name in ("", "page.mjs", "fer.mjs", "model.onnx")} <= set(_Files.asked)
    assert any(line.endswith(".wasm") for line in _Files.asked)


@pytest.mark.browser
def test_the_page_says_what_is_wrong(browser, address, site, tmp_path):
    letter = tmp_path / "letter.png"
    letter.write_bytes(b"dear sir or madam")
    browser.get(address)
    _wait(browser, lambda: browser.find_element("id", "file").is_enabled())
    assert _choose(browser, letter) == (
        "letter.png must be a picture, the browser cannot read it; choose a PNG or JPEG."
    )
    (site / MODEL_FILE).rename(site / "hidden.onnx")
    try:
        browser.get(address)
        status = _wait(browser, lambda: browser.find_elements("css selector", "#status.failed"))[0]
        assert status.text == (
            "model.onnx must lie beside this page, the server answered 404; copy it there from a checkpoint folder."
        )
    finally:
        os.rename(site / "hidden.onnx", site / MODEL_FILE)
