"""The site of guides and Python API is built without a warning, and its page of networks is that of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import fer_hub
from docs import networks
from docs.site_links import without_outside_links
from fer_hub.model import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    """Every docstring is read, every link leads somewhere; nothing is written into the repository."""
    before = sorted(path for path in (ROOT / "docs").rglob("*") if "__pycache__" not in path.parts)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    settings = {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path for path in (ROOT / "docs").rglob("*") if "__pycache__" not in path.parts) == before
    assert not (ROOT / "site").exists()
    pages = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("index.html")}
    together = "\n".join(pages.values())
    for name in set(fer_hub.__all__) - {"__version__", "EMOTIONS"}:
        assert re.search(rf'<h2 id="fer_hub\.[\w.]*\.{name}"', together), f"{name} is not in docs/reference"
    assert "Example:" not in together and "&gt;&gt;&gt;" in together  # examples are code
    assert not re.search(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', together)  # all files are its own
    assert 'src="resnet50.svg"' in pages[tmp_path / "site/reference/networks/index.html"]


def test_every_guide_is_in_the_menu():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    named = {page for part in menu for page in ([part] if isinstance(part, str) else next(iter(part.values())))}
    assert named == {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}


def test_the_networks_are_drawn_as_they_are():
    """Remake with: python docs/networks.py"""
    made = networks.files()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}; run: python docs/networks.py"
    assert {path.stem for path in made if path.suffix == ".svg"} == set(ARCHITECTURES)
    assert set((ROOT / "docs/reference/networks").iterdir()) == {path for path in made if path.suffix == ".svg"}


def test_links_out_of_the_docs_become_names():
    text = "[x](../results/a.json), [b](reference/b.md#c), ![p](annotated.jpg), [w](https://a.b/../c)"
    assert without_outside_links(text, "page.md") == text.replace("[x](../results/a.json)", "x (`results/a.json`)")
    assert without_outside_links("[guide](../training.md)", "reference/data.md") == "[guide](../training.md)"
