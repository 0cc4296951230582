"""The examples of docs/api.md, each as it stands there, against the running app; README.md's is in test_readme.py."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def example(language, url):
    """The code block of a language, with the address of the running app."""
    [code] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)
    assert "http://127.0.0.1:7860" in code
    return code.replace("http://127.0.0.1:7860", url.rstrip("/"))


def run(command, **options):
    done = subprocess.run(command, cwd=options.pop("cwd", ROOT), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python(app_url):
    output = run([sys.executable, "-c", example("python", app_url)])
    assert output.splitlines()[-2].startswith("happy {'xmin': ") and output.splitlines()[-1] == "[1, 1]"


def test_curl(app_url):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    event, told = run(["bash", "-euc", example("bash", app_url)]).strip().split("\n")[-2:]
    assert event == "event: complete"
    assert json.loads(told.removeprefix("data: "))[0]["faces"][0]["emotion"] == "happy"


def test_javascript(app_url, tmp_path):
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("needs Node and npm")
    [package] = set(re.findall(r"`npm install (\S+)`", TEXT))
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(tmp_path / "cache")]
    installed = subprocess.run(["npm", "install", *options, package], cwd=tmp_path, capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {package}: {installed.stderr.strip().splitlines()[-1]}")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("onnx_web"))
    (tmp_path / "example.mjs").write_text(example("javascript", app_url), encoding="utf-8")
    output = run(["node", "example.mjs"], cwd=tmp_path, env=os.environ | {"NO_COLOR": "1"}, timeout=120)
    assert output.startswith("happy { xmin: ")


def test_the_limits_are_those_of_the_app():
    from fer_hub import fetching
    from fer_hub.web import gate, page, uploads, video_job
    from fer_hub.web.fetching import FETCH_SECONDS

    for part in (
        f"{uploads.MAX_PHOTO_BYTES // 10**6} MB and {uploads.MAX_PIXELS // 10**6} million pixels",
        f"{uploads.MAX_VIDEO_BYTES // 10**6} MB, {video_job.MAX_SECONDS / 60:.0f} minutes",
        f"at most {fetching.MAX_REDIRECTS} redirects, {FETCH_SECONDS:.0f} seconds",
        f"{gate.MAX_QUEUE}; unfinished ones of each client {gate.MAX_PER_CLIENT} |",
        f"deleted when they are {page.KEEP_SECONDS // 60} minutes old",
    ):
        assert part in TEXT
