"""MediaPipe's library reports nothing to its makers."""

import os
import subprocess
import sys

from fer_hub.detection.reports import VARIABLE

CLOSES = """
import os, sys, time
from PIL import Image
from fer_hub.detection.blazeface import BlazeFace
detector = BlazeFace("short_range", 0.5)
detector.find(Image.new("RGB", (64, 64)))
detector.close()
until = time.monotonic() + 60
while not os.path.exists(sys.argv[1]) and time.monotonic() < until:
    time.sleep(0.05)
"""
"""A detector that is closed, at which MediaPipe reports; the process goes on until one of two has looked up a host."""


def test_a_closed_detector_reports_nothing(recorder):
    quiet, reporting = recorder("quiet"), recorder("reporting")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLOSES, reporting.notes], env=os.environ | each.variables | {VARIABLE: allowed}
        )
        for each, allowed in ((quiet, ""), (reporting, "1"))
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert reporting.foreign() == {"play.googleapis.com"}, "the recorder must see what MediaPipe looks up"
    assert quiet.foreign() == set()
