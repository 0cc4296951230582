"""The weight of FER-2013's label against FER+'s votes, and class weights, measured on the last layer.

    python -m benchmarks.label_share --data path/to/fer2013 --press path/to/press_photographs

Fits the last layer of the default checkpoint anew (`fer_hub.training.refit`) to targets with several weights of the
label, and with class weights, each on three draws of augmented training images. Writes results/label_share.json: mean
and standard deviation over the draws of the accuracy on FER-2013 and FER+ validation, of the recall of neutral, happy,
angry and sad on press photographs and their mean, and of the recalls of rare classes on FER+ validation with a uniform
prior.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.robustness import press_set, validation_sets
from fer_hub.data import decode_images, load_fer2013, targets
from fer_hub.data.duplicates_file import known_copies
from fer_hub.evaluation.robustness import PRESS_CLASSES, Judged
from fer_hub.files import write_json
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.training.augmentation import PRESETS, Augmentation
from fer_hub.training.refit import last_layer_inputs, logistic_regression
from fer_hub.training.soft_labels import class_weights

VARIANTS = ((0.3, "none"), (0.4, "none"), (0.5, "none"), (0.6, "none"), (0.7, "none"), (0.5, "effective"))
"""Weight of the label, and class weights."""

DRAWS = 3

RARE = ("disgust", "fear", "contempt")


def judged(logits: np.ndarray, names: list[str], part: Judged) -> tuple[float, dict[str, float]]:
    """Accuracy, and recall of every class that occurs.

    Args:
        logits: float array (images, classes).
        names: of these classes.
        part: the images' labels and classes.
    """
    predicted = logits[:, [names.index(name) for name in part.names]].argmax(1)
    right = predicted == part.labels
    recalls = {name: float(right[part.labels == index].mean())
               for index, name in enumerate(part.names) if (part.labels == index).any()}  # fmt: skip
    return float(right[part.labels >= 0].mean()), recalls


def figures(weight: torch.Tensor, bias: torch.Tensor, shares: torch.Tensor, names: list[str], parts: list) -> dict:
    """What one last layer gives.

    Args:
        shares: the class prior of its targets.
        parts: of FER-2013, FER+ and press, pairs of features and labels.
    """
    row: dict[str, float] = {}
    for features, part in parts:
        logits = (features @ weight.T + bias).numpy()
        accuracy, recalls = judged(logits, names, part)
        if part.name == "press":
            row |= {f"press {name}": recalls[name] for name in PRESS_CLASSES}
            row["press mean"] = statistics.mean(recalls[name] for name in PRESS_CLASSES)
        else:
            row[part.name] = accuracy
        if part.name == "FER+":
            uniform = judged(logits - shares.log().numpy(), names, part)[1]
            row |= {f"uniform prior: {name}": uniform.get(name, 0.0) for name in RARE}
    return row


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.label_share",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--press", required=True, help="folder of press photographs with a label")
    parser.add_argument(
        "--duplicates", type=Path, default=Path("results/fer2013_duplicates.json"), help="(%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=Path("results/label_share.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    folder = default_checkpoint()
    model = FERForImageClassification.from_pretrained(folder).eval()
    processor = FERImageProcessor.from_pretrained(folder)
    names = list(model.config.id2label.values())
    splits = load_fer2013(args.data)
    left_out = known_copies(args.duplicates, {name: len(split) for name, split in splits.items()})
    wanted = {share: targets(splits["train"], "both", share) for share, _ in VARIANTS}
    rows = wanted[0.5].rows
    kept = np.flatnonzero(~np.isin(rows, left_out))
    images = decode_images(splits["train"])[rows[kept]]
    parts = [(last_layer_inputs(model, processor, part.images, Augmentation()), part)
             for part in [*validation_sets(args.data), press_set(args.press)]]  # fmt: skip
    measured: dict[tuple[float, str], list[dict]] = {variant: [] for variant in VARIANTS}
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        camera = replace(PRESETS["camera"], crop=1.0)
        features = last_layer_inputs(model, processor, images, camera, progress=f"draw {draw + 1}")
        for share, kind in VARIANTS:
            labels = torch.from_numpy(wanted[share].votes[kept])
            prior = labels.mean(0)
            if (weights := class_weights(labels, len(names), kind)) is not None:
                weighted = labels * (labels @ weights)[:, None]
                weight, bias = logistic_regression(features, weighted)
                bias = bias + (prior / (weighted.sum(0) / weighted.sum())).log()  # back to the base rates
            else:
                weight, bias = logistic_regression(features, labels)
            measured[share, kind].append(figures(weight, bias, prior, names, parts))
    result = [
        {"label_share": share, "class_weights": kind, "draws": len(found)}
        | {
            name: [statistics.mean(values := [row[name] for row in found]), statistics.stdev(values)]
            for name in found[0]
        }
        for (share, kind), found in measured.items()
    ]
    write_json(args.output, {"checkpoint": folder.name, "variants": result})
    for row in result:
        said = ", ".join(f"{name} {100 * value[0]:.1f}" for name, value in row.items() if isinstance(value, list))
        print(f"{row['label_share']}, class weights {row['class_weights']}: {said}")


if __name__ == "__main__":
    main()
