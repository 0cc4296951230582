"""Every test that docs/other_machines.md names is there."""

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
