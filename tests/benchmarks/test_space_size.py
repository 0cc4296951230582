"""The sizes of a Space in docs/operators.md are those that were measured."""

from pathlib import Path

from benchmarks.space_size import brought, megabytes
from fer_hub.files import read_json

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_states_what_was_measured():
    sizes = read_json(ROOT / "results" / "space_size.json")
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    for runtime in ("onnx", "cpu"):
        assert f"{sizes[runtime]['megabytes']:,} MB" in text
    assert sizes["onnx"]["megabytes"] < sizes["cpu"]["megabytes"]


def test_packages_bring_their_own_requirements():
    names = brought(["# a comment", "--extra-index-url https://example.org", "huggingface-hub  # the Hub"])
    assert {"huggingface-hub", "filelock", "tqdm"} <= names and "torch" not in names
    assert megabytes(names) > 1
