"""start.py: its decisions, and real runs on a copy of it that has nothing to install and needs no network."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import start

SOURCE = Path(start.__file__)
posix = pytest.mark.skipif(os.name == "nt", reason="needs named pipes, signals and file locks of POSIX")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for system libraries of Linux")
UP_TO_DATE = "\n      up to date\n"
APP = """import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "prefix": sys.prefix, "folder": os.getcwd(),
                  "path": os.environ.get("PYTHONPATH")}))
sys.exit(7 if "7861" in sys.argv else 0)
"""


# ---- decisions


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_a_python_too_old_or_too_new_is_told_what_to_do(version):
    assert start.python_problem((*version, "final", 0)) == (
        f"fer_hub needs Python 3.11 to 3.14, but this is Python {'.'.join(map(str, version))}; install one of "
        "these and start with it by name, for example: python3.12 start.py"
    )


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2)])
def test_a_python_in_the_range_will_do(version):
    assert start.python_problem(version) is None


def test_an_old_python_gets_as_far_as_the_message():
    body = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 6)).body
    guard = next(i for i, node in enumerate(body) if isinstance(node, ast.If))
    assert "python_problem" in ast.dump(body[guard].test)
    for node in body[:guard]:  # an old Python runs this and evaluates the annotations, so they must be plain
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        if isinstance(node, ast.FunctionDef):
            annotations = [node.returns, *(argument.annotation for argument in node.args.args)]
            assert all(isinstance(each, ast.Name | ast.Constant) for each in annotations)


@linux
def test_missing_libraries_are_those_that_cannot_be_loaded():
    libraries = {"libc6": "libc.so.6", "libnone": "libnone.so.9"}
    assert start.missing_libraries(libraries) == {"libnone": "libnone.so.9"}


def test_fingerprints_follow_included_files(tmp_path):
    (tmp_path / "base.txt").write_text("numpy==2.4.6\n")
    (tmp_path / "dev.txt").write_text("-r base.txt\npytest==9.2.0\n")
    before = start.fingerprints(tmp_path / "dev.txt")
    assert before.keys() == {"base.txt", "dev.txt"}
    assert start.fingerprints(tmp_path / "base.txt").items() <= before.items()
    (tmp_path / "base.txt").write_text("numpy==2.4.7\n")
    after = start.fingerprints(tmp_path / "dev.txt")
    assert all(before[name] != after[name] for name in before)


def test_stamp_says_what_is_installed_or_that_nothing_is_finished(tmp_path):
    assert start.read_stamp(tmp_path) is None
    installed = {"requirements.txt": "abc"}
    start.write_stamp(tmp_path, installed)
    assert start.read_stamp(tmp_path) == {"python": start.python_version(), "installed": installed}
    for spoilt in ("", "[]", '{"python": "CPython 3.11"}', '{"python": "x", "installed": 3}'):
        (tmp_path / start.STAMP).write_text(spoilt)
        assert start.read_stamp(tmp_path) == {"python": "", "installed": {}}
    assert start.finished(tmp_path) == {}


def test_unknown_command_is_refused():
    with pytest.raises(start.SetupError) as caught:
        start.main(["tests"])
    assert str(caught.value) == "start.py has no command 'tests'; see: python3 start.py --help"
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fail"], "unrecognized arguments: --fail"),
        (["--por", "7998"], "unrecognized arguments: --por 7998"),
        (["--port"], "argument --port: expected one argument"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
    ],
)
def test_options_that_the_app_does_not_have_are_refused_before_any_set_up(arguments, sentence, capsys):
    with pytest.raises(start.SetupError) as caught:
        start.main(arguments)
    assert (str(caught.value), caught.value.code) == (f"{sentence}; see: python3 start.py --help", 2)
    assert capsys.readouterr() == ("", "")


def test_the_apps_options_are_handed_on_with_the_checkpoint_as_seen_from_here(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    given = ["--share", "--checkpoint", "mine", "--host", "0.0.0.0", "--port", "7998"]
    handed = ["--host", "0.0.0.0", "--port", "7998", "--checkpoint", str(tmp_path / "mine"), "--share"]
    assert start.app_arguments(given) == handed
    assert start.app_arguments(["--checkpoint", "owner/name"]) == ["--checkpoint", "owner/name"]
    assert start.app_arguments([]) == []


def test_help_is_the_docstring(capsys):
    assert start.main(["--help"]) == 0
    assert capsys.readouterr().out == start.__doc__.strip() + "\n"


# ---- system packages, with an apt-get that obeys but cannot reach anything


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that is all of PATH; returns a function that puts a shell script there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("env", "chmod"):
        (folder / name).symlink_to(shutil.which(name))

    def add(name, script="exit 0"):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(start, "SYSTEM_LIBRARIES", {"libc6": "libc.so.6", "libnone": "libnone.so.9"})
    return add


def as_user(monkeypatch, number):
    monkeypatch.setattr(start.os, "geteuid", lambda: number)  # a test cannot become another user


@linux
def test_without_apt_the_missing_libraries_are_named(tools):
    with pytest.raises(start.SetupError) as caught:
        start.provide_libraries()
    assert str(caught.value) == (
        "fer_hub needs software that this system lacks: libnone.so.9. Install it (Debian's names: libnone), then "
        "start again."
    )
    assert caught.value.code == 2


@linux
@pytest.mark.parametrize(("sudo", "prefix"), [(True, "sudo sh -c"), (False, "su -c")])
def test_without_rights_the_one_command_is_given(tools, monkeypatch, sudo, prefix):
    as_user(monkeypatch, 1000)
    tools("apt-get")
    if sudo:
        tools("sudo")
    with pytest.raises(start.SetupError) as caught:
        start.provide_libraries()
    assert str(caught.value) == (
        "fer_hub needs software that this system lacks: libnone.so.9. Run this command, then start again:\n\n    "
        f"{prefix} 'apt-get update && apt-get install -y --no-install-recommends libnone'\n"
    )
    assert caught.value.code == 2


@linux
def test_an_install_that_brings_nothing_is_reported(tools, monkeypatch, capsys):
    as_user(monkeypatch, 0)
    tools("apt-get", 'echo "asked for: $*"; echo "E: Unable to locate package"; exit 100')
    with pytest.raises(start.SetupError) as caught:
        start.provide_libraries()
    options = "-o DPkg::Lock::Timeout=120"
    assert str(caught.value) == (
        f"apt-get did not install libnone.so.9; its last lines were:\n    asked for: {options} update\n    E: Unable "
        f"to locate package\n    asked for: {options} install -y --no-install-recommends libnone\n    E: Unable to "
        "locate package"
    )
    assert caught.value.code == 1
    assert "installing with apt-get: libnone" in capsys.readouterr().out


@linux
def test_browser_is_installed_where_possible(tools, monkeypatch, tmp_path, capsys):
    as_user(monkeypatch, 0)
    here = tmp_path / "tools"
    tools("apt-get", f"cd {here}; for tool in chromium chromedriver; do echo > $tool; chmod +x $tool; done")
    start.provide_browser()
    assert start.find_browser() == (str(here / "chromium"), str(here / "chromedriver"))
    assert "skipped" not in capsys.readouterr().out


@linux
def test_without_a_browser_the_tests_go_on_and_say_why(tools, monkeypatch, capsys):
    as_user(monkeypatch, 1000)
    start.provide_browser()
    why = "      The browser tests will be skipped: no Chromium with chromedriver was found on PATH"
    assert capsys.readouterr().out == why + "\n"
    tools("apt-get")
    start.provide_browser()
    by_hand = "su -c 'apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver'"
    assert capsys.readouterr().out == f"{why}; this command installs them: {by_hand}\n"
    as_user(monkeypatch, 0)
    tools("apt-get", "echo no network; exit 1")
    start.provide_browser()
    assert capsys.readouterr().out == (
        "      installing with apt-get: chromium chromium-driver\n      The browser tests will be skipped: apt-get "
        "did not install chromium and chromium-driver; its last lines were:\n    no network\n    no network\n"
    )


@pytest.mark.parametrize("named", ["tests", "tests/test_boxes.py", "start.py::start.spread"])
def test_workers_are_for_runs_that_name_no_files(named):
    assert start.spread([]) == ["-n", "auto"]
    assert start.spread(["-k", "boxes", "--lf"]) == ["-n", "auto", "-k", "boxes", "--lf"]
    assert start.spread(["--lf", named]) == ["--lf", named]


# ---- real runs


@pytest.fixture(autouse=True)
def ctrl_c():
    """A suite that runs in the background ignores Ctrl-C, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of start.py that ran once, with nothing to install and an app that tells how it was called."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(SOURCE, folder)
    (folder / "requirements.txt").write_text("")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (folder / "app.py").write_text(APP)
    (folder / "pytest.py").write_text(APP)  # stands in for pytest, which is not in this environment
    (folder / ".venv").mkdir()
    (folder / ".venv" / "precious").write_text("somebody's work")
    (folder / "first.txt").write_text(run(folder).stdout)
    return folder


def begin(folder, *arguments, python=sys.executable, **env):
    return subprocess.Popen(
        [python, folder / "start.py", *arguments],
        env={**os.environ, **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(folder, *arguments, python=sys.executable, **env):
    with begin(folder, *arguments, python=python, **env) as child:
        output = child.stdout.read()
    return subprocess.CompletedProcess(child.args, child.returncode, output)


def test_first_start_makes_an_environment_and_keeps_somebody_elses(house):
    lines = (house / "first.txt").read_text().splitlines()
    assert lines[:4] == [
        "[1/3] System libraries",
        "[2/3] Python packages of requirements.txt, in .venv.start",
        "      .venv was not created by start.py and is left unchanged; .venv.start is used instead",
        f"      making .venv.start with {start.python_version()}",
    ]
    assert lines[-2] == "[3/3] Starting the app; Ctrl-C stops it"
    assert [path.name for path in (house / ".venv").iterdir()] == ["precious"]
    assert (house / ".venv" / "precious").read_text() == "somebody's work"


@posix
def test_an_environment_that_runs_start_py_is_left_alone(house, tmp_path):
    """As with `uv run python start.py`, or inside an activated environment of the same folder."""
    folder = tmp_path / "house"
    shutil.copytree(house, folder, ignore=shutil.ignore_patterns(".venv*"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / ".venv").rglob("*")}
    done = run(folder, python=folder / ".venv" / "bin" / "python")
    assert done.returncode == 0, done.stdout
    assert Path(json.loads(done.stdout.splitlines()[-1])["prefix"]) == folder / ".venv.start"
    assert {path.name: path.stat().st_mtime_ns for path in (folder / ".venv").rglob("*")} == before


@posix
def test_an_environment_is_made_anew_by_its_own_python(house):
    (house / ".venv.start" / start.STAMP).write_text("{}")
    done = run(house, python=house / ".venv.start" / "bin" / "python")
    assert done.returncode == 0, done.stdout
    assert f"      making .venv.start with {start.python_version()}" in done.stdout.splitlines()


def test_pip_is_renewed_first_and_the_constraints_hold(house):
    """Without a network pip cannot be renewed: that is told, and what was asked for is installed all the same."""
    constraints = house / start.CONSTRAINTS
    constraints.write_text("pip==0.0.1\n")
    done = run(house, PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stdout
    assert "pip could not be upgraded, so Python's bundled pip is used:" in done.stdout
    assert UP_TO_DATE in run(house).stdout
    constraints.write_text("# changed\n")
    assert "pip installs requirements.txt" in run(house).stdout
    constraints.unlink()
    assert UP_TO_DATE in run(house).stdout


def test_second_start_is_ready_and_passes_arguments_and_exit_code_through(house):
    done = run(house, "--port", "7861", PYTHONPATH="elsewhere")
    *steps, told = done.stdout.splitlines()
    assert steps == [
        "[1/3] System libraries",
        "[2/3] Python packages of requirements.txt, in .venv.start",
        "      up to date",
        "[3/3] Starting the app; Ctrl-C stops it",
    ]
    told = json.loads(told)
    assert told == {**told, "arguments": ["--port", "7861"], "folder": str(house), "path": None}
    assert Path(told["prefix"]) == house / ".venv.start"
    assert done.returncode == 7


def test_the_tests_get_their_own_packages_and_arguments(house, tmp_path):
    for tool in ("chromium", "chromedriver"):
        (tmp_path / tool).write_text("")
        (tmp_path / tool).chmod(0o755)
    done = run(house, "test", "-k", "boxes", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0
    assert "pip installs requirements-dev.txt" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["arguments"] == ["-n", "auto", "-k", "boxes"]
    assert UP_TO_DATE in run(house).stdout  # the app's packages are among those of the tests


def test_a_failing_pip_changes_nothing(house):
    requirements = house / "requirements.txt"
    requirements.write_text("./no-such-folder\n")
    done = run(house)
    assert done.returncode == 1
    assert "\npip could not install requirements.txt; its last lines were:\n" in done.stdout
    assert "no-such-folder" in done.stdout.splitlines()[-1]
    requirements.write_text("")
    assert UP_TO_DATE in run(house).stdout


def unlink_python(house):
    (house / ".venv.start" / "bin" / "python").unlink()


def break_off_pip(house):
    """Let pip fail in the middle of installing: a wheel that wants to write outside of the environment."""
    wheel = house / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("evil-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
        archive.writestr("evil-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr("evil-1.0.dist-info/RECORD", "")
        archive.writestr("../../../../../../evil.py", "")
    (house / "requirements.txt").write_text(f"{wheel}\n")
    done = run(house)
    assert done.returncode == 1
    assert "unpacking 1 packages" in done.stdout
    (house / "requirements.txt").write_text("")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("damage", [unlink_python, break_off_pip])
def test_a_broken_or_unfinished_environment_is_made_anew(house, damage):
    damage(house)
    done = run(house)
    assert done.returncode == 0
    assert f"      making .venv.start with {start.python_version()}" in done.stdout.splitlines()
    assert sorted(path.name for path in house.glob(".venv*")) == [".venv", ".venv.lock", ".venv.start"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_quiet_and_leaves_what_stood(house, tmp_path, number):
    constraints, scratch = tmp_path / "constraints", tmp_path / "scratch"
    os.mkfifo(constraints)
    scratch.mkdir()
    (house / "requirements.txt").write_text("# changed\n")
    child = begin(house, PIP_CONSTRAINT=str(constraints), TMPDIR=str(scratch))
    with open(constraints, "w"):  # opens when pip, too, has opened it; now pip waits for a line
        child.send_signal(number)
        output, _ = child.communicate()
    assert child.returncode == 130
    assert output.endswith("the first time takes some minutes\n\nStopped. Start again to continue.\n")
    assert list(scratch.iterdir()) == []  # pip was left the time to tidy up
    (house / "requirements.txt").write_text("")
    assert UP_TO_DATE in run(house).stdout


@posix
def test_two_starts_at_once_take_turns(house):
    import fcntl

    (house / "requirements.txt").write_text("# changed again\n")
    with open(house / ".venv.lock", "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        child = begin(house)
        for line in child.stdout:
            if "another start.py is running in this folder; waiting for it" in line:
                break
    rest, _ = child.communicate()
    assert child.returncode == 0
    assert "pip installs requirements.txt" in rest
