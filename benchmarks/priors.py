"""The trade-off of class priors: recall of every class against accuracy.

    python -m benchmarks.priors --data path/to/fer2013                       # on validation
    python -m benchmarks.priors --data path/to/fer2013 --split test          # once per released checkpoint

Evaluates a checkpoint of FER+'s eight classes with priors between the training prior and the uniform one: the training
prior to the power of 1 - t, for t from 0 to 1, renormalised. Writes results/priors.csv and .png, and to
results/priors_counts.json how many images of each class there are, and how many are predicted, and rightly, at the two
ends; with `--split test` the recalls of the two ends on test to results/priors_test.csv.
"""

import argparse
import csv
import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fer_hub.data import decode_images, load_fer2013, targets
from fer_hub.evaluation.class_map import map_classes
from fer_hub.figures import new_figure
from fer_hub.files import write_json, write_text
from fer_hub.hub.plots import save_picture
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.inference.logits import predict_logits
from fer_hub.inference.priors import logit_shift
from fer_hub.model import FERForImageClassification, FERImageProcessor

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Steps from the training prior (0) to the uniform prior (1)."""


def prior(config: object, towards: float) -> dict[str, float]:
    """Label → prior at a step."""
    shares = np.asarray(config.class_shares) ** (1 - towards)
    return {config.id2label[index]: float(share) for index, share in enumerate(shares / shares.sum())}


def lines(logits: np.ndarray, labels: np.ndarray, config: object, steps: tuple[float, ...] = STEPS) -> list[dict]:
    """For each step accuracy, macro recall and the recall of every class.

    Args:
        logits: float array (images, classes).
        labels: positions in them, integer array (images,).
        config: of the network, with `class_shares`.
    """
    result = []
    for towards in steps:
        predicted = (logits + logit_shift(config, prior(config, towards))).argmax(1)
        recalls = {
            name: float((predicted[labels == index] == index).mean())
            for index, name in config.id2label.items() if (labels == index).any()
        }  # fmt: skip
        accuracy = float((predicted == labels).mean())
        result.append({"towards uniform": towards, "accuracy": accuracy,
                       "macro recall": float(np.mean(list(recalls.values()))), **recalls})  # fmt: skip
    return result


def counts(logits: np.ndarray, labels: np.ndarray, config: object) -> dict[str, dict[str, dict[str, int]]]:
    """For the training prior and the uniform one: class → its `images`, how many are `predicted`, and `right`.

    Args: as for `lines`.
    """
    result = {}
    for name, towards in (("training", 0.0), ("uniform", 1.0)):
        predicted = (logits + logit_shift(config, prior(config, towards))).argmax(1)
        result[name] = {
            label: {
                "images": int((labels == index).sum()),
                "predicted": int((predicted == index).sum()),
                "right": int(((predicted == index) & (labels == index)).sum()),
            }
            for index, label in config.id2label.items()
        }
    return result


def plot(rows: list[dict]) -> Figure:
    """Recall of every class against accuracy, one line per class, one point per step."""
    figure = new_figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    accuracy = [100 * row["accuracy"] for row in rows]
    for name in rows[0]:
        if name not in ("towards uniform", "accuracy"):
            wide = 3 if name == "macro recall" else 1.2
            axes.plot(accuracy, [100 * row[name] for row in rows], "o-", ms=3, lw=wide, label=name)
    axes.set_xlabel("accuracy on validation in %; right: base rates of training, left: uniform")
    axes.set_ylabel("recall in %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def write_csv(path: Path, rows: list[dict]) -> None:
    """One line for each row, whose keys are the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: round(value, 4) for name, value in row.items()} for row in rows)
    write_text(path, text.getvalue())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.priors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="folder (the default checkpoint)")
    parser.add_argument("--split", choices=["validation", "test"], default="validation", help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder (%(default)s)")
    args = parser.parse_args(argv)
    model = FERForImageClassification.from_pretrained(args.checkpoint).eval()
    split = load_fer2013(args.data)[args.split]
    found = targets(split, "ferplus")
    images = decode_images(split)[found.rows]
    logits = predict_logits(model, FERImageProcessor.from_pretrained(args.checkpoint), images, progress=args.split)
    columns = map_classes(list(model.config.id2label.values()), found.names).columns
    labels = np.argsort(columns)[found.classes]  # positions in the logits
    steps = STEPS if args.split == "validation" else (0.0, 1.0)
    rows = lines(logits, labels, model.config, steps)
    write_csv(args.output / ("priors.csv" if args.split == "validation" else "priors_test.csv"), rows)
    if args.split == "validation":
        save_picture(plot(rows), args.output / "priors.png")
        write_json(args.output / "priors_counts.json", counts(logits, labels, model.config))
    for row in rows:
        print(", ".join(f"{name} {100 * value:.1f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
