"""The files that must agree with each other: README, requirements, package, Space, CI."""

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import fer_hub
import start

ROOT = Path(start.__file__).resolve().parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def readme():
    """The README's front matter as a dict, and the text below it."""
    _, front, text = re.split(r"^---\n", read("README.md"), maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(front), text


def requirements(name):
    """The requirements of a file without its comments, its own lines only."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in read(name).splitlines())
    return [line for line in lines if line]


def pins():
    """All pins of both files, as {canonical name: version}."""
    lines = requirements("requirements.txt") + requirements("requirements-dev.txt")
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pairs}


def ranges():
    """All requirements of the package and its extras; tqdm has no pin of its own, transformers brings it."""
    texts = itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    return [each for each in map(Requirement, texts) if each.name not in ("fer_hub", "tqdm")]


def commands():
    """The lines with start.py in the code blocks of the README's first screen (40 lines)."""
    first_screen = "\n".join(readme()[1].strip().splitlines()[:40])
    blocks = re.findall(r"^```.*?\n(.*?)^```", first_screen, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "start.py" in line]
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines]


def test_readme_has_the_two_commands_on_its_first_screen():
    assert commands() == ["python3 start.py", "python3 start.py test"]


def test_ci_runs_the_second_command_and_no_other_set_up():
    script = [line.strip() for line in read(".ci/run").splitlines() if not line.lstrip().startswith("#")]
    assert commands()[1] in script
    assert not any(re.search(r"\b(pip|apt-get|venv|pytest)\b", line) for line in script)


def test_ci_is_executable_bash():
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", ROOT / ".ci/run"]).returncode == 0


def test_space_runs_the_pinned_gradio_on_an_app_that_is_there():
    front, _ = readme()
    assert front["sdk"] == "gradio"
    assert str(front["sdk_version"]) == pins()["gradio"]
    assert (ROOT / front["app_file"]).is_file()
    assert str(front["python_version"]) in SpecifierSet(PROJECT["requires-python"])
    assert front["license"] == PROJECT["license"].lower()


def test_start_and_space_install_the_same_system_packages():
    assert read("packages.txt").split() == list(start.SYSTEM_LIBRARIES)


def test_start_and_package_need_the_same_python():
    assert PROJECT["requires-python"] == ">={}.{}".format(*start.NEEDED)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_exact_and_name_no_place(name):
    lines = requirements(name)
    if name == "requirements-dev.txt":
        assert lines.pop(0) == "-r requirements.txt"
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", line)] == []


@pytest.mark.parametrize("requirement", ranges(), ids=str)
def test_pins_fall_into_the_ranges_of_the_package(requirement):
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def test_versions_agree():
    newest = re.search(r"^## \[(.+?)\] - (unreleased|\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE)
    assert newest[1] == fer_hub.__version__


def test_notice_names_what_others_made():
    for file in [*(ROOT / "fer_hub/assets").rglob("*.tflite"), *(ROOT / "examples").glob("*.jpg")]:
        assert file.relative_to(ROOT).as_posix() in read("NOTICE")


def test_package_is_built_whole_and_without_importing_it(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "fer_hub", source / "fer_hub", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    files = {path.relative_to(source).as_posix() for path in source.glob("fer_hub/**/*") if path.is_file()}
    with open(source / "fer_hub/__init__.py", "a", encoding="utf-8") as module:
        module.write("\nraise ImportError('the build must read the version without importing the package')\n")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*command, "-w", tmp_path, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / f"fer_hub-{fer_hub.__version__}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    assert {name for name in names if name.startswith("fer_hub/")} == files
    licences = f"fer_hub-{fer_hub.__version__}.dist-info/licenses/"
    assert {licences + "LICENSE", licences + "NOTICE"} <= names


def test_code_passes_ruff():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
