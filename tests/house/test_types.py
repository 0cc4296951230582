"""What a type checker sees: every public name, one photograph and many, and no error in the public modules."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import fer_hub

ROOT = Path(__file__).resolve().parents[2]

USER = """
from typing import assert_type

import fer_hub
from fer_hub import FacePrediction, FERPipeline, FaceTracker, TrackedFace, draw, load_image
from PIL import Image

pipeline = FERPipeline.from_pretrained()
assert_type(pipeline, FERPipeline)
assert_type(pipeline("a.jpg"), list[FacePrediction])
assert_type(pipeline(["a.jpg", "b.jpg"]), list[list[FacePrediction]])
assert_type(pipeline((load_image("a.jpg"),), min_score=0.5), list[list[FacePrediction]])
assert_type(pipeline("a.jpg")[0].detection_score, float)
assert_type(draw(load_image("a.jpg"), pipeline("a.jpg")), Image.Image)
assert_type(FaceTracker().update(pipeline("a.jpg"), 0.0), list[TrackedFace])
pipeline("a.jpg")[0].probabilities["happy"] = 1.0  # wrong: read-only
fer_hub.FERPipelin  # wrong: no such name
pipeline(3)  # wrong: no photograph
"""


def test_public_modules_have_no_type_error_and_users_see_types(tmp_path):
    """One run for both, as reading the packages costs the most."""
    user = tmp_path / "user.py"
    user.write_text(USER, encoding="utf-8")
    files = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["files"]
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    command += ["--cache-dir", os.environ.get("MYPY_CACHE_DIR", str(tmp_path / "cache")), *files, str(user)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line for line in lines if "user.py" not in line] == []
    wrong = {number for number, line in enumerate(USER.splitlines(), start=1) if "# wrong" in line}
    assert {int(line.split(":")[1]) for line in lines} == wrong, done.stdout


def test_the_names_for_type_checkers_are_those_imported_on_first_use():
    tree = ast.parse((ROOT / "fer_hub" / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == fer_hub._HOMES
    assert (ROOT / "fer_hub" / "py.typed").is_file()
