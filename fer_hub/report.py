"""Pictures and a readable report of what was measured: confusions, scores of every class, calibration, mistakes.

Every picture but the last is drawn from `metrics.json` alone. Colours are Okabe and Ito's (2008) and matplotlib's
perceptually uniform maps, which colour-blind people can read too; figures stand beside colours everywhere.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from fer_hub.files import replacing

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#999999"


def plot_confusion(row: dict) -> Figure:
    """Confusion matrix of one split: colour and first figure are shares of the label's images, below it the counts.

    Args:
        row: what `classification_metrics` returned.
    """
    names = list(row["recall"])
    counts = np.array(row["confusion"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(1.0 * len(names) + 2.2, 0.85 * len(names) + 1.6), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for (label, predicted), share in np.ndenumerate(shares):
        axes.text(
            predicted, label, f"{share:.0%}\n{counts[label, predicted]}",
            ha="center", va="center", fontsize=9, color="black" if share > 0.55 else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="label", title=f"Confusions, {row['images']:,} images")
    figure.colorbar(picture, label="share of the label's images", format="{x:.0%}")
    return figure


def plot_scores(row: dict) -> Figure:
    """Precision, recall and F1 of every class as bars."""
    names = list(row["recall"])
    figure = Figure(figsize=(1.2 * len(names) + 2, 4), layout="constrained")
    axes = figure.add_subplot()
    positions = np.arange(len(names))
    for offset, (score, colour) in enumerate(zip(("precision", "recall", "f1"), (BLUE, ORANGE, GREEN), strict=True)):
        values = [100 * row[score][name] for name in names]
        bars = axes.bar(positions + 0.27 * (offset - 1), values, 0.25, color=colour, label=score)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(positions, names)
    axes.set(ylabel="%", ylim=(0, 108), title=f"Every expression by itself, {row['images']:,} images")
    axes.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.08), frameon=False)
    return figure


def plot_calibration(row: dict, before: dict | None = None) -> Figure:
    """Reliability diagram (Guo et al. 2017): how often the network is right against how sure it says it is.

    Args:
        row: what `classification_metrics` returned.
        before: the same before temperature scaling, drawn for comparison.
    """
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes, histogram = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 100], [0, 100], color=GREY, linestyle="--", label="as sure as right")
    for data, colour, marker, name in ((before, ORANGE, "s", "before scaling"), (row, BLUE, "o", "this checkpoint")):
        if data is None:
            continue
        bins = [entry for entry in data["calibration_bins"] if entry["images"]]
        said, right = ([100 * entry[key] for entry in bins] for key in ("confidence", "accuracy"))
        error = 100 * data["calibration_error"]
        axes.plot(said, right, color=colour, marker=marker, label=f"{name}: calibration error {error:.1f} %")
    axes.set(ylabel="accuracy in %", ylim=(0, 100), title="Calibration of the likeliest expression")
    axes.legend(loc="upper left", frameon=False)
    edges = np.linspace(0, 100, len(row["calibration_bins"]) + 1)
    histogram.bar(
        edges[:-1], [entry["images"] for entry in row["calibration_bins"]], np.diff(edges), align="edge", color=BLUE
    )
    histogram.set(xlabel="probability of the likeliest expression in %", ylabel="images", xlim=(0, 100))
    return figure


def plot_training(log: Sequence[dict]) -> Figure:
    """Loss, validation accuracy and learning rate over the epochs, from the Trainer's log."""
    figure = Figure(figsize=(9, 3), layout="constrained")
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
    """The images on which the network is surest and wrong, surest first, with label and prediction.

    Args:
        images: uint8 array (images, size, size).
        probabilities: float array (images, classes).
        labels: integer array (images,).
        most: at most so many images.

    Returns:
        RGB image, ten columns.
    """
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    columns, side, text = 10, 96, 34
    sheet = Image.new("RGB", (columns * (side + 8), max(1, -(-len(wrong) // columns)) * (side + text)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for position, index in enumerate(wrong):
        x, y = position % columns * (side + 8) + 4, position // columns * (side + text) + 4
        sheet.paste(Image.fromarray(images[index]).resize((side, side), Image.Resampling.BICUBIC), (x, y))
        lines = f"{names[labels[index]]}\n-> {names[predicted[index]]} {sure[index]:.0%}"
        pen.multiline_text((x, y + side), lines, fill="black", font=font, spacing=1)
    return sheet


def save_picture(picture: Figure | Image.Image, path: Path) -> None:
    """Write a PNG, all of it or nothing; the same figures give the same bytes."""
    with replacing(path) as temporary:
        if isinstance(picture, Figure):
            picture.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
        else:
            picture.save(temporary, "PNG")
