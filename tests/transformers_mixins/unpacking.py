"""The tests that transformers' source distribution carries, unpacked once into the user's cache folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import transformers


def unpacked() -> Path | str:
    """The folder that holds transformers' `tests`, of the installed version; or, where it cannot be had, why not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer_hub"
    folder = cache / f"transformers-tests-{transformers.__version__}"
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            archive = _download(Path(temporary))
            return _unpack(archive, Path(temporary), folder) if isinstance(archive, Path) else archive
    except OSError as error:
        return f"transformers' source distribution cannot be kept in {cache}: {error}"


def _download(folder: Path) -> Path | str:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
        "--dest", str(folder), f"transformers=={transformers.__version__}",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        return "transformers' source distribution did not come within four minutes"
    found = list(folder.glob("transformers-*.tar.gz"))
    if not found:  # pip may fail after the download, as it also asks for the package's metadata
        last = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        return f"pip cannot download the source distribution of transformers {transformers.__version__}: {last}"
    return found[0]


def _unpack(archive: Path, temporary: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if "/tests/" in f"/{member.name}"]
        tar.extractall(temporary, members, filter="data")
    (tests,) = temporary.glob("transformers-*/tests")
    (tests / "__init__.py").touch()  # which one of them imports
    try:
        shutil.move(tests.parent, folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise
    return folder
