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
import torch

from fer_hub.model import ARCHITECTURES, FERConfig, FERForImageClassification
from fer_hub.model.configuration_fer import MINIMUM_IMAGE_SIZE

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
    *(("remote", name) for name in (*LAID, IMAGES)),
    *(("channels_last", name) for name in LAID),
]
"""How the classes are had, and what is tested. As remote code they are the same classes from another place, so that a
network of each of their files is enough; `python -m benchmarks.transformers_tests` runs all, in their full width."""

SMALL = "test_model_is_small"

NARROWED = ("wide_cnn", "resnet50", "vgg16")
"""Networks that the harness makes small, so that the library's test of that passes here."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, tiny_checkpoint):
    """Mode → class of tests → test → what came of it. Their package is named `tests` as ours, hence another process."""
    folder = _unpacked()
    if isinstance(folder, str):
        pytest.skip(folder)

    @cache
    def run(mode: str) -> dict[str, dict[str, str]]:
        wanted = {"installed": [], "remote": [*LAID, "image_processor"], "channels_last": ["ResNet", *LAID]}[mode]
        elsewhere = tmp_path_factory.mktemp(mode)  # where fer_hub is not found without PYTHONPATH
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(elsewhere)}
        environment |= {"PYTHONPATH": "" if mode == "remote" else str(ROOT)}
        had = str(tiny_checkpoint) if mode == "remote" else mode
        done = subprocess.run(
            [sys.executable, HERE / "harness.py", "--narrow", folder, had, *wanted], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, cwd=elsewhere, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])["outcomes"]

    return run


def rows() -> list[tuple[str, list[str], bool]]:
    """Of docs/transformers.md: a test that deviates, its classes of tests, and whether as remote code only."""
    text = (ROOT / "docs" / "transformers.md").read_text(encoding="utf-8")
    found = []
    for test, where in re.findall(r"^\| `(test_\w+)` \| ([^|]+) \| [^|]{20,} \|$", text, re.MULTILINE):
        names = ARCHITECTURES if "every network" in where else re.findall(r"`(\w+)`", where)
        names = [IMAGES if name == "FERImageProcessor" else name for name in names]
        found.append((test, names, "as remote code" in where))
    return found


@pytest.fixture(scope="module")
def listed() -> dict[tuple[str, str], set[str]]:
    """Mode and class of tests → tests that deviate by docs/transformers.md."""
    table: dict[tuple[str, str], set[str]] = {}
    for test, names, remote_only in rows():
        for mode, name in CASES:
            small = test == SMALL and name in NARROWED
            if name in names and (mode == "remote" or not remote_only) and not small:
                table.setdefault((mode, name), set()).add(test)
    return table


def _failed(rows: dict[str, str]) -> dict[str, str]:
    return {test: outcome for test, outcome in rows.items() if outcome not in ("passed", "skipped")}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["installed", "channels_last"])
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


def test_the_large_networks_are_those_that_the_docs_list():
    """By the measure of the library's test, which in the harness they are too narrow for."""
    with torch.device("meta"):
        sizes = {
            name: FERForImageClassification(
                FERConfig(architecture=name, image_size=MINIMUM_IMAGE_SIZE.get(name, 16))
            ).num_parameters()
            for name in ARCHITECTURES
            if name != "residual_cnn"  # whose sizes are free
        }
    [names] = [names for test, names, _ in rows() if test == SMALL]
    assert {name for name, size in sizes.items() if size > 1_000_000} == set(names)


def test_the_docs_list_tests_of_classes_that_there_are(listed):
    assert {name for _, name in listed} == {*ARCHITECTURES, IMAGES}
