"""app.py as a program: its options and its errors."""

import re
import shutil
import socket
import subprocess
import sys

import httpx
import pytest

import start
from fer_hub.web.launch import checkpoints
from tests.app.conftest import OFFLINE, ROOT, running


def launch(*arguments, **variables):
    environment = {name: value for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=ROOT, env=start.os.environ | OFFLINE | environment, text=True,
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_help_names_the_options_of_start_py():
    done = launch("--help")
    options = set(re.findall(r"^ +(--[a-z]+)", done.stdout, re.M))
    assert done.returncode == 0 and options == set(re.findall(r"^ +(--[a-z]+)", start.__doc__, re.M))
    assert options == {"--host", "--port", "--checkpoint", "--share"}


@pytest.mark.parametrize("arguments", [["--prot", "7998"], ["--port", "0"], ["--port", "x"], ["--por", "7998"], ["x"]])
def test_unknown_options_are_refused(arguments):
    done = launch(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and arguments[-1] in done.stderr.splitlines()[-1]


def test_a_missing_checkpoint_is_refused_in_one_sentence(tmp_path):
    nowhere = str(tmp_path / "nowhere")
    for done in (launch(FER_HUB_CHECKPOINT=nowhere), launch("--checkpoint", nowhere)):
        assert done.returncode == 1
        assert done.stderr == (
            f"checkpoint must be a checkpoint folder or a Hub id, got {nowhere!r}; there is no such folder.\n"
        )


def test_the_options_win_over_the_environment(tmp_path, exported_eight):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = launch("--port", port, "--checkpoint", str(exported_eight), GRADIO_SERVER_PORT="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"port {port} must be free, but a program listens there; choose another one."
    nowhere = {"FER_HUB_CHECKPOINT": str(tmp_path)}
    with running(tmp_path / "uploads", "app.py", "--checkpoint", str(exported_eight), **OFFLINE, **nowhere) as (url, _):
        page = httpx.get(url + "config").json()
    model = next(each["props"] for each in page["components"] if each["props"].get("elem_id") == "model")
    assert model["value"] == "eight"


def test_the_network_of_a_training_is_listed_under_its_folder(tiny_checkpoint, tmp_path):
    final = tmp_path / "mine" / "final"
    shutil.copytree(tiny_checkpoint, final)
    assert next(iter(checkpoints(str(final)))) == "mine"
    assert next(iter(checkpoints(str(tiny_checkpoint)))) == tiny_checkpoint.name
