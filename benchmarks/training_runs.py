"""Trainings as parts of a benchmark: each one run of train.py in a folder of its own, to its end and once."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent

Row = TypeVar("Row")


def train(name: str, arguments: Sequence[str], data: str, folder: Path) -> None:
    """Run train.py unless it has been run to its end; go on where it was interrupted.

    Args:
        name: what the run is called in what is printed.
        arguments: options of train.py besides data and folder.
        data: what to train on.
        folder: of the run; `final/` in it is the sign that it has ended.
    """
    if is_finished(folder):
        print(f"{name}: trained already", flush=True)
        return
    command = [sys.executable, str(ROOT / "train.py"), "--data", data, "--output_dir", str(folder), *arguments]
    if any(folder.glob("checkpoint-*")):
        command.append("--resume")
    print(f"{name}: {shlex.join(command[1:])}", flush=True)
    subprocess.run(command, check=True, cwd=ROOT)


def is_finished(folder: Path) -> bool:
    """Whether a run in this folder was trained to its end."""
    return (folder / "final" / "metrics.json").is_file()


def finished_rows(
    rows: Sequence[Row], runs: Path, data: str | None, arguments: Callable[[Row], Sequence[str]]
) -> list[Row]:
    """The rows of a table whose run in `runs` is finished, having trained them all; what is missing is said.

    Args:
        rows: each with a `name`, that of its folder.
        data: what to train on; `None` trains nothing.
        arguments: row → options of train.py.
    """
    if data is not None:
        for row in rows:
            train(row.name, arguments(row), data, runs / row.name)
    for row in rows:
        if not is_finished(runs / row.name):
            print(f"{row.name}: not trained in {runs}, its line stays as it is", flush=True)
    return [row for row in rows if is_finished(runs / row.name)]
