"""The figure of groups: accuracy and share of faces found with their intervals, and recall per class."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_hub.figures import new_figure, own_style, plain
from fer_hub.hub.plots import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = (("accuracy", "accuracy", "images", BLUE, "o"), ("found", "face found", "looked_at", ORANGE, "s"))


@own_style()
def plot_groups(groups: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """One row of panels for each grouping.

    On the left the shares of every group with 95 % intervals, the number of images beside its name, and the share of
    all images as a dashed line; on the right the recall of every class, or without labels how often it is predicted.

    Args:
        groups: grouping → what `evaluation.groups.group_figures` returned.
    """
    rows = {by: entry["groups"] for by, entry in groups.items()}
    kind, share = ("recall", "recall") if any("recall" in row for each in rows.values() for row in each) else (
        "predicted", "share",
    )  # fmt: skip
    classes = list(dict.fromkeys(name for each in rows.values() for row in each for name in row.get(kind, {})))
    heights = [len(each) + 1.6 for each in rows.values()]
    figure = new_figure(figsize=(max(8.0, 5.2 + 0.78 * len(classes)), 0.36 * sum(heights) + 1.2), layout="constrained")
    panels = figure.subplots(len(rows), 2, squeeze=False, height_ratios=heights, width_ratios=(1, 1.5))
    for (left, right), (by, each) in zip(panels, rows.items(), strict=True):
        _shares(left, by, each)
        _classes(right, each, classes, kind, share)
    panels[0][1].set_title(f"{kind} in %" if kind == "recall" else "predictions in %")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _shares(axes: "Axes", by: str, rows: list[Mapping[str, Any]]) -> None:
    places = np.arange(len(rows))
    for key, label, of, colour, marker in SHARES:
        known = [place for place, row in zip(places, rows, strict=True) if key in row]
        if not known:
            continue
        values = np.array([100 * rows[place][key] for place in known])
        ends = np.array([[100 * end for end in rows[place][f"{key}_interval"]] for place in known]).T
        counts = np.array([rows[place][of] for place in known])
        axes.errorbar(
            values, known, xerr=np.abs(ends - values), fmt=marker, color=colour, markersize=5, capsize=2, label=label
        )
        axes.axvline(float(values @ counts / counts.sum()), color=colour, linestyle="--", linewidth=0.8)
    names = [f"{plain(row['name'])} ({row['images']:,})" for row in rows]
    axes.set_yticks(places, names)
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), title=f"by {plain(by)}", xlabel="%")
    axes.grid(axis="x", color=GREY, alpha=0.3)


def _classes(axes: "Axes", rows: list[Mapping[str, Any]], classes: list[str], kind: str, share: str) -> None:
    values = np.full((len(rows), len(classes)), np.nan)
    for place, row in enumerate(rows):
        for name, found in row.get(kind, {}).items():
            values[place, classes.index(name)] = found[share]
    axes.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (place, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            count = rows[place][kind][classes[column]]["images"]
            axes.text(
                column, place, f"{100 * value:.0f}  ({count})", ha="center", va="center", fontsize=7.5,
                color="black" if value > 0.55 else "white",
            )  # fmt: skip
    axes.set_xticks(range(len(classes)), [*map(plain, classes)], rotation=20, ha="right")
    axes.set_yticks([])
