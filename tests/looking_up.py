"""Which hosts a process looks up by name, in Python or in a library's own code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOSTS_OF_OURS = {"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"}

NOT_ON_CI = {"CI": ""}
"""ONNX Runtime sends nothing where CI is set, so that a check would pass whatever we do."""


def built(folder: Path) -> Path:
    """A library that, preloaded, notes every host that a process looks up; skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler, for a library that notes what is looked up")
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class Recorder:
    """A process's look-ups: `variables` of its environment, and afterwards `foreign`.

    Args:
        library: as `built` makes it.
        notes: file that the look-ups are noted in.
    """

    def __init__(self, library: Path, notes: Path) -> None:
        self.notes = notes
        self.variables = {"LD_PRELOAD": str(library), "LOOKED_UP": str(notes), **NOT_ON_CI}

    def foreign(self) -> set[str]:
        """Hosts that are not this computer."""
        names = set(self.notes.read_text().split()) if self.notes.exists() else set()
        return names - HOSTS_OF_OURS - {os.uname().nodename}
