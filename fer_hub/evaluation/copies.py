"""Accuracy on the clean part of a split: images of which no other split holds a copy.

    fer-hub clean-accuracy ./checkpoints/fer2013 --data path/to/fer2013 --duplicates results/fer2013_duplicates.json

A network that was trained on a copy of a test image, or chosen by one in validation, has seen that image; published
figures of FER-2013 are measured with such images. The file comes from `fer-hub duplicates`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_hub.data import decode_images
from fer_hub.data.duplicates import rows_with_a_copy
from fer_hub.data.duplicates_file import load_groups
from fer_hub.evaluation.class_map import map_classes
from fer_hub.evaluation.metrics import BOOTSTRAP_SAMPLES
from fer_hub.evaluation.splits import load_splits
from fer_hub.files import read_json
from fer_hub.inference.logits import predict_probabilities
from fer_hub.model import FERForImageClassification, FERImageProcessor


def measure_clean(
    checkpoint: str | Path,
    data: str,
    duplicates: Path,
    *,
    split: str = "test",
    labels: str = "auto",
    progress: bool = True,
) -> dict:
    """Accuracy of a checkpoint on a whole split, on its clean part, and on the images with a copy elsewhere.

    Args:
        checkpoint: folder or Hub id.
        data: the data set that `duplicates` was made from.
        duplicates: file that `fer-hub duplicates` wrote; its rows are those of the data set's own splits.
        split: the split to measure on; copies in any other split of the file count.
        labels: as for `evaluate`.
        progress: show a progress bar.

    Returns:
        JSON-ready dict: `split`, `others`, and what `part_accuracy` says of `whole`, `clean` and `with_a_copy`.

    Raises:
        ValueError: the data set has not as many rows as the file says, or not the checkpoint's classes.
    """
    model = FERForImageClassification.from_pretrained(checkpoint)
    image_processor = FERImageProcessor.from_pretrained(checkpoint)
    names = list(model.config.id2label.values())
    known = load_groups(duplicates)
    faces, target = load_splits(checkpoint, names, data, [split], labels=labels)[split]
    found = map_classes(names, target.names)
    if found.dropped or found.missing:
        raise ValueError(
            f"the data set must have the classes of the checkpoint, {', '.join(names)}, got {', '.join(target.names)}; "
            "take the data that it was trained on."
        )
    counts = read_json(duplicates)["splits"]
    others = [name for name in counts if name != split]
    copied = rows_with_a_copy(known, split, others)
    rows = counts.get(split, {}).get("images", 0)
    if target.rows.max() >= rows:
        raise ValueError(
            f"{duplicates} must be made from the data set that is measured, whose {split} split has a row "
            f"{target.rows.max()}; the file knows {rows} rows. Run `fer-hub duplicates` on it."
        )
    images = decode_images(faces, model.config.image_size)
    bar = f"evaluate {split}" if progress else None
    right = found.apply(predict_probabilities(model, image_processor, images, progress=bar)).argmax(1) == target.classes
    unclean = np.isin(target.rows, copied)
    parts = {"whole": right, "clean": right[~unclean], "with_a_copy": right[unclean]}
    return {"split": split, "others": others} | {name: part_accuracy(part) for name, part in parts.items()}


def part_accuracy(right: np.ndarray) -> dict:
    """Count and share of right answers.

    Args:
        right: bool array (images,), may be empty.

    Returns:
        `images`; with any, `accuracy` in [0, 1] and `accuracy_interval`, [low, high], 95 % percentile bootstrap.

    Example:
        >>> part_accuracy(np.array([True] * 80 + [False] * 20))["accuracy"]
        0.8
    """
    if not len(right):
        return {"images": 0}
    draws = np.random.default_rng(0).binomial(len(right), right.mean(), BOOTSTRAP_SAMPLES) / len(right)
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"images": len(right), "accuracy": float(right.mean()), "accuracy_interval": [float(low), float(high)]}


def summary(result: dict) -> str:
    """One line for each part."""
    said = {"whole": "whole", "clean": "no copy elsewhere", "with_a_copy": "with a copy elsewhere"}
    lines = []
    for name, words in said.items():
        row = result[name]
        if row["images"]:
            low, high = row["accuracy_interval"]
            figure = f"{row['accuracy']:.1%} ({low:.1%} to {high:.1%}) of {row['images']:,}"
        else:
            figure = "no images"
        lines.append(f"{result['split']}, {words}: {figure}")
    return "\n".join(lines)
