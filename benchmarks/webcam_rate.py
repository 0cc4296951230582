"""Processed frames per second of the webcam tab, compared with the same page that only echoes frames.

    python benchmarks/webcam_rate.py [--seconds 10] [--rounds 3] [--output results/webcam.json]

Both apps run in parallel, each in its own process; a headless Chromium with a 640x480 camera uses them alternately,
round by round. A frame counts when its result is shown. The exit code is 1 if a floor is missed: 15 frames per second,
and 0.8 of the echo's rate.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.chromium import ROOT, open_browser, write_camera
from fer_hub.files import write_json

FLOOR_RATE, FLOOR_RATIO = 15.0, 0.8

COUNT = """
window.shown = 0;
new MutationObserver(changes => {
    window.shown += changes.filter(change => change.target.tagName === 'IMG').length;
}).observe(document.querySelector('#camera'), {subtree: true, attributes: true, attributeFilter: ['src']});
"""
PRESS = """
const found = [...document.querySelectorAll(arguments[0])].find(each => each.innerText.includes(arguments[1]));
if (found) found.click();
return Boolean(found);
"""


def serve(kind: str) -> None:
    """Run the app, or the same page with a webcam tab that echoes frames; called in a separate process."""
    from fer_hub.hub.shipped import example_photographs
    from fer_hub.web import launch

    launch.set_up_process()
    from fer_hub.web.page import build, launch_options
    from fer_hub.web.service import Service
    from fer_hub.web.tabs import live

    if kind == "echo":
        live.answer_frame = lambda service, frame, *_: (live.encode(frame), None)
    with Service(launch.checkpoints()) as service:
        service.pipeline(service.names[0])
        build(service, [str(path) for path in example_photographs()]).launch(**launch_options())


def start(kind: str, folder: Path) -> tuple[subprocess.Popen, str]:
    """The process and its address, once it listens."""
    environment = os.environ | {
        "GRADIO_TEMP_DIR": str(folder / kind), "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1",
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind], env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    for line in process.stdout:
        if "http://127.0.0.1:" in line:
            return process, line.split()[-1]
    raise RuntimeError(f"the {kind} app ended before it listened")


def stream(browser, url: str) -> None:
    """Open the page and start its camera."""
    from selenium.webdriver.support.ui import WebDriverWait

    def wait(script: str, *values: str) -> None:
        WebDriverWait(browser, 60).until(lambda _: browser.execute_script(script, *values))

    browser.get(url)
    wait(PRESS, "[role=tab]", "Webcam")
    wait(PRESS, "#camera button", "Webcam")
    wait(PRESS, "#camera .capture-button", "")
    wait("const image = document.querySelector('#camera img'); return Boolean(image && image.src)")


def rate(browser, url: str, seconds: float) -> float:
    """Processed frames per second that one visitor sees."""
    stream(browser, url)
    browser.execute_script(COUNT)
    time.sleep(2)  # the first frames find everything cold
    first, begin = browser.execute_script("return window.shown"), time.perf_counter()
    time.sleep(seconds)
    last, end = browser.execute_script("return window.shown"), time.perf_counter()
    browser.get("about:blank")
    return (last - first) / (end - begin)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="how long each measurement takes")
    parser.add_argument("--rounds", type=int, default=3, help="how often app and echo take turns")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--serve", choices=("app", "echo"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return 0
    rates: dict[str, list[float]] = {"app": [], "echo": []}
    with tempfile.TemporaryDirectory() as name:
        folder, running = Path(name), []
        try:
            running = [start(kind, folder) for kind in rates]
            browser = open_browser(folder / "profile", write_camera(folder / "camera.mjpeg"))
            try:
                for turn in range(arguments.rounds):
                    for kind, (_, url) in zip(rates, running, strict=True):
                        rates[kind].append(rate(browser, url, arguments.seconds))
                        print(f"round {turn + 1}: {kind:4} {rates[kind][-1]:5.1f} frames/s", flush=True)
            finally:
                browser.quit()
        finally:
            for process, _ in running:
                process.terminate()
                process.wait()
    ours, echo = median(rates["app"]), median(rates["echo"])
    if arguments.output:
        figures = {"frame_size": [640, 480], "cores": os.cpu_count(), "seconds": arguments.seconds, "rounds": rates}
        medians = {"app_fps": round(ours, 1), "echo_fps": round(echo, 1), "ratio": round(ours / echo, 3)}
        write_json(arguments.output, medians | {"floors": {"app_fps": FLOOR_RATE, "ratio": FLOOR_RATIO}} | figures)
    told = f"app {ours:.1f} frames/s (floor {FLOOR_RATE:g}), echo {echo:.1f}"
    print(f"{told}, ratio {ours / echo:.2f} (floor {FLOOR_RATIO})")
    return 0 if ours >= FLOOR_RATE and ours / echo >= FLOOR_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
