"""A system without MediaPipe's graphics libraries: one sentence that says what to install."""

import os
import subprocess
import sys

import pytest

from fer_hub.detection.blazeface import SYSTEM_PACKAGES
from tests.app.conftest import ROOT

ASK = """
from PIL import Image
from fer_hub.detection.detector import FaceDetector
try:
    FaceDetector("short_range").detect(Image.new("RGB", (64, 64)))
except OSError as error:
    print(error)
"""


@pytest.fixture
def without_libraries(tmp_path):
    """An environment in which MediaPipe fails as it does where there is no libGL."""
    (tmp_path / "mediapipe").mkdir()
    lacks = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "mediapipe" / "__init__.py").write_text(f"raise ImportError({lacks!r})\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def test_a_detector_says_what_to_install(without_libraries):
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=without_libraries)
    assert done.stdout == (
        "MediaPipe must find the graphics libraries of the system, but one is missing (libGL.so.1: cannot open shared "
        "object file: No such file or directory); install them, on Debian and Ubuntu with: apt-get install libegl1 "
        "libgles2 libgl1 libglib2.0-0.\n"
    ), done.stderr


def test_photographs_are_searched_without_mediapipe(without_libraries):
    code = """
from fer_hub import FaceDetector, load_image
print(len(FaceDetector().detect(load_image("examples/astronaut.jpg"))))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=without_libraries)
    assert done.stdout == "1\n", done.stderr


def test_the_packages_are_those_that_a_space_installs():
    assert SYSTEM_PACKAGES.split() == (ROOT / "packages.txt").read_text().split()


def test_the_app_does_not_start(without_libraries):
    """Else the page would be there and every request would fail."""
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, capture_output=True, text=True, env=without_libraries,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1 and "apt-get install libegl1" in done.stderr
    assert "Traceback" not in done.stderr and "Running on" not in done.stdout


def test_a_notebook_s_variable_does_not_stop_the_detector():
    """MediaPipe imports pyplot, which Jupyter's MPLBACKEND breaks wherever its package is missing."""
    done = subprocess.run(
        [sys.executable, "-c", ASK + "print('searched')"], capture_output=True, text=True,
        env={**os.environ, "MPLBACKEND": "module://no_such_notebook.backend", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "searched\n", done.stderr
