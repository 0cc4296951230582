"""The table of the ablation: a CSV file that is the record, and Markdown and a picture made from it."""

import statistics
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.table_files import read_rows, write_files
from fer_hub.hub.plots import BLUE, GREY, ORANGE


def _maybe(text: str) -> float | None:
    return float(text) if text else None


COLUMNS: dict[str, Callable] = {
    "row": str, "what": str, "length": str, "epochs": float, "parameters": int, "train_images": int, "accuracy": float,
    "flip_averaged": float, "macro_f1": float, "fear_recall": float, "calibration_error": float,
    "ferplus_accuracy": _maybe, "minutes": float, "device": str, "options": str,
}  # fmt: skip
"""Column of the CSV file → how its text is read. Shares of the validation images, `calibration_error` without a fitted
temperature."""

HEAD = """# What each part of the recipe brings

Made by `python -m benchmarks.ablation`, which can be interrupted; `ablation.csv` beside this file holds the same in
full precision. Two recipes are trained with three seeds each, that of the second checkpoints and that of the third,
which has random windows and a narrower, deeper network; every other row changes one part of its recipe, with seed 42.
How the shipped ones were made, from three seeds too, stands in [checkpoints.md](checkpoints.md). All figures are of the
validation split, on which recipes are chosen; nothing here looks at test.
The column "beside" is the difference from the mean of the recipe's seeds, in points of accuracy: where it is no larger
than the distance of the seeds from each other it may well be chance. "Calibration error" is without a fitted
temperature.
"""

RECIPES = {"": "The recipe of the second checkpoints", "now-": "The recipe of the third checkpoints"}
"""What the names of a recipe's rows begin with → its title."""

SHORT = """
These rows come from a CPU (`--length cpu`): networks of half the width, for {epochs:g} epochs, with an average of
the weights over fewer steps. So short a training says little about the full one: what makes learning harder,
as heavy augmentation and mixing do, needs many epochs to pay off. Without that option the command trains the whole
width for 200 epochs per row, which is for a GPU.
"""


def read_table(folder: Path) -> dict[str, dict]:
    """Name of a row → its columns, from `ablation.csv`; empty where there is none."""
    return read_rows(folder / "ablation.csv", COLUMNS)


def write_table(folder: Path, lines: list[dict]) -> None:
    """Write `ablation.csv`, `.md` and `.png`; a line has the keys of `COLUMNS`."""
    write_files(folder / "ablation", COLUMNS, lines, markdown(lines), plot(lines))


def recipe_of(line: dict) -> str:
    """The key of `RECIPES` that a row belongs to."""
    return next(prefix for prefix in sorted(RECIPES, key=len, reverse=True) if line["row"].startswith(prefix))


def seeds(lines: list[dict], recipe: str) -> list[float]:
    """Accuracies of a recipe, one for each seed, shares."""
    return [line["accuracy"] for line in lines if line["row"].startswith(f"{recipe}seed-")]


def spread(values: list[float], what: str = "The recipe") -> str:
    """Mean and spread of the accuracies of a recipe's seeds, shares, as a sentence about `what`."""
    values = [100 * value for value in values]
    if len(values) < 2:
        return "Mean and spread over seeds take at least two of them."
    return (
        f"{what} with {len(values)} seeds: mean {statistics.mean(values):.2f} %, standard deviation "
        f"{statistics.stdev(values):.2f} points, from {min(values):.2f} to {max(values):.2f} %."
    )


def markdown(lines: list[dict]) -> str:
    """The whole text of `ablation.md`."""
    short = SHORT.format(epochs=lines[0]["epochs"]) if lines and lines[0]["length"] == "cpu" else ""
    tables = "".join(_table(title, lines, recipe) for recipe, title in RECIPES.items())
    commands = "\n".join(
        f"python train.py --data path/to/fer2013 {line['options']}   # {line['row']}" for line in lines
    )
    return (
        f"{HEAD}{short}\n![Accuracy of every row on validation](ablation.png)\n\n{tables}"
        f"## Commands\n\n```bash\n{commands}\n```\n"
    )


def _table(title: str, lines: list[dict], recipe: str) -> str:
    """The rows of one recipe under its title, and what its seeds say; nothing where there are none."""
    own = [line for line in lines if recipe_of(line) == recipe]
    if not own:
        return ""
    head = (
        "| recipe | epochs | train images | accuracy | beside | with mirror images | macro-F1 | fear recall | "
        "calibration error | FER+ accuracy | training |"
    )
    known = seeds(lines, recipe)
    mean = statistics.mean(known) if known else None
    table = "\n".join([head, "|" + "---|" * (head.count("|") - 1), *(_cells(line, mean) for line in own)])
    return f"## {title}\n\n{table}\n\n{spread(known)}\n\n"


def _is_seed(line: dict) -> bool:
    return line["row"].removeprefix(recipe_of(line)).startswith("seed-")


def _cells(line: dict, mean: float | None) -> str:
    apart = "" if mean is None or _is_seed(line) else f"{100 * (line['accuracy'] - mean):+.1f}"
    ferplus = "" if line["ferplus_accuracy"] is None else f"{line['ferplus_accuracy']:.1%}"
    cells = (
        line["what"], f"{line['epochs']:g}", f"{line['train_images']:,}", f"{line['accuracy']:.1%}", apart,
        f"{line['flip_averaged']:.1%}", f"{line['macro_f1']:.3f}", f"{line['fear_recall']:.1%}",
        f"{line['calibration_error']:.3f}", ferplus, f"{line['minutes']:g} min {line['device']}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def plot(lines: list[dict]) -> Figure:
    """Accuracy on validation, a line for each row; for each recipe a band from its lowest to its highest seed."""
    figure = Figure(figsize=(8, 1.8 + 0.36 * len(lines)), layout="constrained")
    recipes = {recipe: [line for line in lines if recipe_of(line) == recipe] for recipe in RECIPES}
    recipes = {recipe: own for recipe, own in recipes.items() if own}
    heights = [len(own) for own in recipes.values()]
    parts = figure.subplots(len(recipes) or 1, sharex=True, squeeze=False, height_ratios=heights or None)[:, 0]
    for axes, (recipe, own) in zip(parts, recipes.items(), strict=False):
        values = [100 * line["accuracy"] for line in own]
        axes.scatter(values, range(len(own)), c=[BLUE if _is_seed(line) else ORANGE for line in own], zorder=3)
        for place, value in enumerate(values):
            axes.annotate(f"{value:.1f}", (value, place), xytext=(7, -3), textcoords="offset points", fontsize=8)
        if known := [100 * value for value in seeds(lines, recipe)]:
            axes.axvspan(min(known), max(known), color=GREY, alpha=0.3, lw=0)
        axes.set_yticks(range(len(own)), [line["what"] for line in own])
        axes.set_ylim(len(own) - 0.5, -0.5)
        axes.set_title(RECIPES[recipe], fontsize=10, loc="left")
        axes.grid(alpha=0.3, axis="x")
        axes.margins(x=0.12)
    label = "accuracy on validation in %, FER-2013's labels; grey: from the lowest to the highest seed"
    figure.supxlabel(label, fontsize=9)
    return figure
