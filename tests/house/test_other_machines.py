"""docs/other_machines.md names tests that there are, and docs/operators.md every environment variable of ours."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ROWS = [
    line for line in (ROOT / "docs" / "other_machines.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| where", "| looked at"))
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_a_test_that_there_is(row):
    [(file, name)] = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), row


def test_every_variable_of_ours_is_explained():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "fer_hub").rglob("*.py"))
    table = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8").partition("## Environment variables")[2]
    explained = set(re.findall(r"`(FER_HUB_[A-Z_]+)`", table.partition("\n## ")[0]))
    assert set(re.findall(r"FER_HUB_[A-Z_]+", code)) == explained
