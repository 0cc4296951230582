#!/usr/bin/env python3
"""Set up fer_hub in its own environment, then start it.

    python3 start.py                         set up and start the app; it prints the address of its page
        --host ADDRESS                       address to listen on; 127.0.0.1, only this computer, by default
        --port NUMBER                        port; by default the first free one from 7860
        --checkpoint FOLDER_OR_ID            your own network, or one from the Hub, as the default
        --share                              a public link for a week, through a server of Gradio
    python3 start.py test [pytest options]   set up and run the tests, on all cores unless files are named
    python3 start.py --help                  show this text

Needs only Python 3.11 to 3.14. The packages of requirements.txt (for the tests requirements-dev.txt) and
their dependencies, at the versions of constraints.txt, are installed in the folder .venv next to this file;
the system's Python is not changed. If .venv was not created by this program, it is not changed either, and
.venv.start is used instead. The second start takes only a moment. To start over, delete the folder.

pip respects its PIP_* environment variables (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_PROXY, ...).
System libraries for MediaPipe, and a browser for the tests, are installed with apt-get if possible;
otherwise this program says what to install. The exit code is that of the started program, 1 if a step
failed, 2 if there is something for you to do first, 130 if it was stopped.
"""

import argparse
import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where two set-ups at once are up to the user
    fcntl = None

NEEDED, BELOW = (3, 11), (3, 15)  # as requires-python in pyproject.toml


def python_problem(version: tuple) -> "str | None":
    """Return what is wrong with this Python version, or None if it is supported."""
    if NEEDED <= tuple(version[:2]) < BELOW:
        return None
    return (
        "fer_hub needs Python {}.{} to {}.{}, but this is Python {}.{}.{}; install one of these and start with it "
        "by name, for example: python3.12 start.py".format(*NEEDED, BELOW[0], BELOW[1] - 1, *version[:3])
    )


# Everything above and the grammar of the whole file must suit old Pythons, so that they get this far.
if python_problem(sys.version_info):
    sys.stderr.write(python_problem(sys.version_info) + "\n")
    sys.exit(2)

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = {"app": "requirements.txt", "test": "requirements-dev.txt"}
# Debian package -> the library in it that MediaPipe or OpenCV loads. The same packages as packages.txt.
SYSTEM_LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libgles2": "libGLESv2.so.2",
    "libgl1": "libGL.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_PACKAGES = ("chromium", "chromium-driver")
CONSTRAINTS = "constraints.txt"
STAMP = "fer_hub-setup.json"


class SetupError(Exception):
    """A set-up step failed; `code` is the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    print(text, flush=True)


def note(text: str) -> None:
    say("      " + text)


# ---- running pip and apt-get with little noise ----------------------------------------------------------


def pip_line(line: str) -> tuple[int, str]:
    """Condense one line of pip's output to (files counted, text to show or '').

    >>> pip_line("  Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl (532.1 MB)")
    (1, 'torch 2.13.0, 532.1 MB')
    >>> pip_line("  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)")
    (1, '')
    >>> pip_line("Installing collected packages: six, torch")
    (0, 'unpacking 2 packages')
    """
    if line.startswith("Installing collected packages: "):
        return 0, f"unpacking {line.count(',') + 1} packages"
    found = re.match(r" *(?:Downloading|Using cached|Processing) (\S+)\.(?:whl|tar\.gz)(?: \((.+)\)|$)", line)
    if not found:
        return 0, ""
    name, size = " ".join(found[1].split("-")[:2]), found[2] or ""
    return 1, f"{name}, {size}" if re.match(r"\d\d+\S* MB", size) else ""


def apt_line(line: str) -> tuple[int, str]:
    """Condense one line of apt-get's output, as `pip_line` does for pip."""
    found = re.match(r"Need to get (\S+ \S?B)", line)
    return int(line.startswith("Setting up ")), f"downloading {found[1]}" if found else ""


def run_quietly(command: list[str], condense, env: dict[str, str]) -> tuple[int, list[str]]:
    """Run a command, show its condensed output and the elapsed time; return exit code and all its lines.

    The child never outlives this call, even after Ctrl-C.
    """
    clock, lines, files, began = sys.stdout.isatty(), [], 0, time.monotonic()
    child = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    arrived: queue.Queue = queue.Queue()

    def read() -> None:
        with child.stdout:
            for line in child.stdout:
                arrived.put(line.rstrip())
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            if clock:
                minutes, seconds = divmod(int(time.monotonic() - began), 60)
                print(f"\r      {minutes}:{seconds:02}  {files} files".ljust(40), end="\r", flush=True)
            try:
                line = arrived.get(timeout=1 if clock else None)
            except queue.Empty:
                continue
            if line is None:
                break
            lines.append(line)
            count, text = condense(line)
            files += count
            if text:
                note(text.ljust(34 if clock else 0))
        return child.wait(), lines
    finally:
        if clock:
            print(" " * 40, end="\r", flush=True)
        end(child)


def end(child: subprocess.Popen) -> None:
    """Wait for a child to end: Ctrl-C in the terminal has already reached it, other signals have not."""
    interrupt = child.terminate if os.name == "nt" else lambda: child.send_signal(signal.SIGINT)
    for patience, ask in ((1, interrupt), (10, child.kill)):
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # what sudo runs is not ours to end
                ask()
    child.wait()


# ---- system packages ------------------------------------------------------------------------------------


def missing_libraries(libraries: dict[str, str]) -> dict[str, str]:
    """Return the part of {package: library} whose library the dynamic linker cannot load."""
    missing = {}
    for package, library in libraries.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[package] = library
    return missing


def find_browser() -> tuple[str, str] | None:
    """Return the paths of a Chromium-like browser and of chromedriver, or None unless both are found."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def apt_script(packages: list[str]) -> str:
    """Return the shell command that installs Debian packages, for root.

    >>> apt_script(["libegl1", "libgl1"])
    'apt-get update && apt-get install -y --no-install-recommends libegl1 libgl1'
    """
    return "apt-get update && apt-get install -y --no-install-recommends " + shlex.join(packages)


def apt_by_hand(packages: list[str]) -> str:
    """Return the command for installing Debian packages by hand."""
    return ("sudo sh -c " if shutil.which("sudo") else "su -c ") + shlex.quote(apt_script(packages))


def may_install() -> bool:
    """Tell whether apt-get can be run here: as root, or with sudo by someone who can give a password."""
    if not shutil.which("apt-get"):
        return False
    return os.geteuid() == 0 or bool(shutil.which("sudo") and sys.stdin.isatty())


def apt_install(packages: list[str]) -> str:
    """Try to install Debian packages; return the end of apt-get's output.

    An unreachable package source may not matter: the caller checks whether the packages are there.
    """
    note(f"installing with apt-get: {' '.join(packages)}")
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    if os.geteuid() != 0:
        note("sudo may ask for your password")
        if subprocess.call(["sudo", "-v"]) != 0:
            return "    sudo was refused"
        command.insert(0, "sudo")
    _, lines = run_quietly([*command, "update"], apt_line, dict(os.environ))
    install = [*command, "install", "-y", "--no-install-recommends", *packages]
    return tail(lines + run_quietly(install, apt_line, dict(os.environ))[1])


def tail(lines: list[str], count: int = 20) -> str:
    return "\n".join("    " + line for line in lines[-count:])


def missing_parts() -> dict[str, str]:
    """Return {Debian package: missing part of it} for everything that fer_hub needs."""
    parts = missing_libraries(SYSTEM_LIBRARIES)
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        parts["python{}.{}-venv".format(*sys.version_info)] = "Python's ensurepip"
    return parts


def provide_libraries() -> None:
    """Make sure that Python can create environments and that MediaPipe's system libraries load."""
    missing = missing_parts() if sys.platform.startswith("linux") else {}
    if not missing:
        return
    packages, problem = list(missing), f"fer_hub needs software that this system lacks: {', '.join(missing.values())}."
    if not shutil.which("apt-get"):
        names = " ".join(packages)
        raise SetupError(f"{problem} Install it (Debian's names: {names}), then start again.", 2)
    if not may_install():
        raise SetupError(f"{problem} Run this command, then start again:\n\n    {apt_by_hand(packages)}\n", 2)
    note(problem)
    failed = apt_install(packages)
    importlib.invalidate_caches()
    left = ", ".join(missing_parts().values())
    if left:
        raise SetupError(f"apt-get did not install {left}; its last lines were:\n{failed}", 1)


def provide_browser() -> None:
    """Make sure that the browser tests can run, or say that they will be skipped, and why."""
    if find_browser():
        return
    why, packages = "no Chromium with chromedriver was found on PATH", list(BROWSER_PACKAGES)
    if may_install():
        why = f"apt-get did not install {' and '.join(packages)}; its last lines were:\n{apt_install(packages)}"
    elif shutil.which("apt-get"):
        why += f"; this command installs them: {apt_by_hand(packages)}"
    if not find_browser():
        note(f"The browser tests will be skipped: {why}")


# ---- the environment .venv ------------------------------------------------------------------------------


def fingerprints(requirements: Path) -> dict[str, str]:
    """Return {file name: sha256 of it and all that it includes} for a requirements file and its -r files."""
    content, found = requirements.read_bytes(), {}
    digest = hashlib.sha256(content)
    for included in re.findall(r"(?m)^-[rc] *(\S+)", content.decode("utf-8")):
        inner = fingerprints(requirements.parent / included)
        digest.update(inner[Path(included).name].encode())
        found.update(inner)
    return {**found, requirements.name: digest.hexdigest()}


def read_stamp(venv: Path) -> dict | None:
    """Return start.py's record in an environment, or None if start.py did not create it."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
        return {"python": str(stamp["python"]), "installed": dict(stamp["installed"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        return {"python": "", "installed": {}}  # ours, but corrupt: it counts as unfinished


def write_stamp(venv: Path, installed: dict[str, str]) -> None:
    """Record what is installed; an empty `installed` marks an unfinished environment."""
    text = json.dumps({"python": python_version(), "installed": installed}, indent=2)
    fresh = venv / (STAMP + ".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    os.replace(fresh, venv / STAMP)


def python_version() -> str:
    return platform.python_implementation() + " " + ".".join(map(str, sys.version_info[:2]))


def venv_python(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def child_environment(venv: Path) -> dict[str, str]:
    """Return the environment variables for child processes: as in the activated environment, without other Pythons."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH")}
    env.update(VIRTUAL_ENV=str(venv), PIP_DISABLE_PIP_VERSION_CHECK="1")
    env["PATH"] = str(venv_python(venv).parent) + os.pathsep + env.get("PATH", os.defpath)
    return env


def finished(venv: Path) -> dict[str, str]:
    """Return the fingerprints installed in a working environment of this Python, otherwise an empty dict."""
    stamp = read_stamp(venv)
    if not stamp or stamp["python"] != python_version():
        return {}
    try:
        probe = subprocess.run([str(venv_python(venv)), "-c", "import pip"], capture_output=True)
    except OSError:
        return {}
    return stamp["installed"] if probe.returncode == 0 else {}


def environment_folder(root: Path) -> Path:
    """Return the folder of the environment: .venv, or .venv.start if start.py did not create .venv.

    The foreign .venv may be the one that runs this program, as with `uv run python start.py`.
    """
    venv = root / ".venv"
    ours = not venv.is_symlink() and (not venv.exists() or read_stamp(venv) is not None or not any(venv.iterdir()))
    return venv if ours else root / ".venv.start"


def make_environment(venv: Path) -> None:
    """Create an empty environment, replacing an earlier one of start.py."""
    if venv.name != ".venv":
        note(f".venv was not created by start.py and is left unchanged; {venv.name} is used instead")
    venv.mkdir(exist_ok=True)
    write_stamp(venv, {})
    for entry in venv.iterdir():
        if entry.name != STAMP:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    note(f"making {venv.name} with {python_version()}")
    # not sys.executable, which no longer exists if it was that of the replaced environment
    command = [getattr(sys, "_base_executable", None) or sys.executable, "-m", "venv", str(venv)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        last = tail((done.stdout + done.stderr).splitlines())
        raise SetupError(f"Python could not make the environment {venv}; its last lines were:\n{last}", 1)


@contextlib.contextmanager
def setup_lock(venv: Path):
    """Let one start.py at a time change the environment; the system frees the lock when its holder ends."""
    with open(f"{venv}.lock", "a") as handle:
        if fcntl:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note("another start.py is running in this folder; waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def provide_packages(root: Path, requirements: str) -> Path:
    """Bring the environment to the state of a requirements file; fast if it is already there.

    Returns its folder.
    """
    venv, wanted = environment_folder(root), fingerprints(root / requirements)
    constraints = root / CONSTRAINTS
    if constraints.is_file():
        wanted |= fingerprints(constraints)
    if wanted.items() <= finished(venv).items():
        note("up to date")
        return venv
    with setup_lock(root / ".venv"):
        venv = environment_folder(root)  # again, like the next line: the holder of the lock may have done the work
        installed = finished(venv)
        if wanted.items() <= installed.items():
            return venv
        if not installed:
            make_environment(venv)
            if sys.platform.startswith("linux"):
                note("torch for Linux includes NVIDIA's libraries, even without such a card: about 3 GB to")
                note("download, 6 GB on disk. docs/install.md explains how to install a CPU-only torch,")
                note("which takes a third of that.")
        note(f"pip installs {requirements}; the first time takes some minutes")

        def watch(line: str) -> tuple[int, str]:
            if line.startswith("Installing collected packages"):
                write_stamp(venv, {})  # only from here on does pip change the environment
            return pip_line(line)

        pip = [str(venv_python(venv)), "-m", "pip", "install", "--no-input"]
        began = time.monotonic()
        if constraints.is_file():
            pip += ["-c", str(constraints)]
            code, lines = run_quietly([*pip, "--upgrade", "pip"], pip_line, child_environment(venv))
            if code != 0:
                note("pip could not be upgraded, so Python's bundled pip is used:\n" + tail(lines, 1))
        code, lines = run_quietly([*pip, "-r", str(root / requirements)], watch, child_environment(venv))
        if code != 0:
            raise SetupError(f"pip could not install {requirements}; its last lines were:\n{tail(lines)}", 1)
        write_stamp(venv, {**installed, **wanted})
        note(f"done in {time.monotonic() - began:.0f} s")
        return venv


# ---- the command ----------------------------------------------------------------------------------------


def hand_over(command: list[str], env: dict[str, str]) -> int:
    """Replace this process with the command; on Windows, where that is impossible, run it and return its exit code."""
    os.chdir(ROOT)
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, env)
    with subprocess.Popen(command, env=env) as child:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the child too, which ends by itself
                return child.wait()


def spread(arguments: list[str]) -> list[str]:
    """Return pytest's arguments with one worker per core, unless they name files or folders: those are
    usually few, and finished before the workers are ready. A later `-n` of the user overrides this one.

    >>> spread(["-m", "not slow"]), spread(["tests/test_boxes.py::test_area"])
    (['-n', 'auto', '-m', 'not slow'], ['tests/test_boxes.py::test_area'])
    """
    named = any((ROOT / each.partition("::")[0]).exists() for each in arguments if each)
    return arguments if named else ["-n", "auto", *arguments]


class Options(argparse.ArgumentParser):
    """Options whose errors are one sentence."""

    def error(self, message: str) -> None:
        raise SetupError(f"{message}; see: python3 start.py --help", 2)


def app_arguments(arguments: list[str]) -> list[str]:
    """Return the arguments for app.py; invalid ones are refused here, before any set-up.

    A checkpoint folder is relative to where start.py is called; app.py runs in the folder of start.py.
    """
    parser = Options(add_help=False, allow_abbrev=False)
    for name, kind in (("--host", str), ("--port", int), ("--checkpoint", str)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--share", action="store_true")
    given = parser.parse_args(arguments)
    taken = [] if given.host is None else ["--host", given.host]
    taken += [] if given.port is None else ["--port", str(given.port)]
    if given.checkpoint is not None:
        folder = Path(given.checkpoint)
        taken += ["--checkpoint", str(folder.resolve()) if folder.is_dir() else given.checkpoint]
    return [*taken, "--share"] if given.share else taken


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    what = "app" if not arguments or arguments[0].startswith("-") else arguments.pop(0)
    if what not in REQUIREMENTS:
        raise SetupError(f"start.py has no command {what!r}; see: python3 start.py --help", 2)
    if what == "app":
        arguments = app_arguments(arguments)
    say("[1/3] System libraries" + (" and a browser for the tests" if what == "test" else ""))
    provide_libraries()
    if what == "test":
        provide_browser()
    say(f"[2/3] Python packages of {REQUIREMENTS[what]}, in {environment_folder(ROOT).name}")
    venv = provide_packages(ROOT, REQUIREMENTS[what])
    say("[3/3] " + ("Running the tests" if what == "test" else "Starting the app; Ctrl-C stops it"))
    python = str(venv_python(venv))
    program = ["-m", "pytest", *spread(arguments)] if what == "test" else [str(ROOT / "app.py"), *arguments]
    return hand_over([python, *program], child_environment(venv))


def stop(*_) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.stdout.reconfigure(errors="replace")
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        say(f"\n{error}")
        sys.exit(error.code)
    except OSError as error:
        say(f"\nThe set-up stopped: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nStopped. Start again to continue.")
        sys.exit(130)
