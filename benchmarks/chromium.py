"""A headless Chromium for benchmarks, screenshots and tests, optionally with a fake camera."""

import io
import sys
from pathlib import Path

from PIL import Image, ImageChops

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from start import find_browser  # noqa: E402 (the repository's root has just been put on the path)

FLAGS = (
    "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic", "no-first-run",
    "disable-background-networking", "disable-component-update", "disable-sync", "mute-audio",
    "use-fake-ui-for-media-stream", "use-fake-device-for-media-stream",
    "enable-unsafe-swiftshader",  # WebGL without a GPU, which MediaPipe needs; else a fallback that may fail
)  # fmt: skip


def open_browser(profile: Path, camera: Path | None = None, size: tuple[int, int] = (1280, 1200)):
    """A selenium driver with an empty profile; the caller quits it.

    Args:
        profile: folder for the profile.
        camera: .mjpeg file that plays as the camera, see `write_camera`; `None` shows Chromium's test picture.
        size: of the window, in pixels.

    Raises:
        RuntimeError: no Chromium or no chromedriver is installed.
    """
    from selenium import webdriver

    found = find_browser()
    if found is None:
        raise RuntimeError("needs Chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"window-size={size[0]},{size[1]}", f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    if camera is not None:
        options.add_argument(f"--use-file-for-fake-video-capture={camera}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=found[1]))


def write_camera(path: Path, size: tuple[int, int] = (640, 480), frames: int = 30, pause: int = 0) -> Path:
    """A portrait that moves from side to side as concatenated JPEGs, which Chromium plays in a loop as a camera.

    Args:
        path: file with the extension .mjpeg.
        size: width and height in pixels.
        frames: number of different frames.
        pause: number of frames without a face that follow.
    """
    with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
        portrait = image.convert("RGB").resize((size[1], size[1]))
    wall = Image.new("RGB", size, (90, 110, 130))
    with open(path, "wb") as file:
        for index in range(frames + pause):
            picture = wall.copy()
            if index < frames:
                shift = abs(index - frames // 2) * 2
                picture.paste(ImageChops.offset(portrait, shift, 0), ((size[0] - portrait.width) // 2, 0))
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=90)
            file.write(stream.getvalue())
    return path
