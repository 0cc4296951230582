"""The files that must agree with each other: README, requirements, package, Space, CI."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distribution
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


PYTHONS = r'( ; python_version (<|>=) "3\.\d\d")?'


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


def pinned(*names):
    """The requirements with a version in these files."""
    return [Requirement(line) for name in names for line in requirements(name) if "==" in line]


def version(pin):
    return str(pin.specifier).removeprefix("==")


def pins(python=None):
    """What is installed, on this Python or another, as {canonical name: version}; requirements win over constraints."""
    wanted = pinned("constraints.txt", "requirements.txt", "requirements-dev.txt")
    return {canonicalize_name(pin.name): version(pin) for pin in wanted if applies(pin, python)}


def applies(wanted, python=None, extras=()):
    """Whether a requirement is one on this Python, or another, with some extras of the package."""
    other = {"python_version": python} if python else {}
    return not wanted.marker or any(wanted.marker.evaluate({"extra": extra, **other}) for extra in ("", *extras))


def ranges():
    """All requirements of the package and its extras."""
    texts = itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    return [each for each in map(Requirement, texts) if each.name != "fer_hub"]


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
    assert PROJECT["requires-python"] == ">={}.{},<{}.{}".format(*start.NEEDED, *start.BELOW)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_exact_and_name_no_place(name):
    lines = requirements(name)
    if name == "requirements-dev.txt":
        assert lines.pop(0) == "-r requirements.txt"
    assert [line for line in lines if not re.fullmatch(rf"[A-Za-z0-9-]+==[0-9.]+{PYTHONS}", line)] == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_pins_fall_into_the_ranges_of_the_package(python):
    found = pins(python)
    outside = {str(each) for each in ranges() if applies(each, python)
               and found[canonicalize_name(each.name)] not in each.specifier}  # fmt: skip
    assert not outside


def test_what_may_break_at_a_new_major_version_has_an_upper_bound():
    texts = itertools.chain(PROJECT["dependencies"], *list(PROJECT["optional-dependencies"].values())[:-1])
    wide = [each for each in map(Requirement, texts) if each.name not in ("fer_hub", "pyarrow")]
    assert [str(each) for each in wide if "<" not in str(each.specifier)] == []


def test_constraints_hold_all_that_the_requirements_bring():
    """In the environment of this run: what is installed is what constraints.txt says, and nothing is left out."""
    held = {canonicalize_name(pin.name): pin.specifier for pin in pinned("constraints.txt") if applies(pin)}
    seen, left = set(), [pin for pin in pinned("requirements.txt", "requirements-dev.txt") if applies(pin)]
    while left:
        wanted = left.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in held, f"{wanted} is not in constraints.txt; make that file anew, as its first lines tell"
        found = distribution(wanted.name)
        assert found.version in held[key[0]], f"{wanted.name} {found.version} is not that of constraints.txt"
        left += [each for each in map(Requirement, found.requires or ()) if applies(each, extras=wanted.extras)]
    assert len(seen) > 100


def test_versions_agree():
    newest = re.search(r"^## \[(.+?)\] - (unreleased|\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE)
    assert newest[1] == fer_hub.__version__
    citation = yaml.safe_load(read("CITATION.cff"))
    assert (str(citation["version"]), citation["license"]) == (fer_hub.__version__, PROJECT["license"])


def test_workflow_runs_the_second_command_on_every_supported_python():
    job = yaml.safe_load(read(".github/workflows/tests.yml"))["jobs"]["pinned"]
    assert {"run": "python start.py test"} in job["steps"]
    low, high = start.NEEDED[1], start.BELOW[1]
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(low, high)]


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_issue_forms_ask_for_something(name):
    """The parts that the hosting site demands of a form; without them it shows none."""
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= form.keys()
    asked = [part for part in form["body"] if part["type"] == "textarea"]
    assert asked and all(part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)


def test_notice_names_what_others_made():
    for file in [*(ROOT / "fer_hub/assets").rglob("*.t*f*"), *(ROOT / "examples").glob("*.jpg")]:
        assert file.relative_to(ROOT).as_posix() in read("NOTICE")


def test_package_is_built_whole_and_without_importing_it(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "fer_hub", source / "fer_hub", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in ("checkpoints", "examples"):
        shutil.copytree(ROOT / name, source / name)
    files = {path.relative_to(source).as_posix() for path in source.glob("fer_hub/**/*") if path.is_file()}
    with open(source / "fer_hub/__init__.py", "a", encoding="utf-8") as module:
        module.write("\nraise ImportError('the build must read the version without importing the package')\n")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*command, "-w", tmp_path, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / f"fer_hub-{fer_hub.__version__}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        wheel.extractall(tmp_path / "site")
    brought = {name for name in names if name.startswith("fer_hub/shipped/")}
    assert {name for name in names if name.startswith("fer_hub/")} - brought == files
    assert {"examples/astronaut.jpg", "checkpoints/photographs/model.safetensors"} <= {name[16:] for name in brought}
    licences = f"fer_hub-{fer_hub.__version__}.dist-info/licenses/"
    assert {licences + "LICENSE", licences + "NOTICE"} <= names
    scripts = (tmp_path / "site" / f"fer_hub-{fer_hub.__version__}.dist-info/entry_points.txt").read_text()
    assert scripts == "[console_scripts]\nfer-hub = fer_hub.commands:main\n"
    # and from the wheel alone, in a folder with nothing else, the checkpoint loads and the app knows its files
    shutil.copy(ROOT / "fer_hub/__init__.py", tmp_path / "site/fer_hub")
    code = (
        "from fer_hub import FERPipeline, __file__; from fer_hub.web.launch import checkpoints, example_photographs\n"
        "with FERPipeline.from_pretrained() as pipeline: print(len(pipeline.model.config.id2label))\n"
        "import fer_hub.web.page\n"
        "print(__file__, *checkpoints(), len(example_photographs()), sep='\\n')"
    )
    environment = {name: os.environ[name] for name in os.environ if name != "FER_HUB_CHECKPOINT"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["8", str(tmp_path / "site/fer_hub/__init__.py"), "photographs", "7"], done.stderr
    after = {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site/fer_hub").rglob("*.*")}
    assert {name for name in after if "__pycache__" not in name} <= names  # gradio would write a stub beside its source


def test_sdist_holds_all_that_the_tests_need(tmp_path):
    source = tmp_path / "source"
    ignored = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "*.pyi", "*.egg-info", "runs", "build")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*ignored))
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(tmp_path / f"fer_hub-{fer_hub.__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files - names == {".gitignore"}


def test_code_passes_ruff():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_folders_of_checkpoints_are_written_so_that_no_hub_id_can_be_meant(page):
    """Typed from another folder, `checkpoints/fer2013` would name a repository on the Hub, and whoever owns it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", read(page), re.M | re.S)
    bare = [line for block in blocks for line in block.splitlines() if re.search(r"(?<![\w./])checkpoints/\w+", line)]
    assert not bare
