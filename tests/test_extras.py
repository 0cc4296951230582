"""Missing optional packages are named, with the extra that installs them."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("fer_hub.data", "datasets", "train"),
        ("fer_hub.evaluation.metrics", "sklearn", "train"),
        ("fer_hub.training.main", "accelerate", "train"),
        ("fer_hub.video.reader", "av", "video"),
    ],
)
def test_a_missing_extra_is_named(module, package, extra):
    code = f"import sys; sys.modules[{package!r}] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    sentence = f'{package} must be installed for this; run pip install ".[{extra}]" in a clone of fer_hub.'
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {sentence}"


def test_the_app_without_its_extra_is_one_sentence():
    code = "import sys; sys.modules['gradio'] = None; from fer_hub.web.launch import main; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'gradio must be installed for this; run pip install ".[app]" in a clone of fer_hub.\n'


def test_tracking_does_not_need_the_extra_for_video_files():
    code = "import sys; sys.modules['av'] = None; import fer_hub; fer_hub.FaceTracker()"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).returncode == 0
