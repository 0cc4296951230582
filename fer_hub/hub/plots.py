"""Figures of the metrics: confusion matrix, per-class scores, calibration, training curves, misclassified images.

All but the last two are drawn from `metrics.json` alone. Colours are Okabe and Ito's (2008) and matplotlib's
perceptually uniform maps, which are safe for colour-blind readers; numbers are shown next to colours everywhere.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from fer_hub.figures import cover_scripts, new_figure, own_style, plain
from fer_hub.files import replacing
from fer_hub.fonts import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#999999"

LONG_NAME = 11
"""Class names with more letters are rotated under the bars."""

BLACK = (0, 0, 0)

DPI = 110
"""Of the figures of matplotlib."""

TEXT_SIZE = 11
"""Of the text under an image in pixels."""

WIDEST = 260
"""Longest line of text under an image in pixels; longer ones are shortened."""


@own_style()
def plot_confusion(row: dict) -> "Figure":
    """Confusion matrix of one split: colour and first number are fractions of the label's images, below are the counts.

    Args:
        row: what `classification_metrics` returned.
    """
    names = list(row["recall"])
    counts = np.array(row["confusion"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = new_figure(figsize=(1.0 * len(names) + 2.2, 0.85 * len(names) + 1.6), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for (label, predicted), share in np.ndenumerate(shares):
        axes.text(
            predicted, label, f"{share:.0%}\n{counts[label, predicted]}",
            ha="center", va="center", fontsize=9, color="black" if share > 0.55 else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), [*map(plain, names)], rotation=35, ha="right")
    axes.set_yticks(range(len(names)), [*map(plain, names)])
    axes.set(xlabel="predicted", ylabel="label", title=f"Confusion matrix, {row['images']:,} images")
    figure.colorbar(picture, label="fraction of the label's images", format="{x:.0%}")
    return figure


@own_style()
def plot_scores(row: dict) -> "Figure":
    """Precision, recall and F1 of every class as bars."""
    names = list(row["recall"])
    longest = max(map(len, names))
    height = 4 if longest <= LONG_NAME else 4 + 0.05 * longest
    figure = new_figure(figsize=(1.2 * len(names) + 2, height), layout="constrained")
    axes = figure.add_subplot()
    positions = np.arange(len(names))
    for offset, (score, colour) in enumerate(zip(("precision", "recall", "f1"), (BLUE, ORANGE, GREEN), strict=True)):
        values = [100 * row[score][name] for name in names]
        name = score.capitalize() if score == "f1" else score
        bars = axes.bar(positions + 0.27 * (offset - 1), values, 0.25, color=colour, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    turned = {"rotation": 35, "ha": "right"} if longest > LONG_NAME else {}
    axes.set_xticks(positions, [*map(plain, names)], **turned)
    axes.set(ylabel="%", ylim=(0, 108), title=f"Scores per expression, {row['images']:,} images")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


@own_style()
def plot_calibration(row: dict, before: dict | None = None) -> "Figure":
    """Reliability diagram (Guo et al. 2017): accuracy against confidence.

    Args:
        row: what `classification_metrics` returned.
        before: the same before temperature scaling, drawn for comparison.
    """
    figure = new_figure(figsize=(5.6, 6.4), layout="constrained")
    axes, histogram = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 100], [0, 100], color=GREY, linestyle="--", label="perfect calibration")
    for data, colour, marker, name in ((before, ORANGE, "s", "before scaling"), (row, BLUE, "o", "this checkpoint")):
        if data is None:
            continue
        bins = [entry for entry in data["calibration_bins"] if entry["images"]]
        said, right = ([100 * entry[key] for entry in bins] for key in ("confidence", "accuracy"))
        error = 100 * data["calibration_error"]
        label = f"{name}: calibration error {error:.1f} %"
        axes.plot(said, right, color=colour, marker=marker, label=label, clip_on=False)
    axes.set(ylabel="accuracy in %", ylim=(0, 100), title="Calibration of the top prediction")
    figure.legend(loc="outside lower center", frameon=False)
    edges = np.linspace(0, 100, len(row["calibration_bins"]) + 1)
    histogram.bar(
        edges[:-1], [entry["images"] for entry in row["calibration_bins"]], np.diff(edges), align="edge", color=BLUE
    )
    histogram.set(xlabel="probability of the top prediction in %", ylabel="images", xlim=(0, 100))
    return figure


@own_style()
def plot_training(log: Sequence[dict]) -> "Figure":
    """Loss, validation accuracy and learning rate over the epochs, from the Trainer's log."""
    figure = new_figure(figsize=(9, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, name, entries in (
        (panels[0], "loss", (("loss", BLUE, "train, augmented"), ("eval_loss", ORANGE, "validation"))),
        (panels[1], "accuracy in %", (("eval_accuracy", ORANGE, "validation"),)),
        (panels[2], "learning rate", (("learning_rate", BLUE, "learning rate"),)),
    ):
        for key, colour, label in entries:
            points = [(float(row["epoch"]), float(row[key])) for row in log if key in row]
            if points:
                epochs, values = np.array(points).T
                axes.plot(epochs, values * (100 if "accuracy" in key else 1), color=colour, label=label)
        axes.set(xlabel="epoch", ylabel=name)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    return figure


def mistakes_sheet(
    images: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str], most: int = 40
) -> Image.Image:
    """The most confident misclassifications, highest confidence first, with label and prediction.

    Args:
        images: uint8 array (images, size, size).
        probabilities: float array (images, classes).
        labels: integer array (images,).
        most: largest number of images.

    Returns:
        RGB image with ten images in a row, fewer where names are long.
    """
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    lines = [
        (_cut(names[labels[index]]), _cut(f"→ {names[predicted[index]]}", f" {sure[index]:.0%}")) for index in wrong
    ]
    side, text = 96, 36
    width = max([side, *(int(line.length) for pair in lines for line in pair)]) + 8
    columns = max(1, 10 * (side + 8) // width)
    rows = max(1, -(-len(wrong) // columns))
    sheet = Image.new("RGB", (columns * width, rows * (side + text)), "white")
    pen = ImageDraw.Draw(sheet)
    if len(wrong) == 0:
        Line("no misclassified images", TEXT_SIZE).draw(pen, (4, 4), BLACK)
    for position, (index, pair) in enumerate(zip(wrong, lines, strict=True)):
        x, y = position % columns * width + 4, position // columns * (side + text) + 4
        sheet.paste(Image.fromarray(images[index]).resize((side, side), Image.Resampling.BICUBIC), (x, y))
        for line, below in zip(pair, (0, 15), strict=True):
            line.draw(pen, (x, y + side + below), BLACK)
    return sheet


def _cut(text: str, end: str = "") -> Line:
    """The text followed by `end`, shortened in the middle if it would be wider than `WIDEST`."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # names of files that are not UTF-8
    kept = len(text)
    while (line := Line(_shortened(text, kept) + end, TEXT_SIZE)).length > WIDEST:
        kept -= 1
    return line


def _shortened(text: str, kept: int) -> str:
    return text if kept >= len(text) else f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def save_picture(picture: "Figure | Image.Image", path: Path) -> None:
    """Write a PNG atomically; the same data gives the same bytes."""
    with replacing(path) as temporary:
        if isinstance(picture, Image.Image):
            picture.save(temporary, "PNG")
        else:
            with own_style():
                cover_scripts(picture)
                picture.set_dpi(DPI)
                # one drawing; savefig makes two, with the same result
                picture.canvas.print_png(temporary, metadata={"Software": None})  # type: ignore[attr-defined]
