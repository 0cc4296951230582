"""The table of architectures: a CSV file as the record, and Markdown and a figure made from it."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.table_files import read_rows, write_files
from fer_hub.figures import new_figure
from fer_hub.hub.plots import BLUE, GREY, ORANGE

COLUMNS: dict[str, Callable] = {
    "row": str, "architecture": str, "labels": str, "augmentation": str, "weights": str, "image_size": int,
    "epochs": float, "validation_accuracy": float, "test_accuracy": float, "test_low": float, "test_high": float,
    "test_macro_f1": float, "test_calibration_error": float, "parameters": int, "macs": int, "cpu_ms": float,
    "minutes": float, "device": str, "command": str,
}  # fmt: skip
"""Column of the CSV file → its parser. Accuracies are fractions, `cpu_ms` is for one face on one core."""

GROUPS = {
    "FER-2013, seven expressions": lambda line: line["labels"] == "fer2013",
    "FER+, eight expressions": lambda line: line["labels"] != "fer2013",
}
"""Title → which rows belong under it."""

HEAD = """# Networks side by side

Made by `python -m benchmarks.architectures`, which trains the rows and can be interrupted; `architectures.csv` beside
this file holds the same in full precision. The epoch was chosen on validation, test chose nothing; one forward pass
per image, calibration error without a fitted temperature. The interval is a 95 % bootstrap over the test
images; two rows whose intervals overlap may well be equally good. `light` and `heavy` are augmentations
(`fer_hub/training/augmentation.py`). Milliseconds are CPU time for one face on one core in float32, all networks taking
turns. Training times were taken while the machine did other work too. Rows say for how many epochs they were trained:
few where a CPU had no time for more (`--length cpu`), which says little about what a network can reach; without that
option the command trains each for as long as it needs. Each row is one training: what another seed would change is not
in the intervals. Networks made for ImageNet also have another optimiser than `residual_cnn` (AdamW instead of SGD),
other parameters and, where the column says so, more pixels; what the weights alone bring is told by the two rows of
`efficientnet_lite0`.
"""


def read_table(folder: Path) -> dict[str, dict]:
    """Name of a row → its columns, from `architectures.csv`; empty if there is no such file."""
    return read_rows(folder / "architectures.csv", COLUMNS)


def write_table(folder: Path, lines: list[dict]) -> None:
    """Write `architectures.csv`, `.md` and `.png`; a line has the keys of `COLUMNS`."""
    write_files(folder / "architectures", COLUMNS, lines, markdown(lines), plot(lines))


def markdown(lines: list[dict]) -> str:
    """The whole text of `architectures.md`."""
    parts = [HEAD, "![Accuracy on test of every row, with its interval](architectures.png)\n"]
    for title, belongs in GROUPS.items():
        if chosen := [line for line in lines if belongs(line)]:
            parts.append(f"## {title}\n\n{_table(chosen)}\n")
    said = "\n".join(f"- {each}" for each in findings(lines))
    parts.append(f"## Compared in pairs\n\n{said}\n")
    commands = "\n".join(f"{line['command']}   # {line['row']}" for line in lines)
    parts.append(f"## Commands\n\n```bash\n{commands}\n```\n")
    return "\n".join(parts)


def _table(lines: list[dict]) -> str:
    head = (
        "| network | augmentation | weights at the start | pixels | epochs | validation | test (95 % interval) | "
        "macro-F1 | calibration error | parameters | MACs | ms per face | training |"
    )
    return "\n".join(
        [
            head,
            "|" + "---|" * (head.count("|") - 1),
            *map(_cells, lines),
        ]
    )


def _cells(line: dict) -> str:
    low, high = (100 * line[key] for key in ("test_low", "test_high"))
    cells = (
        f"`{line['architecture']}`", line["augmentation"], line["weights"], str(line["image_size"]),
        f"{line['epochs']:g}", f"{line['validation_accuracy']:.1%}",
        f"{line['test_accuracy']:.1%} ({low:.1f} to {high:.1f})", f"{line['test_macro_f1']:.3f}",
        f"{line['test_calibration_error']:.3f}", f"{line['parameters']:,}", f"{line['macs'] / 1e6:.1f} M",
        f"{line['cpu_ms']:.2f}", f"{line['minutes']:g} min {line['device']}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def findings(lines: list[dict]) -> list[str]:
    """Sentences that compare pairs of rows that were trained equally long, and one that names the other pairs."""
    by_name = {line["row"]: line for line in lines}
    said: list[str] = []
    unequal: list[str] = []

    def compare(what: str, one: str, other: str) -> None:
        if one in by_name and other in by_name:
            pair = by_name[one], by_name[other]
            if pair[0]["epochs"] == pair[1]["epochs"]:
                said.append(f"{what}: {_compared(*pair)}")
            else:
                unequal.append(f"{what[0].lower()}{what[1:]} ({pair[0]['epochs']:g} and {pair[1]['epochs']:g} epochs)")

    for network in ("residual_cnn", "sequential_cnn", "baseline_cnn"):
        compare(f"Light augmentation against none, `{network}`", f"{network}-light", f"{network}-none")
        compare(f"Heavy augmentation against light, `{network}`", f"{network}-heavy", f"{network}-light")
        compare(f"Heavy augmentation against none, `{network}`", f"{network}-heavy", f"{network}-none")
    compare("Residual against plain, both with batch norm", "residual_cnn-light", "scratch_cnn-light")
    compare("Batch norm against none, both plain", "scratch_cnn-light", "sequential_cnn-light")
    pretrained, random = "efficientnet_lite0-imagenet-light", "efficientnet_lite0-random-light"
    compare("ImageNet weights against random ones, `efficientnet_lite0`", pretrained, random)
    for row in ("resnet50-light", "vgg16-light", "mobilenet_v2-light", pretrained, random):
        network, start = (by_name.get(row, {}).get(key) for key in ("architecture", "weights"))
        compare(
            f"A network made for ImageNet (`{network}`, {start} weights) against one made for small faces",
            row, "residual_cnn-light",
        )  # fmt: skip
    if unequal:
        said.append(f"Not compared, as one was trained for longer: {'; '.join(unequal)}.")
    return said


def _compared(one: dict, other: dict) -> str:
    difference = 100 * (one["test_accuracy"] - other["test_accuracy"])
    apart = one["test_low"] > other["test_high"] or one["test_high"] < other["test_low"]
    verdict = f"{abs(difference):.1f} points {'better' if difference > 0 else 'worse'} on test"
    means = f"the intervals {'do not overlap' if apart else 'overlap, so this may be chance'}"
    return f"{one['test_accuracy']:.1%} against {other['test_accuracy']:.1%}, {verdict}; {means}."


def _epochs(line: dict) -> str:
    return f"{line['epochs']:g} epoch{'' if line['epochs'] == 1 else 's'}"


def plot(lines: list[dict]) -> Figure:
    """Test accuracy with its interval, one line per row, FER-2013 above FER+."""
    panels = [
        (title, chosen) for title, belongs in GROUPS.items() if (chosen := [line for line in lines if belongs(line)])
    ]
    figure = new_figure(figsize=(8, 1.8 + 0.4 * len(lines) + 0.6 * len(panels)), layout="constrained")
    heights = [len(chosen) + 1.5 for _, chosen in panels]
    for axes, (title, chosen) in zip(
        figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0], panels, strict=True
    ):
        for augmentation, colour, marker in (("none", GREY, "s"), ("light", BLUE, "o"), ("heavy", ORANGE, "^")):
            places = [place for place, line in enumerate(chosen) if line["augmentation"] == augmentation]
            if not places:
                continue
            accuracy = [100 * chosen[place]["test_accuracy"] for place in places]
            below = [100 * (chosen[place]["test_accuracy"] - chosen[place]["test_low"]) for place in places]
            above = [100 * (chosen[place]["test_high"] - chosen[place]["test_accuracy"]) for place in places]
            style = {"fmt": marker, "color": colour, "capsize": 3, "label": augmentation}
            axes.errorbar(accuracy, places, xerr=[below, above], **style)
            for place, value, room in zip(places, accuracy, above, strict=True):
                end = (value + room, place)
                axes.annotate(f"{value:.1f}", end, xytext=(4, -3), textcoords="offset points", fontsize=8)
        names = [
            f"{line['architecture']}{' from ImageNet' if line['weights'] == 'ImageNet' else ''}, "
            f"{line['augmentation']}, {_epochs(line)}"
            for line in chosen
        ]
        axes.set_yticks(range(len(chosen)), names)
        axes.invert_yaxis()
        axes.set(xlabel="accuracy on test in %, with 95 % interval", title=title)
        axes.grid(alpha=0.3, axis="x")
        axes.margins(x=0.12)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="augmentation")
    return figure
