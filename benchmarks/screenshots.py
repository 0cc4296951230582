"""Pictures of every tab of the page, for the documentation and for whoever changes the page.

    python benchmarks/screenshots.py [--url http://127.0.0.1:7860/] [--output docs/screenshots]

Without --url the app is started for it. Needs Chromium and chromedriver.
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
    """Three seconds of a portrait that sways."""
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
    """Takes the pictures."""

    def __init__(self, browser, url: str, output: Path) -> None:
        self.browser, self.url, self.output = browser, url, output

    def wait(self, script: str, *values: str) -> None:
        """Until a script gives something true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.browser, 120).until(lambda _: self.browser.execute_script(script, *values))

    def open(self, tab: str = "Photo", query: str = "") -> None:
        """The page on one of its tabs."""
        self.browser.get(self.url + query)
        self.wait("return Boolean(document.querySelector('#photo input[type=file]'))")
        self.wait(PRESS, "button[role=tab]", tab)

    def give(self, place: str, *paths: Path) -> None:
        """Upload files."""
        self.wait("return Boolean(document.querySelector(arguments[0]))", f"{place} input[type=file]")
        field = self.browser.find_element("css selector", f"{place} input[type=file]")
        field.send_keys("\n".join(str(path) for path in paths))

    def take(self, name: str) -> None:
        """Save the whole page, as long as it is."""
        time.sleep(1)  # animations end
        height = self.browser.execute_script("return document.documentElement.scrollHeight")
        width = self.browser.execute_script("return window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, 3000), "scale": 1}
        told = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (self.output / f"{name}.png").write_bytes(base64.b64decode(told["data"]))
        print(self.output / f"{name}.png", flush=True)

    def everything(self, folder: Path) -> None:
        """All pictures."""
        photographs = collage(folder / "two.jpg")
        chosen = "const face = document.querySelector('#probabilities .confidence-set'); return Boolean(face)"
        shown = "const image = document.querySelector('#annotated img'); return Boolean(image?.naturalWidth)"
        self.open()
        self.take("photo-empty")
        self.give("#photo", photographs)
        self.wait(chosen)
        self.wait(shown)
        self.wait(PRESS, "button", "All faces")
        self.take("photo")
        self.open(query="?__theme=dark")
        self.give("#photo", photographs)
        self.wait(chosen)
        self.wait(shown)
        self.take("photo-dark")
        self.open("Several photos")
        self.give("#photos", PORTRAIT, photographs)
        self.wait("return document.querySelectorAll('#photos tr').length > 1")
        self.wait(PRESS, "button", "Analyse")
        self.wait("return document.querySelectorAll('#gallery img').length > 1")
        self.take("several")
        self.open("Video")
        self.take("video-empty")
        self.give("#video", film(folder / "film.mp4"))
        self.wait("return Boolean(document.querySelector('#video video')?.src)")
        self.wait(PRESS, "#analyse-video", "")
        self.wait("return (document.querySelector('#annotated-video video')?.readyState || 0) > 1")
        self.wait("return Boolean(document.querySelector('#timeline img')?.naturalWidth)")
        self.take("video")
        self.open("How to read this")
        self.take("reading")
        stream(self.browser, self.url)
        time.sleep(3)
        self.take("webcam")
        size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.open()
        self.give("#photo", photographs)
        self.wait(chosen)
        self.wait(shown)
        self.take("phone")


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
