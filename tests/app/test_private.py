"""Private mode in a real browser with a fake camera: equal to Python, and nothing is sent while it works."""

import base64
import functools
import http.server
import io
import json
import re
import shutil
import threading

import httpx
import numpy as np
import pytest
from selenium.webdriver.common.by import By

from fer_hub import FERPipeline, load_image
from fer_hub.detection.framing import face_crop, frame_box
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.model import FERImageProcessor
from fer_hub.results import Face
from fer_hub.web import private_page
from tests.app.conftest import OFFLINE, ROOT, running
from tests.app.driving import texts, wait
from tests.app.states import as_it_was, in_every_look, resize

GROUP = ROOT / "examples" / "a_group.jpg"


def test_the_numbers_of_the_page_are_pythons():
    told = private_page.page_config(default_checkpoint())
    face = Face((100.0, 120.0, 180.0, 205.0), 0.9)
    x0, y0, x1, y1 = frame_box(face.box)
    assert x1 - x0 == pytest.approx(told["framing"]["scale"] * 80)
    assert (y0 + y1) / 2 == pytest.approx(162.5 - told["framing"]["raise"] * 85)
    assert list(told["colours"]) == told["labels"] and len(told["labels"]) == 8
    typed = "".join((private_page.SOURCE / name).read_text() for name in ("crop.mjs", "faces.mjs", "page.mjs"))
    assert not re.search(r"1\.17|0\.09\b|0\.619|2\.89", typed)  # they come from config.json alone


def test_without_the_page_the_app_says_so(monkeypatch, tmp_path):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    monkeypatch.setenv(private_page.VARIABLE, str(tmp_path / "none"))
    told = TestClient(Starlette(routes=private_page.routes())).get("/private")
    assert told.status_code == 404 and "fer-hub private-page" in told.text
    assert "is not built" in private_page.invitation()


def test_a_folder_with_something_else_is_not_replaced(tmp_path):
    (tmp_path / "letter.txt").write_text("hers")
    with pytest.raises(ValueError, match="must go to a new folder"):
        private_page.build(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "hers"


def test_a_package_that_reports_elsewhere_is_refused(tmp_path):
    bundle = tmp_path / "vision_bundle.mjs"
    bundle.write_text(f'fetch("{private_page.REPORTS}")')
    private_page._stop_reports(bundle)
    assert bundle.read_text() == 'fetch("data:,")'
    with pytest.raises(ValueError, match="see where this version reports to"):
        private_page._stop_reports(bundle)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if shutil.which("npm") is None:
        pytest.skip("needs npm, and there is none: apt-get install npm")
    try:
        return private_page.build(tmp_path_factory.mktemp("private") / "page", say=[].append)
    except ConnectionError as error:
        pytest.skip(str(error))


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def page(built, browser):
    """The page, loaded from a server that has gone since, in a browser without a network."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=built)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_address[1]}/")
        wait(browser, lambda: "Loading" not in note(browser))
        assert note(browser).startswith("Ready"), (note(browser), browser.get_log("browser"))
        server.shutdown()
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **offline})
    asked(browser)  # what loading asked for
    yield browser
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **offline})
    browser.get("about:blank")


def asked(browser):
    """Addresses of all requests since the last call, but for those that the page's policy has stopped."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    told = [(event["method"], event["params"]) for event in events]
    stopped = {what["requestId"] for how, what in told if how.endswith("loadingFailed") and "csp" in str(what.values())}
    sent = [what for how, what in told if how == "Network.requestWillBeSent" and what["requestId"] not in stopped]
    return [url for what in sent if not (url := what["request"]["url"]).startswith(("data:", "blob:"))]


def note(page):
    return page.find_element(By.ID, "note").text


def choose(page, path):
    page.find_element(By.ID, "file").send_keys(str(path))
    return wait(page, lambda: "Looking" not in note(page) and "Ready" not in note(page) and note(page))


CLASSIFY = """
const [picture, faces, done] = arguments;
(async () => {
  const {ready, classify, opened} = await import('./page.mjs');
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const canvas = await opened(new File([bytes], 'photo.png')), tools = await ready, told = [];
  for (const face of faces) {
    const {crop, probabilities} = await classify(tools, canvas, face);
    told.push([Array.from(crop.data), probabilities]);
  }
  return told;
})().then(done, (error) => done(String(error)));
"""


@pytest.mark.browser
def test_crops_and_probabilities_are_pythons(page):
    """The example portraits and the group, as they stand, turned and cut off, given the same boxes."""
    greatest = seen = 0
    with FERPipeline.from_pretrained(runtime="onnx") as pipeline:
        processor = FERImageProcessor.from_pretrained(default_checkpoint())
        for path in sorted((ROOT / "examples").glob("*.jpg")):
            photo = load_image(path)
            photo.thumbnail((900, 900))
            faces = pipeline.detector.detect(photo)
            x0, y0, x1, y1 = faces[0].box
            for angle, shift, larger in ((25.0, 0, 1), (-140.5, 0, 1), (0.0, -x0 - 0.3 * (x1 - x0), 1), (0.0, 0, 6)):
                box = (x0 + shift, y0, x0 + shift + larger * (x1 - x0), y0 + larger * (y1 - y0))
                faces.append(Face(box, 0.9, angle=angle))
            stream = io.BytesIO()
            photo.save(stream, "PNG")
            given = [{"box": face.box, "angle": face.angle} for face in faces]
            told = page.execute_async_script(CLASSIFY, base64.b64encode(stream.getvalue()).decode(), given)
            assert isinstance(told, list), told
            crops = [face_crop(photo, face, processor.size["width"]) for face in faces]
            known = pipeline.classify_crops(crops)
            for face, cut, wanted, (pixels, got) in zip(faces, crops, known, told, strict=True):
                difference = np.abs(np.asarray(cut, int) - np.reshape(pixels, (*cut.size, 4))[:, :, :3])
                assert difference.max() <= (1 if face.angle else 0), (path.name, face.box, face.angle)
                assert set(got) == set(wanted)
                greatest = max(greatest, max(abs(got[label] - wanted[label]) for label in wanted))
                seen += 1
    assert seen > 25 and greatest < 1e-3, greatest
    assert asked(page) == []


@pytest.mark.browser
def test_faces_of_a_photo_are_found_and_shown(page):
    with FERPipeline.from_pretrained(runtime="onnx", detection_model="mediapipe") as pipeline:
        expected = pipeline(GROUP)
    said = choose(page, GROUP)
    assert said.startswith(f"{len(expected)} faces: ") and len(expected) >= 6
    cards = page.find_elements(By.CSS_SELECTOR, ".fer-card")
    assert len(cards) == len(page.find_elements(By.CSS_SELECTOR, ".fer-frame .fer-box")) == len(expected)
    assert [card.find_element(By.CSS_SELECTOR, ".fer-best .fer-label").text for card in cards[:2]] == [
        face.emotion for face in expected[:2]
    ]
    assert len(cards[0].find_elements(By.CSS_SELECTOR, ".fer-bar")) == 8
    width = page.execute_script("return document.querySelector('.fer-frame canvas').width")
    place = page.execute_script("return parseFloat(document.querySelector('.fer-box').style.left)")
    assert place / 100 * width == pytest.approx(expected[0].box[0], abs=0.01 * width)
    second = cards[1].find_element(By.CSS_SELECTOR, ".fer-choose")
    page.execute_script("arguments[0].focus()", second)
    second.send_keys(" ")  # by keyboard
    assert cards[1].get_attribute("data-selected") == "true" and cards[0].get_attribute("data-selected") == "false"
    assert page.find_element(By.CSS_SELECTOR, ".fer-box[aria-pressed=true]").get_attribute("data-face") == "2"
    assert note(page).startswith("Face 2: ")
    assert asked(page) == []


@pytest.mark.browser
def test_no_rule_of_axe_is_broken_and_nothing_is_wider_than_a_narrow_screen(page, axe):
    choose(page, GROUP)
    page.find_element(By.CSS_SELECTOR, "summary").click()
    try:
        assert [(look, told) for look, told in in_every_look(page, axe).items() if told] == []
        resize(page, 320, 800, True)
        assert page.execute_script("return document.documentElement.scrollWidth") == 320
    finally:
        as_it_was(page)


@pytest.mark.browser
def test_the_camera_is_analysed_frame_by_frame_and_stops(page):
    start = page.find_element(By.ID, "start")
    start.send_keys("\n")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#live .fer-bar")) == 8)
    frame = "return Number(document.querySelector('#live').dataset.frame)"
    before = page.execute_script(frame)
    wait(page, lambda: page.execute_script(frame) > before + 5)
    assert texts(page, "#live .fer-best .fer-label") == ["happy"]
    assert texts(page, ".fer-live .fer-box")[0].startswith("happy ")
    assert (start.text, start.get_attribute("aria-pressed")) == ("Stop camera", "true")
    start.send_keys("\n")
    wait(page, lambda: not page.find_elements(By.ID, "live"))
    assert start.text == "Start camera"
    assert asked(page) == []


@pytest.mark.browser
def test_the_browser_refuses_every_connection_of_the_page(page):
    """Also to where the page came from, with the network on again and without what would still be loaded."""
    told = page.execute_async_script(
        "const done = arguments[0], said = [];"
        "document.addEventListener('securitypolicyviolation', (event) => said.push(event.effectiveDirective));"
        "Promise.allSettled([fetch('config.json'), fetch('https://example.org/')]).then((all) => {"
        "  const image = new Image(); image.onerror = () => done([all.map((each) => each.status), said]);"
        "  image.src = location.origin + '/pixel.png'; });"
    )
    assert told[0] == ["rejected", "rejected"] and set(told[1]) == {"connect-src", "img-src"}
    assert asked(page) == []


@pytest.mark.browser
def test_what_is_no_photo_is_refused_in_a_sentence(page, tmp_path):
    letter = tmp_path / "letter.png"
    letter.write_bytes(b"dear sir or madam")
    page.get_log("browser")  # what the pages before it said
    said = choose(page, letter)
    assert said == "letter.png must be a photo, but this browser cannot read it; choose a JPEG or PNG."
    assert not page.find_elements(By.CSS_SELECTOR, ".fer-result")
    severe = [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert [line for line in severe if "Content Security Policy" not in line and "TensorFlow Lite" not in line] == []


@pytest.mark.browser
def test_the_app_serves_it_and_links_to_it(built, exported_eight, tmp_path):
    variables = {private_page.VARIABLE: str(built), **OFFLINE}
    with running(tmp_path / "uploads", "app.py", "--checkpoint", str(exported_eight), **variables) as (url, _):
        told = httpx.get(url + "private", follow_redirects=True)
        assert told.status_code == 200 and told.url.path == "/private/" and "in private" in told.text
        assert "connect-src 'self'" in told.text
        wasm = httpx.head(url + "private/vendor/onnxruntime/ort-wasm-simd-threaded.wasm")
        assert wasm.headers["content-type"] == "application/wasm"
        assert httpx.get(url + "private/../config.json").status_code != 200
        assert "(private/)" in httpx.get(url + "config").text
