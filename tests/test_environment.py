"""A process in odd surroundings: a terminal without letters, a token that cannot be sent, folders with odd names."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fer_hub.environment import NUMBERS, check_numbers, is_full

ROOT = Path(__file__).resolve().parent.parent

PRINT = """
from fer_hub.environment import print_every_letter
print_every_letter()
print("\\U0001f528 사진 ü")
"""

TOKEN = """
import sys
from huggingface_hub import HfApi
from fer_hub import FERPipeline, load_fer2013
from fer_hub.hub import publish_model
from fer_hub.training.pretrained import load_backbone
from fer_hub import FERConfig, FERForImageClassification
for what in (
    lambda: FERPipeline.from_pretrained("somebody/fer"),
    lambda: load_fer2013("somebody/faces"),
    lambda: publish_model(sys.argv[1], "somebody/fer", dry_run=True),
    lambda: load_backbone(FERForImageClassification(FERConfig(architecture="mobilenet_v2")), "somebody/backbone"),
):
    try:
        what()
    except Exception as error:
        print(type(error).__name__, error, sep=": ")
"""


def test_an_output_without_the_letters_takes_every_text():
    """As Windows gives it to a process whose output is redirected."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT], capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("cp1252").strip() == r"\U0001f528 \uc0ac\uc9c4 ü"


def test_a_token_with_an_invisible_letter_is_named(shipped_checkpoint, tmp_path, python):
    variables = {"HF_TOKEN": "hf_\u200babcdefgh", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path), **variables}
    done = python(["-c", TOKEN, shipped_checkpoint], ROOT, environment)
    said = (
        "ValueError: HF_TOKEN must be an access token of letters, digits and _ only, but its character 4 of 12 is "
        "U+200B; copy the token again, without anything around it."
    )
    assert done.stdout.splitlines() == [said] * 4, done.stdout + done.stderr


@pytest.mark.parametrize("name", NUMBERS)
def test_a_variable_that_is_no_number_is_named(name, monkeypatch):
    for each in NUMBERS:
        monkeypatch.delenv(each, raising=False)
    check_numbers()
    monkeypatch.setenv(name, " 12 ")
    check_numbers()
    monkeypatch.setenv(name, "tcp://10.0.0.7:80")  # as Kubernetes does for a service of that name
    with pytest.raises(ValueError) as caught:
        check_numbers()
    assert str(caught.value) == (
        f"{name} must be a whole number, got 'tcp://10.0.0.7:80'; correct the variable, or unset it."
    )


def test_a_command_says_so_before_it_begins():
    done = subprocess.run(
        [sys.executable, "-m", "fer_hub", "--version"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_SERVER_PORT": "x"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "error: GRADIO_SERVER_PORT must be a whole number, got 'x'; correct the variable, or unset it.\n"
    )


def test_a_full_disk_is_known_in_anybodys_words():
    import torch

    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, the device of Linux that has no room")
    with pytest.raises(OSError, match="No space") as caught, open("/dev/full", "w") as file:
        file.write("x" * 100_000)
    assert is_full(caught.value)
    with pytest.raises(RuntimeError) as caught:
        torch.save(torch.zeros(100_000), "/dev/full")
    assert is_full(caught.value)
    # safetensors would put a file in the place of the device; tests/training/test_small_disks.py fills a small disk


STRANGER = """
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && ulimit -n 128 && cd "$0" &&
exec unshare --map-user=54321 --map-group=54321 "$@"
"""


@pytest.mark.slow
def test_a_stranger_with_nothing_of_his_own_predicts(tmp_path):
    """A user without an entry in passwd, HOME or AVX, whose project is read-only, with few files and odd names."""
    stranger = ["unshare", "--map-root-user", "--mount", "sh", "-c", STRANGER, str(ROOT)]
    if shutil.which("unshare") is None or subprocess.run([*stranger, "true"], capture_output=True).returncode:
        pytest.skip("needs unshare of util-linux, and the right to be another user")
    folder = tmp_path / "Meine Fotos ü #1 100%20"
    folder.mkdir()
    shutil.copy(ROOT / "examples" / "astronaut.jpg", folder / "Gesicht ß (1) #2%20.jpg")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._Gesicht.jpg"):
        (folder / name).write_bytes(b"\0\0\0\1Bud1")
    variables = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F", "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41", "OPENCV_CPU_DISABLE": "AVX,AVX2,AVX512F",
    }  # fmt: skip
    predict = [sys.executable, "-m", "fer_hub", "predict", str(folder), "--quiet", "--format", "jsonl"]
    done = subprocess.run([*stranger, *predict], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [row] = [json.loads(line) for line in done.stdout.splitlines()]
    assert row["emotion"] == "happy" and Path(row["path"]).name == "Gesicht ß (1) #2%20.jpg"
