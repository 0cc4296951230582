"""The shipped recipes: where they lie, and the command lines that repeat a training, for its card."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RECIPES = ROOT / "recipes"
"""Recipes of a clone of the repository, `<name>.json`; what they leave out is train.py's default."""

SHIPPED = ROOT / "checkpoints"
"""The checkpoints of a clone of the repository, which everybody has at the same place in it."""

REMOVED = ("second_labels", "teachers", "averaged", "matrix_scaling")
"""Options that train.py had in earlier versions."""

LEFT = re.compile(r"(?:\./)?(?=runs/(\w+)/final$)(runs/\w+)/final")
"""A checkpoint that `--output-dir runs/<name>` leaves: its name, and the folder."""


def commands(options: dict, place: str = "path/to/fer2013") -> list[str]:
    """The command lines that repeat a training, the last one its own; none where an earlier version trained.

    A shipped recipe may begin from what another one leaves in `runs/<name>/final`; then the command for that comes
    first.

    Args:
        options: content of its training_args.json.
        place: what stands for the data.

    Example:
        >>> commands({"processes": 2})
        ['torchrun --nproc-per-node 2 train.py --recipe path/to/checkpoint/training_args.json --data path/to/fer2013']
    """
    if any(name in options for name in REMOVED):
        return []
    processes = options.get("processes", 1)
    start = ["python"] if processes == 1 else ["torchrun", "--nproc-per-node", str(processes)]
    name = options.get("recipe", "path/to/checkpoint/training_args.json")
    before = []
    if (found := LEFT.fullmatch(options.get("start_from") or "")) and "recipe" in options and shipped_recipe(found[1]):
        before = [shlex.join(["python", "train.py", "--recipe", found[1], "--data", place, "--output-dir", found[2]])]
    return [*before, shlex.join([*start, "train.py", "--recipe", name, "--data", place])]


def shipped_recipe(name: str) -> Path | None:
    """The file of a shipped recipe, if there is one of that name."""
    path = RECIPES / f"{name}.json"
    return path if path.parent == RECIPES and path.is_file() else None
