"""transformers' own common tests over every network here; what fails is what docs/transformers.md says, and no more."""

import importlib.util
import json
import os
import re
import subprocess
import sys
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


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, dict[str, str]]:
    """Class of tests → test → what came of it. Their package is named `tests` as ours, hence another interpreter."""
    folder = _unpacked()
    if isinstance(folder, str):
        pytest.skip(folder)
    done = subprocess.run(
        [sys.executable, HERE / "harness.py", folder], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        cwd=tmp_path_factory.mktemp("mixins"), env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])["outcomes"]


@pytest.fixture(scope="module")
def listed() -> dict[str, set[str]]:
    """Class of tests → tests that deviate by docs/transformers.md."""
    text = (ROOT / "docs" / "transformers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(test_\w+)` \| ([^|]+) \| [^|]{20,} \|$", text, re.MULTILINE)
    table: dict[str, set[str]] = {}
    for test, where in rows:
        names = ARCHITECTURES if where.strip() == "every network" else re.findall(r"`(\w+)`", where)
        for name in names:
            table.setdefault(IMAGES if name == "FERImageProcessor" else name, set()).add(test)
    return table


def _failed(rows: dict[str, str]) -> dict[str, str]:
    return {test: outcome for test, outcome in rows.items() if outcome not in ("passed", "skipped")}


@pytest.mark.slow
def test_the_control_passes(outcomes):
    """The library's own ResNet in the same harness: else a failure would say nothing."""
    assert _failed(outcomes["ResNet"]) == {}
    assert sum(outcome == "passed" for outcome in outcomes["ResNet"].values()) > 55


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ARCHITECTURES, IMAGES])
def test_what_deviates_is_what_the_docs_list(name, outcomes, listed):
    failed = _failed(outcomes[name])
    assert failed.keys() == listed.get(name, set()), failed
    assert sum(outcome == "passed" for outcome in outcomes[name].values()) > (15 if name == IMAGES else 55)


def test_the_docs_list_tests_of_classes_that_there_are(listed):
    assert listed and listed.keys() <= {*ARCHITECTURES, IMAGES}
