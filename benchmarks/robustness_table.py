"""The robustness table: a CSV file as the record, and Markdown and a figure made from it."""

import csv
import json
import textwrap
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.table_files import write_files
from fer_hub.evaluation.corruptions import CORRUPTIONS, MEDIUM
from fer_hub.evaluation.robustness import CLEAN, PART, rule
from fer_hub.figures import new_figure

COLUMNS: dict[str, Callable] = {
    "checkpoint": str, "data": str, "kind": str, "strength": int, "images": int, "accuracy": float,
    "macro_recall": float, "calibration_error": float, "mean_probability": float, "recalls": json.loads,
}  # fmt: skip
"""Column of the CSV file → its parser."""

HEAD = """# Robustness of the checkpoints

Made by `python -m benchmarks.robustness`; `robustness.csv` beside this file holds every figure in full precision. Face
crops of the validation splits, and of press photographs, are evaluated as they are and under thirteen corruptions
(`fer_hub/evaluation/corruptions.py`) at five strengths; the tables show the medium one. Test is not used. Networks
called `before` were trained on near-duplicates of validation images, which raises their figures on both splits.

![Accuracy under every corruption](robustness.png)

## The rule

Written down before the networks were trained: the mean of macro recall on press photographs (neutral, happy, angry,
sad), on FER-2013's validation split and on FER+'s, each the mean of its value on the original crops and of its mean
over the thirteen corruptions at medium strength.
"""


def read_lines(folder: Path) -> list[dict]:
    """The lines of `robustness.csv`; empty if there is no such file."""
    path = folder / "robustness.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: kind(line[name]) for name, kind in COLUMNS.items()} for line in csv.DictReader(file)]


def write_table(folder: Path, lines: list[dict]) -> None:
    """Write `robustness.csv`, `.md` and `.png`; a line has the keys of `COLUMNS`."""
    record = [line | {"recalls": json.dumps(line["recalls"])} for line in lines]
    write_files(folder / "robustness", COLUMNS, record, markdown(lines), plot(lines))


def of(lines: list[dict], **wanted: object) -> list[dict]:
    """The lines that have these values."""
    return [line for line in lines if all(line[name] == value for name, value in wanted.items())]


def names(lines: list[dict], column: str) -> list:
    """The values of a column, each once, in their order."""
    return list(dict.fromkeys(line[column] for line in lines))


def counted(lines: list[dict]) -> str:
    """How many images each set has, and how sure an accuracy is."""
    images = {line["data"]: line["images"] for line in lines if line["kind"] == CLEAN}
    known = "; ".join(f"{data} {count:,}, {98 / count**0.5:.1f} points" for data, count in images.items())
    said = (
        "Images of each set, and by how much an accuracy may differ on others, at most, in either direction (95 %): "
        f"{known}. Two checkpoints are compared on the same images, more surely than that; how far the rule tells them "
        "apart is in [checkpoints.md](checkpoints.md)."
    )
    return textwrap.fill(said, 118, break_long_words=False, break_on_hyphens=False)


def markdown(lines: list[dict]) -> str:
    """The whole text of `robustness.md`; cells of what was not measured are empty, as is the rule without all sets."""
    checkpoints = names(lines, "checkpoint")
    sets = [name for name in names(lines, "data") if not name.endswith(PART)]
    parts = [HEAD, counted(lines), f"\n| checkpoint | {' | '.join(sets)} | rule |", "|---|" + "---|" * (len(sets) + 1)]
    for checkpoint in checkpoints:
        means = rule(of(lines, checkpoint=checkpoint))
        if not means.keys() >= set(sets):
            means.pop("rule")
        cells = [f"{100 * means[key]:.1f}" if key in means else "" for key in (*sets, "rule")]
        parts.append(f"| `{checkpoint}` | {' | '.join(cells)} |")
    for data in sets:
        parts.append(f"\n## {data}: accuracy, and in brackets calibration error, in %\n")
        parts += [
            f"| corruption | {' | '.join(f'`{name}`' for name in checkpoints)} |",
            "|---|" + "---|" * len(checkpoints),
        ]
        for kind in (CLEAN, *CORRUPTIONS):
            cells = []
            for checkpoint in checkpoints:
                strength = 0 if kind == CLEAN else MEDIUM
                [line] = of(lines, checkpoint=checkpoint, data=data, kind=kind, strength=strength) or [None]
                cells.append(f"{100 * line['accuracy']:.1f} ({100 * line['calibration_error']:.1f})" if line else "")
            parts.append(f"| {kind} | {' | '.join(cells)} |")
    parts.append("\n## Recall of every class, as they are, in %\n")
    for data in sets:
        for checkpoint in checkpoints:
            for line in of(lines, checkpoint=checkpoint, data=data, kind=CLEAN):
                recalls = ", ".join(f"{name} {100 * value:.0f}" for name, value in line["recalls"].items())
                parts.append(f"- {data}, `{checkpoint}`: {recalls}")
    return "\n".join(parts) + "\n"


def plot(lines: list[dict]) -> Figure:
    """Accuracy on the first set against the strength, one panel per corruption."""
    data = next((name for name in names(lines, "data") if name.endswith(PART)), names(lines, "data")[0])
    figure = new_figure(figsize=(12, 7), layout="constrained")
    fields = figure.subplots(3, 5, sharex=True, sharey=True).flat
    for kind, axes in zip(CORRUPTIONS, fields, strict=False):
        for checkpoint in names(of(lines, data=data), "checkpoint"):
            own = of(lines, checkpoint=checkpoint, data=data)
            shown = of(own, kind=CLEAN) + sorted(of(own, kind=kind), key=lambda line: line["strength"])
            axes.plot(
                [line["strength"] for line in shown], [100 * line["accuracy"] for line in shown], "o-", ms=3,
                label=checkpoint,
            )  # fmt: skip
        axes.set_title(kind, fontsize=10)
        axes.grid(alpha=0.3)
    for axes in list(figure.axes)[len(CORRUPTIONS) :]:
        axes.axis("off")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right")
    figure.supxlabel("strength, 0: as they are", fontsize=9)
    figure.supylabel(f"accuracy on the validation split, {data}, in %", fontsize=9)
    return figure
