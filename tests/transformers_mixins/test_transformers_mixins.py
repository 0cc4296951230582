"""transformers' own common tests over every network here; what fails is what docs/transformers.md says, and no more."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from fer_hub.model import ARCHITECTURES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
IMAGES = "FERImageProcessorTests"


def _unpacked():
    spec = importlib.util.spec_from_file_location("unpacking", HERE / "unpacking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.unpacked()


LAID = ("residual_cnn", "scratch_cnn", "mobilenet_v2")
"""Networks that run in channels-last memory too: the two that are trained here from nothing, and one of ImageNet's."""

CASES = [
    *(("installed", name) for name in (*ARCHITECTURES, IMAGES)),
    *(("remote", name) for name in (*ARCHITECTURES, IMAGES)),
    *(("channels_last", name) for name in LAID),
]
"""How the classes are had, and what is tested."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, tiny_checkpoint):
    """Mode → class of tests → test → what came of it. Their package is named `tests` as ours, hence another process."""
    folder = _unpacked()
    if isinstance(folder, str):
        pytest.skip(folder)

    @cache
    def run(mode: str) -> dict[str, dict[str, str]]:
        wanted = ["ResNet", *LAID] if mode == "channels_last" else []
        elsewhere = tmp_path_factory.mktemp(mode)  # where fer_hub is not found without PYTHONPATH
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(elsewhere)}
        environment |= {"PYTHONPATH": "" if mode == "remote" else str(ROOT)}
        had = str(tiny_checkpoint) if mode == "remote" else mode
        done = subprocess.run(
            [sys.executable, HERE / "harness.py", folder, had, *wanted], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, cwd=elsewhere, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])["outcomes"]

    return run


@pytest.fixture(scope="module")
def listed() -> dict[tuple[str, str], set[str]]:
    """Mode and class of tests → tests that deviate by docs/transformers.md."""
    text = (ROOT / "docs" / "transformers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(test_\w+)` \| ([^|]+) \| [^|]{20,} \|$", text, re.MULTILINE)
    table: dict[tuple[str, str], set[str]] = {}
    for test, where in rows:
        names = ARCHITECTURES if "every network" in where else re.findall(r"`(\w+)`", where)
        names = [IMAGES if name == "FERImageProcessor" else name for name in names]
        for mode, name in CASES:
            if name in names and (mode == "remote" or "as remote code" not in where):
                table.setdefault((mode, name), set()).add(test)
    return table


def _failed(rows: dict[str, str]) -> dict[str, str]:
    return {test: outcome for test, outcome in rows.items() if outcome not in ("passed", "skipped")}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["installed", "remote", "channels_last"])
def test_the_control_passes(mode, outcomes):
    """The library's own ResNet in the same harness: else a failure would say nothing."""
    rows = outcomes(mode)["ResNet"]
    assert _failed(rows) == {}
    assert sum(outcome == "passed" for outcome in rows.values()) > 55


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "name"), CASES)
def test_what_deviates_is_what_the_docs_list(mode, name, outcomes, listed):
    rows = outcomes(mode)[name]
    assert _failed(rows).keys() == listed.get((mode, name), set()), _failed(rows)
    assert sum(outcome == "passed" for outcome in rows.values()) > (12 if name == IMAGES else 55)


def test_the_docs_list_tests_of_classes_that_there_are(listed):
    assert {name for _, name in listed} == {*ARCHITECTURES, IMAGES}
