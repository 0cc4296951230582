"""Private mode: a page that finds and classifies faces in the browser alone, built of `web/private/` with npm.

The page runs the exported network on ONNX Runtime Web, and MediaPipe's detectors on its build for browsers; what it
must know of fer_hub's numbers stands in its config.json, which `build` writes.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fer_hub.detection import close_look, detector, mediapipe_search, score
from fer_hub.detection.blazeface import FILES
from fer_hub.detection.framing import FER_BOX_SCALE, FER_CENTRE_RAISE
from fer_hub.detection.onnx_network import FOLDER
from fer_hub.drawing import colour_of
from fer_hub.files import building, write_json, write_text
from fer_hub.hub.shipped import HOME, default_checkpoint, licence
from fer_hub.inference.onnx_classifier import MODEL_FILE, OnnxClassifier
from fer_hub.web.facts import facts
from fer_hub.web.tabs.faces import CLOSE

SOURCE = Path(__file__).parent / "private"
"""The page's own files."""

VARIABLE = "FER_HUB_PRIVATE"
"""The environment variable with the folder of the built page that the app serves."""

PLACE = "private"
"""Its address in the app."""

OWN = ("index.html", "private.css", "page.mjs", "show.mjs", "faces.mjs", "crop.mjs", "fer.mjs")

VENDORED = {
    "vendor/mediapipe/vision_bundle.mjs": "@mediapipe/tasks-vision/vision_bundle.mjs",
    "vendor/mediapipe/vision_wasm_internal.js": "@mediapipe/tasks-vision/wasm/vision_wasm_internal.js",
    "vendor/mediapipe/vision_wasm_internal.wasm": "@mediapipe/tasks-vision/wasm/vision_wasm_internal.wasm",
    "vendor/onnxruntime/ort.wasm.bundle.min.mjs": "onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
    "vendor/onnxruntime/ort-wasm-simd-threaded.wasm": "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
}
"""File of the page → file in node_modules."""

REPORTS = "https://odml.pa.googleapis.com/v1/log"
"""Where MediaPipe's package reports its use to its makers; the page forbids it, and its copy has another address."""

NOWHERE = "data:,"
"""An address that browsers answer themselves."""

NOTICE = """This page is made of fer_hub and of

MediaPipe, vendor/mediapipe/ and face_detection_*.tflite
    Copyright The MediaPipe Authors. Apache License, Version 2.0, see LICENSE.
    In vision_bundle.mjs fer_hub has changed the address to which its use would be reported into one that leads nowhere.
ONNX Runtime Web, vendor/onnxruntime/
    Copyright Microsoft Corporation. MIT License:
    Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
    documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
    rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
    permit persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright
    notice and this permission notice shall be included in all copies or substantial portions of the Software. THE
    SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
    WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS
    OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
    OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

_UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED")

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Private mode</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<meta name="color-scheme" content="light dark">
<p>Private mode is not built on this server. Whoever runs it builds it with <code>fer-hub private-page</code>.
<a href="../">Back to the app</a></p>"""


def place() -> Path:
    """The folder of the built page: what `FER_HUB_PRIVATE` names, or private_page beside the checkpoints."""
    return Path(os.environ.get(VARIABLE) or HOME / "private_page")


def is_built() -> bool:
    """Whether the app has the page."""
    return all((place() / name).is_file() for name in (*OWN, *VENDORED, MODEL_FILE, "config.json"))


def build(
    folder: str | Path | None = None, checkpoint: str | Path | None = None, say: Callable[[str], object] = print
) -> Path:
    """Build the page: its own files, the packages that npm brings, the network and the detectors.

    Args:
        folder: where to; it is replaced once everything is there. `place()` if `None`.
        checkpoint: a checkpoint folder with model.onnx, as `fer-hub export` writes it; the default one if `None`.
        say: called with lines of progress.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: there is no npm, or the checkpoint has no model.onnx.
        ConnectionError: the registry of npm does not answer.
        ValueError: model.onnx is not what this page can run, or the folder holds something else.
    """
    folder = place() if folder is None else Path(folder)
    checkpoint = default_checkpoint() if checkpoint is None else Path(checkpoint)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "page.mjs").is_file():
        raise ValueError(f"the page must go to a new folder or that of an earlier one, got {folder}; name another one.")
    content = page_config(checkpoint)
    with tempfile.TemporaryDirectory(prefix="fer_hub-npm-") as temporary, building(folder) as made:
        modules = _packages(Path(temporary), say)
        for name in OWN:
            shutil.copyfile(SOURCE / name, made / name)
        shutil.copyfile(SOURCE.parent / "page.css", made / "page.css")
        for name, source in VENDORED.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(modules / source, made / name)
        _stop_reports(made / "vendor/mediapipe/vision_bundle.mjs")
        for name in content["detector"]["models"].values():
            shutil.copyfile(FOLDER / name, made / name)
        shutil.copyfile(checkpoint / MODEL_FILE, made / MODEL_FILE)
        (made / "LICENSE").write_bytes(licence())
        write_text(made / "NOTICE", NOTICE)
        content["bytes"] = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        write_json(made / "config.json", content)
    say(f"{folder}: {content['bytes'] / 1e6:.0f} MB, with {checkpoint / MODEL_FILE}")
    return folder


def page_config(checkpoint: Path) -> dict[str, Any]:
    """What the page must know of fer_hub's numbers and of a checkpoint, for its config.json.

    Raises:
        FileNotFoundError: the checkpoint has no model.onnx.
        ValueError: model.onnx does not fit the checkpoint, or needs what the page cannot do.
    """
    network = OnnxClassifier.from_pretrained(checkpoint)
    if network.config.num_channels != 1 or network.metadata["resample"] != "bilinear":
        raise ValueError(
            "the page runs networks for grey images that are resized bilinearly, got one with "
            f"{network.config.num_channels} channels and {network.metadata['resample']}; build it with another one."
        )
    labels = list(network.config.id2label.values())
    return {
        "labels": labels,
        "colours": {label: "#{:02x}{:02x}{:02x}".format(*colour_of(label, labels)) for label in labels},
        "close": CLOSE,
        "measured": facts(checkpoint).title(f"Network {checkpoint.resolve().name}"),
        "framing": {"scale": FER_BOX_SCALE, "raise": FER_CENTRE_RAISE},
        "detector": {
            "models": FILES,
            "least": score.own_score(detector.DEFAULT_MIN_SCORE, "mediapipe"),
            "curve": score.CURVES["mediapipe"],
            "candidate_score": mediapipe_search.CANDIDATE_SCORE,
            "search_size": mediapipe_search.SEARCH_SIZE,
            "parts_from": mediapipe_search.PARTS_FROM,
            "part": mediapipe_search.PART,
            "overlap": mediapipe_search.OVERLAP,
            "close_up": mediapipe_search.CLOSE_UP,
            "look_size": close_look.LOOK_SIZE,
            "look_margin": close_look.LOOK_MARGIN,
            "padding_grey": close_look.PADDING_GREY,
            "disagreement": close_look.DISAGREEMENT,
            "tilted": close_look.TILTED,
        },
    }


def routes() -> list:
    """The routes of the app that serve the page, or say that it is not built."""
    from starlette.responses import HTMLResponse, RedirectResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    async def with_slash(request):
        return RedirectResponse(f"{PLACE}/", 307)  # relative, as a proxy may serve the app under a prefix

    async def not_built(request):
        return HTMLResponse(NOT_BUILT, 404)

    served = (
        Mount(f"/{PLACE}", StaticFiles(directory=place(), html=True))
        if is_built()
        else Route(f"/{PLACE}/{{path:path}}", not_built)
    )
    return [Route(f"/{PLACE}", with_slash), served]


def invitation() -> str:
    """What the tab of the webcam says of it, as Markdown."""
    if is_built():
        return f"[Private mode]({PLACE}/) does the same in your browser alone, and sends nothing."
    return "Private mode, the same in the browser alone, is not built on this server (build: `fer-hub private-page`)."


def _packages(folder: Path, say: Callable[[str], object]) -> Path:
    """node_modules with the packages of the lock file, whose hashes npm checks."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("building the page needs npm, and there is none; install Node.js 18 or newer.")
    names = ("package.json", "package-lock.json")
    for name in names:
        shutil.copyfile(SOURCE / name, folder / name)
    wanted = json.loads((SOURCE / names[0]).read_text(encoding="utf-8"))["dependencies"]
    say(f"npm brings {' and '.join(f'{name} {version}' for name, version in wanted.items())} ...")
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = " ".join(done.stderr.split())[-500:]
        if _UNREACHABLE.search(done.stderr):
            raise ConnectionError(f"building the page needs the package registry of npm, which does not answer: {told}")
        raise OSError(f"npm must bring the packages of the page, but failed: {told}")
    return folder / "node_modules"


def _stop_reports(bundle: Path) -> None:
    text = bundle.read_text(encoding="utf-8")
    if text.count(REPORTS) != 1:
        raise ValueError(
            f"MediaPipe's package must name {REPORTS} once, to which it reports its use, got {text.count(REPORTS)} "
            "times; see where this version reports to, and change REPORTS in fer_hub/web/private_page.py."
        )
    bundle.write_text(text.replace(REPORTS, NOWHERE), encoding="utf-8")
