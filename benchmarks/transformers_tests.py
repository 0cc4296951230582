"""How many of transformers' own tests pass, fail and are skipped, for every network and way to have its class.

    python -m benchmarks.transformers_tests
    python -m benchmarks.transformers_tests --only before --code path/to/an/earlier/clone

Writes results/transformers_tests.json after every network. The tests come from transformers' source distribution, as in
tests/transformers_mixins.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import transformers

from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.files import read_json, write_json
from fer_hub.model import ARCHITECTURES

ROOT = Path(__file__).resolve().parent.parent
MIXINS = ROOT / "tests" / "transformers_mixins"
OUTPUT = ROOT / "results" / "transformers_tests.json"
WAYS = ("before", "installed", "remote", "channels_last")
"""`before` is the code of `--code`; the others are modes of tests/transformers_mixins/harness.py."""

NAMES = ("ResNet", *ARCHITECTURES, "image_processor")


def tests_folder() -> Path:
    """The unpacked tests of the installed transformers."""
    spec = importlib.util.spec_from_file_location("unpacking", MIXINS / "unpacking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = module.unpacked()
    if isinstance(folder, str):
        raise SystemExit(folder)
    return folder


def count(outcomes: dict[str, str]) -> dict[str, int]:
    """Outcomes of tests → how many passed, failed and were skipped.

    Example:
        >>> count({"test_a": "passed", "test_b": "ValueError: no", "test_c": "skipped", "test_d": "passed"})
        {'passed': 2, 'failed': 1, 'skipped': 1}
    """
    kinds = Counter(outcome if outcome in ("passed", "skipped") else "failed" for outcome in outcomes.values())
    return {kind: kinds[kind] for kind in ("passed", "failed", "skipped")}


def run(way: str, name: str, code: Path, checkpoint: Path) -> dict[str, int]:
    """`count` of the tests of one network."""
    mode = {"before": "installed", "remote": str(checkpoint)}.get(way, way)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": "" if way == "remote" else str(code)}
    done = subprocess.run(
        [sys.executable, MIXINS / "harness.py", tests_folder(), mode, name], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=checkpoint.parent, env=environment, check=True,
    )  # fmt: skip
    [outcomes] = json.loads(done.stdout.splitlines()[-1])["outcomes"].values()
    return count(outcomes)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=WAYS[1:], help="ways to have the classes")
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES, help="what is tested")
    parser.add_argument("--code", type=Path, default=ROOT, help="clone with the code for `before`")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint"
        config = FERConfig(embedding_size=16, hidden_sizes=(16, 16), depths=(1, 1))
        FERForImageClassification(config).save_pretrained(checkpoint)
        FERImageProcessor().save_pretrained(checkpoint)
        for way in options.only:
            for name in options.names:
                code = options.code.resolve() if way == "before" else ROOT
                found = run(way, name, code, checkpoint)
                result = read_json(OUTPUT)
                result["transformers"] = transformers.__version__
                result.setdefault("ways", {}).setdefault(way, {})[name] = found
                write_json(OUTPUT, result)
                print(way, name, found, flush=True)


if __name__ == "__main__":
    main()
