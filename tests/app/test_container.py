"""The Dockerfile's steps, each done without a container engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fer_hub.hub.space_files import requirements
from tests.app.conftest import OFFLINE, ROOT, running


def steps() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and not line.startswith("#")]


def arguments(instruction: str) -> list[str]:
    return [words for name, words in steps() if name == instruction]


def test_it_has_some_fifteen_lines_and_runs_as_nobody_special():
    assert len(steps()) <= 20
    names = [name for name, _ in steps()]
    assert names.index("USER") < names.index("CMD") and arguments("USER") == ["visitor"]
    assert any(re.search(r"useradd .*--uid 1000 visitor", words) for words in arguments("RUN"))


def test_it_installs_the_system_libraries_of_packages_txt():
    [step] = [words for words in arguments("RUN") if "apt-get install" in words]
    assert "< /tmp/packages.txt" in step and "packages.txt /tmp/" in arguments("COPY")


@pytest.mark.skipif(shutil.which("sed") is None, reason="needs sed")
def test_it_installs_what_a_space_installs(tmp_path):
    [step] = [words for words in arguments("RUN") if "pip install" in words]
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    subprocess.run(["sh", "-c", step.partition("&&")[0]], cwd=tmp_path, check=True)
    made = (tmp_path / "requirements.txt").read_text().splitlines()
    assert made == requirements((ROOT / "requirements.txt").read_text(), "onnx").splitlines()


def test_what_it_copies_serves_the_page(tmp_path):
    """Its COPY, ENV, CMD and HEALTHCHECK, in a folder with nothing else."""
    app = tmp_path / "app"
    app.mkdir()
    for words in arguments("COPY"):
        *sources, target = words.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, app / target, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
            elif target == "./":
                shutil.copy(ROOT / source, app / source)
    [command], [settings], [health] = arguments("CMD"), arguments("ENV"), arguments("HEALTHCHECK")
    assert dict(pair.split("=") for pair in settings.split())["GRADIO_SERVER_NAME"] == "0.0.0.0"
    program, *rest = json.loads(command)
    assert program == "python"
    with running(tmp_path / "uploads", *rest, folder=app, PYTHONPATH="", **OFFLINE) as (url, _):
        assert httpx.get(f"{url}healthz").json() == {"status": "ok"}
        asked = json.loads(health.removeprefix("CMD "))[1:]
        asked[-1] = asked[-1].replace("http://127.0.0.1:7860/", url)
        subprocess.run([sys.executable, *asked], check=True, env=dict(os.environ))
    assert not list(Path(tmp_path / "uploads").iterdir())
