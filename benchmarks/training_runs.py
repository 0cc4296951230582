"""Training runs of a benchmark: each is one run of train.py in its own folder, completed exactly once."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent

Row = TypeVar("Row")


def train(name: str, arguments: Sequence[str], data: str, folder: Path) -> None:
    """Run train.py unless the run is finished; resumes an interrupted run.

    Args:
        name: name of the run in the output.
        arguments: options of train.py besides data and folder.
        data: the training data.
        folder: folder of the run, which is finished once it contains `final/`.
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
    """Whether the run in this folder is finished."""
    return (folder / "final" / "metrics.json").is_file()


def finished_rows(
    rows: Sequence[Row], runs: Path, data: str | None, arguments: Callable[[Row], Sequence[str]]
) -> list[Row]:
    """Train the rows of a table, then return those whose run in `runs` is finished; missing ones are printed.

    Args:
        rows: each with a `name`, that of its folder.
        data: the training data; `None` trains nothing.
        arguments: row → options of train.py.
    """
    if data is not None:
        for row in rows:
            train(row.name, arguments(row), data, runs / row.name)
    for row in rows:
        if not is_finished(runs / row.name):
            print(f"{row.name}: not trained in {runs}, its line stays as it is", flush=True)
    return [row for row in rows if is_finished(runs / row.name)]
