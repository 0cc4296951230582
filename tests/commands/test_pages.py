"""What pages show of the house: the help of the commands, the drawing of the layers, the table of where changes go."""

import re
from pathlib import Path

import pytest

from docs.house import layers_drawing
from docs.make import pages
from tests.house.import_graph import LAYERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["docs/commands.md", "CONTRIBUTING.md"])
def test_the_page_is_that_of_the_code(name):
    """Remake with: python docs/make.py --texts"""
    assert (ROOT / name).read_text(encoding="utf-8") == pages()[name]


def test_the_drawing_shows_every_room_and_leaves_out_what_a_longer_way_says():
    layers = (("p.low", "p.other"), ("p.mid",), ("p.top",))
    graph = {"p.top": {"p.mid", "p.low", "p.other"}, "p.mid": {"p.low"}}
    lines = layers_drawing(layers, graph, dict.fromkeys(["p.low", "p.other", "p.mid", "p.top"], "about"))
    arrows = [line.strip() for line in lines.splitlines() if "-->" in line]
    assert arrows == ["top --> other", "top --> mid", "mid --> low"]
    assert lines.index('top["') < lines.index('mid["') < lines.index('low["')


def test_the_house_is_drawn_whole():
    drawn = set(re.findall(r'^        (\w+)\["', (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert drawn == {room.rpartition(".")[2] for rooms in LAYERS for room in rooms} - {"fer_hub"}


def test_changes_have_a_place_that_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", text.partition("## Where a change goes")[2], re.MULTILINE)[1:]
    assert [row[0] for row in rows] == [
        *("architecture", "label set", "detector", "framing", "endpoint", "CSV column", "augmentation", "metric"),
        *("command", "page text", "export format", "checkpoint", "image format", "data set", "dependency"),
    ]
    for row in rows:
        names = re.findall(r"`([^`]+)`", " ".join(row[1:]))
        paths = [name for name in names if "/" in name or name.endswith((".md", ".py", ".toml", ".txt"))]
        paths = [name.rpartition(" ")[2] if "docs/make.py --" not in name else "docs/make.py" for name in paths]
        assert paths and [name for name in paths if not any(ROOT.glob(name.rstrip("/")))] == [], row[0]
        for constant in re.findall(r"`([A-Z_]{5,})` in `([\w/.]+)`", " ".join(row[1:])):
            code = (ROOT / constant[1]).read_text(encoding="utf-8")
            assert re.search(rf"^{constant[0]}(: .+)? = ", code, re.MULTILINE), constant
