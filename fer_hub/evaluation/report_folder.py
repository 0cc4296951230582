"""The report folder of an evaluation: metrics.json, a report in Markdown, and figures of every split."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fer_hub.evaluation.groups import group_lines
from fer_hub.files import write_json, write_text

PICTURES = ("confusion", "scores", "calibration", "mistakes")
"""Figures of every split, saved as `<split>_<name>.png`."""


def write_report(folder: Path, title: str, metrics: dict) -> None:
    """Write metrics.json and report.md next to the figures of `write_pictures`."""
    write_json(folder / "metrics.json", metrics)
    write_text(folder / "report.md", f"# {title}\n\n{report_text(metrics)}")


def write_pictures(
    folder: Path,
    split: str,
    row: dict,
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    before: dict | None = None,
    groups: dict | None = None,
) -> None:
    """Save the figures of one split as PNG files whose names begin with the split.

    Args:
        row: metrics of the split, from `classification_metrics`.
        images: uint8 array (images, size, size).
        probabilities: float array (images, classes).
        labels: integer array (images,).
        before: calibration before temperature scaling, see `calibrate.before_and_after`.
        groups: grouping → figures of the groups, see `groups.group_figures`.
    """
    from fer_hub.hub import plots as report
    from fer_hub.hub.group_plot import plot_groups

    folder.mkdir(parents=True, exist_ok=True)
    names = list(row["recall"])
    pictures = (
        report.plot_confusion(row),
        report.plot_scores(row),
        report.plot_calibration(row, before),
        report.mistakes_sheet(images, probabilities, labels, names),
    )
    for name, picture in zip(PICTURES, pictures, strict=True):
        report.save_picture(picture, folder / f"{split}_{name}.png")
    if groups:
        report.save_picture(plot_groups(groups), folder / f"{split}_groups.png")


def report_text(metrics: dict) -> str:
    """The metrics of `evaluate` as Markdown, with the figures of `write_pictures`."""
    parts = [classes_text(metrics["classes"])] if "classes" in metrics else []
    for split, row in measured(metrics).items():
        plain = [name for name, value in row.items() if isinstance(value, float)]
        lines = ["| figure | value |", "|---|---|", f"| images | {row['images']:,} |"]
        lines += [f"| {name.replace('_', ' ')} | {row[name]:.4f} |" for name in plain]
        for name in ("accuracy", "macro_f1"):
            low, high = row[f"{name}_interval"]
            lines.append(f"| {name.replace('_', ' ')}, 95 % interval | {low:.4f} to {high:.4f} |")
        for name, value in row.get("flip_averaged", {}).items():
            lines.append(f"| {name.replace('_', ' ')} with flip averaging | {value:.4f} |")
        lines += ["", "| expression | images | precision | recall | F1 |", "|---|---|---|---|---|"]
        for name, counts in zip(row["recall"], row["confusion"], strict=True):
            scores = " | ".join(f"{row[score][name]:.3f}" for score in ("precision", "recall", "f1"))
            lines.append(f"| {cell(name)} | {sum(counts)} | {scores} |")
        pictures = [f"![{split} {name}]({split}_{name}.png)" for name in PICTURES]
        parts.append("\n".join([f"## {split}", "", *lines, "", *pictures]))
    if "photographs" in metrics:
        parts.append("## As photos\n\n" + table({"photographs": metrics["photographs"]}))
    if "groups" in metrics:
        parts.append(groups_text(metrics["groups"]))
    return "\n\n".join(parts) + "\n"


def groups_text(groups: Mapping[str, Mapping]) -> str:
    """The groups of every split as Markdown, with the figures beside it."""
    parts = []
    for split, entries in groups.items():
        lines = "\n".join(group_lines(entries))
        parts.append(f"## {split} by groups\n\n```\n{lines}\n```\n\n![{split} by groups]({split}_groups.png)")
    return "\n\n".join(parts)


def cell(text: str) -> str:
    r"""A text from outside, as a cell of a table in Markdown: a bar would begin the next cell.

    Example:
        >>> cell("good|bad")
        'good\\|bad'
    """
    return text.replace("|", "\\|").replace("\n", " ")


def measured(metrics: dict) -> dict[str, dict]:
    """The entries with the metrics of a split."""
    return {name: row for name, row in metrics.items() if isinstance(row, dict) and "confusion" in row}


def classes_text(classes: dict) -> str:
    """A paragraph about classes that differ between model and data set."""
    renamed = [f"{theirs} → {ours}" for theirs, ours in classes["map"].items() if ours is not None]
    sentences = [f"Classes of the model → classes of the data set: {', '.join(renamed)}."]
    if dropped := [theirs for theirs, ours in classes["map"].items() if ours is None]:
        sentences.append(f"Dropped, with the other probabilities renormalised: {', '.join(dropped)}.")
    if classes["missing"]:
        left_out = ", ".join(f"{count:,} of {split}" for split, count in classes["left_out"].items()) or "none"
        sentences.append(
            f"The model has no {' and no '.join(classes['missing'])}: images of these are left out ({left_out})."
        )
    return " ".join(sentences)


def table(metrics: dict) -> str:
    """The metrics of `evaluate` as lines of text, percentages with one decimal."""
    lines = [classes_text(metrics["classes"])] if "classes" in metrics else []
    for split, row in measured(metrics).items():
        lines.append(
            f"{split}: accuracy {row['accuracy']:.1%}, macro-F1 {row['macro_f1']:.3f}, calibration error "
            f"{row['calibration_error']:.3f} ({row['images']} images)"
        )
        if "flip_averaged" in row:
            mirrored = row["flip_averaged"]
            lines.append(f"  with flip averaging {mirrored['accuracy']:.1%}, macro-F1 {mirrored['macro_f1']:.3f}")
        if "clear_majority_images" in row:
            lines.append(
                f"  where more than half of the annotators agree {row['clear_majority_accuracy']:.1%} "
                f"({row['clear_majority_images']} images)"
            )
        lines.append("  recall " + ", ".join(f"{name} {value:.1%}" for name, value in row["recall"].items()))
    if "photographs" in metrics:
        row = metrics["photographs"]
        lines.append(
            f"{row['split']} as photos: crop {row['crop']:.1%}, enlarged {row['photograph']:.1%} "
            f"({row['missed']['photograph']} missed), on a canvas {row['canvas']:.1%} ({row['missed']['canvas']} "
            "missed)"
        )
    for split, groups in metrics.get("groups", {}).items():
        lines += [f"{split} by groups", *group_lines(groups)]
    return "\n".join(lines)
