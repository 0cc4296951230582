"""Trainings as parts of a benchmark: each one run of train.py in a folder of its own, to its end and once."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def train(name: str, arguments: Sequence[str], data: str, folder: Path) -> None:
    """Run train.py unless it has been run to its end; go on where it was interrupted.

    Args:
        name: what the run is called in what is printed.
        arguments: options of train.py besides data and folder.
        data: what to train on.
        folder: of the run; `final/` in it is the sign that it has ended.
    """
    if (folder / "final" / "metrics.json").is_file():
        print(f"{name}: trained already", flush=True)
        return
    command = [sys.executable, str(ROOT / "train.py"), "--data", data, "--output_dir", str(folder), *arguments]
    if any(folder.glob("checkpoint-*")):
        command.append("--resume")
    print(f"{name}: {shlex.join(command[1:])}", flush=True)
    subprocess.run(command, check=True, cwd=ROOT)
