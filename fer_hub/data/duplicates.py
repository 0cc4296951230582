"""Near-duplicates: pictures of FER-2013 that stand in more than one split, which flatters every figure measured on it.

    fer-hub duplicates --data path/to/fer2013 --output results/duplicates.json
    fer-hub duplicates --data path/to/fer2013 --checkpoint checkpoints/fer2013 runs/copies/final
    fer-hub duplicates --data path/to/fer2013 --sheet pairs.png

Counts the validation and test images of which train holds a copy, and how often the two copies carry different labels;
with checkpoints of FER-2013's classes also how often each is right on the images with and without a copy. The sheet
shows pairs from surely the same to surely not. `train.py --drop_duplicates` leaves such images out of train.
"""

import argparse
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from tqdm.auto import tqdm

from fer_hub.files import replacing, write_json

CORRELATION = 0.93
"""From this correlation of grey values on two images count as the same: of pairs looked at by eye nearly all between
0.93 and 0.95 are one photograph, cropped or compressed anew, and below 0.9 ever more are of two people."""

BANDS = (1.01, 0.99, 0.97, 0.95, 0.93, 0.91, 0.89, 0.87, 0.85)
"""Limits of the rows of the sheet, correlations."""


@dataclass(frozen=True)
class Nearest:
    """For every image its most similar reference.

    Attributes:
        index: position of that reference, int64 (images,).
        correlation: Pearson's correlation of the grey values, float32 (images,), -1 to 1.
        mirrored: whether the image is most similar when mirrored, bool (images,).
    """

    index: np.ndarray
    correlation: np.ndarray
    mirrored: np.ndarray


@torch.inference_mode()
def nearest(images: np.ndarray, references: np.ndarray, *, progress: str | None = None) -> Nearest:
    """Compare all images, as they are and mirrored, with all references.

    Args:
        images, references: uint8 arrays (count, size, size) of the same size, at least one each.
        progress: text beside a progress bar; no bar if `None`.

    Raises:
        ValueError: the two do not have the same size, or one is empty.
    """
    if images.shape[1:] != references.shape[1:] or not len(images) or not len(references):
        raise ValueError(
            f"images and references must be of the same size and at least one each, got {images.shape} and "
            f"{references.shape}; decode both with the same size."
        )
    known = _standardise(references).T
    rows = []
    for start in tqdm(range(0, len(images), 512), desc=progress, disable=progress is None, unit="batch"):
        batch = images[start : start + 512]
        views = [(_standardise(view) @ known).max(1) for view in (batch, batch[:, :, ::-1])]
        both = torch.stack([view.values for view in views])
        where = torch.stack([view.indices for view in views])
        mirrored = both[1] > both[0]
        rows.append((torch.where(mirrored, where[1], where[0]), both.amax(0), mirrored))
    return Nearest(*(torch.cat(parts).numpy() for parts in zip(*rows, strict=True)))


def without_duplicates(images: np.ndarray, *others: np.ndarray, progress: str | None = None) -> np.ndarray:
    """Positions of the images that no image of `others` is a near-duplicate of, int64, ascending.

    Args:
        images: uint8 array (images, size, size), such as train.
        others: arrays of the same size, such as validation and test.
        progress: text beside a progress bar; no bar if `None`.
    """
    found = nearest(images, np.concatenate(others), progress=progress)
    return np.flatnonzero(found.correlation < CORRELATION)


Splits = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Name → images, uint8 (images, size, size), and labels, integers (images,)."""


def compare_with_train(splits: Splits) -> dict[str, Nearest]:
    """The most similar training image of every image of the other splits; one of `splits` is `train`."""
    train = splits["train"][0]
    return {
        name: nearest(images, train, progress=f"compare {name} with train")
        for name, (images, _) in splits.items()
        if name != "train"
    }


def count(splits: Splits, found: Mapping[str, Nearest]) -> dict[str, dict[str, int]]:
    """How many images of validation and test are in train too.

    Args:
        splits: with `train`.
        found: what `compare_with_train` said of the others.

    Returns:
        Split → `images`; `copies`, with a near-duplicate in train; `exact`, of those with a correlation above 0.999;
        `other_label`, of the copies whose nearest one carries another label.
    """
    rows = {}
    for name, near in found.items():
        copies = near.correlation >= CORRELATION
        rows[name] = {
            "images": len(copies),
            "copies": int(copies.sum()),
            "exact": int((near.correlation > 0.999).sum()),
            "other_label": int((splits[name][1] != splits["train"][1][near.index])[copies].sum()),
        }
    return rows


def accuracies(checkpoint: str, splits: Splits, found: Mapping[str, Nearest]) -> dict[str, dict[str, float]]:
    """How often a checkpoint is right on images that have a copy in train, and on the others.

    Args:
        checkpoint: folder or Hub id, with the classes of the labels.
        splits: with those of `found`.
        found: what `compare_with_train` said of them.

    Returns:
        Split → accuracy on `all` of its images, on those `with_a_copy` and `without_a_copy`, shares in [0, 1]; an entry
        without images is left out.
    """
    from fer_hub.inference.logits import predict_probabilities
    from fer_hub.model import FERForImageClassification, FERImageProcessor

    model = FERForImageClassification.from_pretrained(checkpoint)
    image_processor = FERImageProcessor.from_pretrained(checkpoint)
    rows = {}
    for name, near in found.items():
        images, labels = splits[name]
        right = predict_probabilities(model, image_processor, images).argmax(1) == labels
        copies = near.correlation >= CORRELATION
        groups = {"all": right, "with_a_copy": right[copies], "without_a_copy": right[~copies]}
        rows[name] = {kind: float(group.mean()) for kind, group in groups.items() if len(group)}
    return rows


def pairs_sheet(images: np.ndarray, references: np.ndarray, found: Nearest, columns: int = 10) -> Image.Image:
    """Images beside their nearest reference with the correlation; a row for each band of correlations, grey."""
    side = images.shape[1]
    width, height = 2 * side + 12, side + 18
    sheet = Image.new("L", (columns * width, (len(BANDS) - 1) * height), 255)
    pen = ImageDraw.Draw(sheet)
    for row, (high, low) in enumerate(itertools.pairwise(BANDS)):
        inside = np.flatnonzero((found.correlation >= low) & (found.correlation < high))
        for column, index in enumerate(np.random.default_rng(0).permutation(inside)[:columns]):
            x, y = column * width, row * height
            image = images[index][:, ::-1] if found.mirrored[index] else images[index]
            sheet.paste(Image.fromarray(np.ascontiguousarray(image)), (x, y))
            sheet.paste(Image.fromarray(references[found.index[index]]), (x + side + 2, y))
            pen.text((x, y + side + 2), f"{found.correlation[index]:.3f}", fill=0)
    return sheet


def _standardise(images: np.ndarray) -> torch.Tensor:
    """Rows of mean 0 and length 1, so that a product of two is their correlation; a flat image gives zeros."""
    rows = torch.from_numpy(np.ascontiguousarray(images)).float().flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)


def main(argv: list[str] | None = None) -> None:
    from fer_hub.data import decode_images, load_fer2013

    parser = argparse.ArgumentParser(
        prog="fer-hub duplicates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, help="Hub dataset id, parquet, Kaggle CSV or image folder")
    parser.add_argument("--checkpoint", nargs="+", default=[], help="checkpoint folders or Hub ids of seven classes")
    parser.add_argument("--output", type=Path, help="JSON file for what is printed")
    parser.add_argument("--sheet", type=Path, help="PNG file for pairs of test and train")
    args = parser.parse_args(argv)
    loaded = load_fer2013(args.data)
    splits = {name: (decode_images(split), np.array(split["label"][:])) for name, split in loaded.items()}
    found = compare_with_train(splits)
    counts = count(splits, found)
    for name, row in counts.items():
        print(
            f"{name}: {row['copies']} of {row['images']} images have a near-duplicate in train ({row['exact']} are "
            f"exact); {row['other_label']} of these carry another label there"
        )
    result: dict = {"correlation": CORRELATION, **counts}
    for checkpoint in args.checkpoint:
        shares = accuracies(checkpoint, splits, found)
        result.setdefault("accuracy", {})[checkpoint] = shares
        for name, row in shares.items():
            groups = ", ".join(f"{share:.1%} {kind.replace('_', ' ')}" for kind, share in row.items())
            print(f"{checkpoint}, accuracy on {name}: {groups}")
    if args.output:
        write_json(args.output, result)
    if args.sheet:
        with replacing(args.sheet) as temporary:
            pairs_sheet(splits["test"][0], splits["train"][0], found["test"]).save(temporary, "PNG")


if __name__ == "__main__":
    main()
