"""Screenshots of every tab of the page and its states, light, dark and on a phone, for review of changes.

    python benchmarks/screenshots.py [--url http://127.0.0.1:7860/] [--output docs/screenshots]

Starts the app unless --url is given; FER_HUB_CHECKPOINT sets its network. Needs Chromium and chromedriver.
"""

import argparse
import base64
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.chromium import ROOT, open_browser, write_camera
from benchmarks.webcam_rate import PRESS, start, stream

TAB = """
const tabs = [...document.querySelectorAll('button[role=tab], .overflow-dropdown button')]; // the second on phones
const found = tabs.find(each => each.textContent.trim() === arguments[0]);
if (found) found.click();
return Boolean(found);
"""
PORTRAIT = ROOT / "examples" / "astronaut.jpg"


def collage(path: Path) -> Path:
    """The example portraits side by side."""
    picture = Image.new("RGB", (1000, 512), "grey")
    for name, side, x in (("astronaut.jpg", 512, 0), ("grace_hopper.jpg", 470, 530)):
        with Image.open(ROOT / "examples" / name) as image:
            picture.paste(image.convert("RGB").crop((0, 0, *[min(image.size)] * 2)).resize((side, side)), (x, 0))
    picture.save(path, quality=95)
    return path


def film(path: Path) -> Path:
    """Three seconds of a portrait that moves from side to side."""
    with Image.open(PORTRAIT) as image, av.open(str(path), "w") as file:
        output = file.add_stream("libx264", rate=10)
        output.width, output.height, output.pix_fmt = 512, 512, "yuv420p"
        pixels = np.asarray(image.convert("RGB"))
        for index in range(30):
            shifted = np.roll(pixels, 8 * abs(index % 20 - 10), axis=1)
            file.mux(output.encode(av.VideoFrame.from_ndarray(shifted, format="rgb24")))
        file.mux(output.encode())
    return path


class Camera:
    """Takes the screenshots."""

    def __init__(self, browser, url: str, output: Path) -> None:
        self.browser, self.url, self.output = browser, url, output

    def wait(self, script: str, *values: object) -> None:
        """Wait until a script returns something true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.browser, 120).until(lambda _: self.browser.execute_script(script, *values))

    def open(self, tab: str = "Photo", query: str = "") -> None:
        """Open the page on one of its tabs."""
        self.browser.get(self.url + query)
        self.wait("return Boolean(document.querySelector('#photo input[type=file]'))")
        self.wait(TAB, tab)

    def give(self, place: str, *paths: Path) -> None:
        """Upload files."""
        self.wait("return Boolean(document.querySelector(arguments[0]))", f"{place} input[type=file]")
        field = self.browser.find_element("css selector", f"{place} input[type=file]")
        field.send_keys("\n".join(str(path) for path in paths))

    def take(self, name: str) -> None:
        """Save a screenshot of the whole page."""
        time.sleep(1)  # animations end
        height = self.browser.execute_script("return document.documentElement.scrollHeight")
        width = self.browser.execute_script("return window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, 4000), "scale": 1}
        told = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (self.output / f"{name}.png").write_bytes(base64.b64decode(told["data"]))
        print(self.output / f"{name}.png", flush=True)

    def phone(self) -> None:
        """Switch to a phone's screen with two device pixels per CSS pixel."""
        size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def photo(self, prefix: str, query: str, folder: Path) -> None:
        """The tab for one photo: empty, with faces, without one, and after an error."""
        self.open("Photo", query)
        self.take(f"{prefix}-photo-empty")
        self.give("#photo", collage(folder / "two.jpg"))
        self.wait("return document.querySelector('#photo-note').innerText.startsWith('2 faces')")
        self.wait(PRESS, "#photo-more button", "")
        self.take(f"{prefix}-photo")
        self.open("Photo", query)
        Image.new("RGB", (640, 480), "teal").save(folder / "wall.png")
        self.give("#photo", folder / "wall.png")
        self.wait("return document.querySelector('#photo-note').innerText.startsWith('No face')")
        self.take(f"{prefix}-photo-no-face")
        self.open("Photo", query)
        (folder / "letter.jpg").write_text("dear sir or madam")
        self.give("#photo", folder / "letter.jpg")
        self.wait("return Boolean(document.querySelector('#photo-note .fer-problem'))")
        self.take(f"{prefix}-photo-error")

    def several(self, prefix: str, query: str, folder: Path) -> None:
        """The tab for several photos, one of which is not an image."""
        self.open("Several photos", query)
        files = (PORTRAIT, folder / "two.jpg", folder / "wall.png", folder / "letter.jpg")
        self.give("#photos", *files)
        self.wait("return document.querySelectorAll('#photos tr').length >= arguments[0]", len(files))
        self.wait(PRESS, "#analyse-several", "")
        self.wait("return document.querySelectorAll('#gallery img').length >= 3")
        self.take(f"{prefix}-several")

    def video(self, prefix: str, query: str, folder: Path) -> None:
        """The tab for videos: empty, and with a result."""
        self.open("Video", query)
        self.take(f"{prefix}-video-empty")
        self.give("#video", film(folder / "film.mp4"))
        self.wait("return Boolean(document.querySelector('#video video')?.src)")
        self.wait(PRESS, "#analyse-video", "")
        self.wait("return (document.querySelector('#annotated-video video')?.readyState || 0) > 1")
        self.wait("return Boolean(document.querySelector('#timeline :is(svg, canvas)'))")
        self.take(f"{prefix}-video")

    def webcam(self, prefix: str, query: str) -> None:
        """The tab for the camera: off, and on."""
        self.open("Webcam", query)
        self.take(f"{prefix}-webcam-off")
        stream(self.browser, self.url + query)
        self.wait("return Boolean(document.querySelector('#live-probabilities .fer-bar'))")
        self.take(f"{prefix}-webcam")

    def texts(self, prefix: str, query: str) -> None:
        """The tab "How to read this", the model card, the list of networks and the API page."""
        self.open("How to read this", query)
        self.take(f"{prefix}-reading")
        self.open("Model card", query)
        self.wait("return Boolean(document.querySelector('#card h1'))")
        self.take(f"{prefix}-card")
        self.wait(PRESS, "#settings button", "")
        self.browser.find_element("css selector", "#model input").click()
        self.take(f"{prefix}-networks")
        self.browser.get(f"{self.url}?view=api")
        self.wait("return Boolean(document.querySelector('.api-docs .api-name'))")
        self.take(f"{prefix}-api")

    def everything(self, folder: Path) -> None:
        """All screenshots: on a desktop in the light and the dark theme, and on a phone."""
        for prefix, query in (("light", ""), ("dark", "?__theme=dark"), ("phone", "")):
            if prefix == "phone":
                self.phone()
            self.photo(prefix, query, folder)
            self.several(prefix, query, folder)
            self.video(prefix, query, folder)
            self.webcam(prefix, query)
            self.texts(prefix, query)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="address of a running app")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshots", help="where the pictures go")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder, process, url = Path(name), None, arguments.url
        if url is None:
            process, url = start("app", folder)
        browser = open_browser(folder / "profile", write_camera(folder / "camera.mjpeg"), (1280, 900))
        try:
            Camera(browser, url, arguments.output).everything(folder)
        finally:
            browser.quit()
            if process is not None:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
