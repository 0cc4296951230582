#!/usr/bin/env python3
"""Set fer_hub up in an environment of its own, then start it.

    python3 start.py                         set up and start the app; it prints the address of its page
        --host ADDRESS                       where it listens; 127.0.0.1, this computer alone, by default
        --port NUMBER                        by default the first free one from 7860
        --checkpoint FOLDER_OR_ID            a network of yours, or of the Hub, which is offered first
        --share                              a public address for a week, through a server of Gradio's makers
    python3 start.py test [pytest options]   set up and run the tests, on all cores unless files are named
    python3 start.py --help                  show this text

Needs Python 3.11 to 3.14 and nothing else. The packages of requirements.txt (for the tests
requirements-dev.txt), and what these need in turn at the versions of constraints.txt, go into the folder
.venv beside this file; the rest of the system's Python stays as it is. Where .venv is somebody else's, it
stays as it is too, and .venv.start takes its place. The second start finds everything in place and takes
a moment. To begin anew, delete the folder.

pip obeys its PIP_* environment variables here too (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_PROXY, ...).
System libraries that MediaPipe needs, and for the tests a browser, are installed with apt-get where that
is possible; elsewhere this program says what to install. It ends with the exit code of what it started,
1 when a step failed, 2 when there is something for you to do first, 130 when it was stopped.
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
    """Say what is wrong with a Python of this version, or None if it will do."""
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
    """A set-up step that cannot go on; `code` is the exit code."""

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
    """Run a command, show its condensed output and the time it takes; return exit code and all its lines.

    The child never outlives this call, also when it is left by Ctrl-C.
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
    """See a child off: Ctrl-C in the terminal has reached it already, another way of stopping us has not."""
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
    """Return the one command that a person runs to install Debian packages."""
    return ("sudo sh -c " if shutil.which("sudo") else "su -c ") + shlex.quote(apt_script(packages))


def may_install() -> bool:
    """Tell whether apt-get can be run here: as root, or with sudo by someone who can give a password."""
    if not shutil.which("apt-get"):
        return False
    return os.geteuid() == 0 or bool(shutil.which("sudo") and sys.stdin.isatty())


def apt_install(packages: list[str]) -> str:
    """Install Debian packages as far as that works; return the end of apt-get's output.

    A package source that cannot be reached need not matter: the caller looks whether what it needs has come.
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
    """Return {Debian package: part of it that this system lacks} for all that fer_hub needs."""
    parts = missing_libraries(SYSTEM_LIBRARIES)
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        parts["python{}.{}-venv".format(*sys.version_info)] = "Python's ensurepip"
    return parts


def provide_libraries() -> None:
    """Make sure that Python can make environments and that MediaPipe's system libraries load."""
    missing = missing_parts() if sys.platform.startswith("linux") else {}
    if not missing:
        return
    packages, problem = list(missing), f"fer_hub needs what this system lacks: {', '.join(missing.values())}."
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
        raise SetupError(f"apt-get did not bring {left}; its last lines were:\n{failed}", 1)


def provide_browser() -> None:
    """Make sure that the browser tests can run, or say that they will be skipped, and why."""
    if find_browser():
        return
    why, packages = "no Chromium with chromedriver was found on PATH", list(BROWSER_PACKAGES)
    if may_install():
        why = f"apt-get did not bring {' and '.join(packages)}; its last lines were:\n{apt_install(packages)}"
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
    """Return what start.py noted in an environment, or None where it did not make it."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
        return {"python": str(stamp["python"]), "installed": dict(stamp["installed"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        return {"python": "", "installed": {}}  # ours, but spoilt: it counts as unfinished


def write_stamp(venv: Path, installed: dict[str, str]) -> None:
    """Note what is installed; an empty `installed` marks an environment that is not finished."""
    text = json.dumps({"python": python_version(), "installed": installed}, indent=2)
    fresh = venv / (STAMP + ".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    os.replace(fresh, venv / STAMP)


def python_version() -> str:
    return platform.python_implementation() + " " + ".".join(map(str, sys.version_info[:2]))


def venv_python(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def child_environment(venv: Path) -> dict[str, str]:
    """Return the variables for what runs in the environment: as activated, and nothing of another Python."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH")}
    env.update(VIRTUAL_ENV=str(venv), PIP_DISABLE_PIP_VERSION_CHECK="1")
    env["PATH"] = str(venv_python(venv).parent) + os.pathsep + env.get("PATH", os.defpath)
    return env


def finished(venv: Path) -> dict[str, str]:
    """Return the fingerprints installed in a working environment of this Python, else an empty dict."""
    stamp = read_stamp(venv)
    if not stamp or stamp["python"] != python_version():
        return {}
    try:
        probe = subprocess.run([str(venv_python(venv)), "-c", "import pip"], capture_output=True)
    except OSError:
        return {}
    return stamp["installed"] if probe.returncode == 0 else {}


def environment_folder(root: Path) -> Path:
    """Return the folder of the environment: .venv, or .venv.start where .venv is somebody else's.

    Somebody else's may be the one that runs this program, as with `uv run python start.py`.
    """
    venv = root / ".venv"
    ours = not venv.is_symlink() and (not venv.exists() or read_stamp(venv) is not None or not any(venv.iterdir()))
    return venv if ours else root / ".venv.start"


def make_environment(venv: Path) -> None:
    """Make an empty environment, in place of one that start.py made before."""
    if venv.name != ".venv":
        note(f".venv was not made by start.py and stays as it is; {venv.name} is used instead")
    venv.mkdir(exist_ok=True)
    write_stamp(venv, {})
    for entry in venv.iterdir():
        if entry.name != STAMP:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    note(f"making {venv.name} with {python_version()}")
    # not sys.executable, which is gone where it was that of the environment that is made anew
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
                note("another start.py is at work in this folder; waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def provide_packages(root: Path, requirements: str) -> Path:
    """Bring the environment to the state that a requirements file asks for; quick when it is there already.

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
        venv = environment_folder(root)  # again, as the next: the one who held the lock may have done the work
        installed = finished(venv)
        if wanted.items() <= installed.items():
            return venv
        if not installed:
            make_environment(venv)
            if sys.platform.startswith("linux"):
                note("torch for Linux brings NVIDIA's libraries, even where no such card is: about 3 GB to")
                note("download, 6 GB on disk. docs/install.md tells how to have a CPU-only torch instead,")
                note("which takes a third of that.")
        note(f"pip installs {requirements}; the first time takes some minutes")

        def watch(line: str) -> tuple[int, str]:
            if line.startswith("Installing collected packages"):
                write_stamp(venv, {})  # only from here on pip changes what stood there
            return pip_line(line)

        pip = [str(venv_python(venv)), "-m", "pip", "install", "--no-input"]
        began = time.monotonic()
        if constraints.is_file():
            pip += ["-c", str(constraints)]
            code, lines = run_quietly([*pip, "--upgrade", "pip"], pip_line, child_environment(venv))
            if code != 0:
                note("Python's own pip does the work, as it could not be renewed:\n" + tail(lines, 1))
        code, lines = run_quietly([*pip, "-r", str(root / requirements)], watch, child_environment(venv))
        if code != 0:
            raise SetupError(f"pip could not install {requirements}; its last lines were:\n{tail(lines)}", 1)
        write_stamp(venv, {**installed, **wanted})
        note(f"done in {time.monotonic() - began:.0f} s")
        return venv


# ---- the command ----------------------------------------------------------------------------------------


def hand_over(command: list[str], env: dict[str, str]) -> int:
    """Become the command; on Windows, which cannot do that, run it and return its exit code."""
    os.chdir(ROOT)
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, env)
    with subprocess.Popen(command, env=env) as child:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the child too, which ends by itself
                return child.wait()


def spread(arguments: list[str]) -> list[str]:
    """Return pytest's arguments with a worker for each core, unless they name files or folders: those are
    mostly few, and done before the workers are ready. A later `-n` of the user wins over this one.

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
    """Return what app.py is given; what it would not take is refused here, before any set-up.

    A checkpoint's folder may be named from where start.py is called; app.py runs in the folder of start.py.
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
        raise SetupError(f"start.py knows no command {what!r}; see: python3 start.py --help", 2)
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
        say("\nStopped. Start again to go on.")
        sys.exit(130)
