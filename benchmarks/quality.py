"""Fits the quality of a face, and measures whether it predicts errors.

    python -m benchmarks.quality path/to/fer2013

FER-2013's images are made dark, blurred, noisy, compressed, small or hidden in part, each at five strengths, and
classified by a checkpoint. On training images the weights of `fer_hub.detection.quality` are fitted, to be copied there
by hand. On validation images results/quality.json has the accuracy in fifths of the quality, of all and of each kind.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from sklearn.linear_model import LogisticRegression

from fer_hub.data import load_fer2013
from fer_hub.detection.quality import SIZE, crop_quality, measures
from fer_hub.files import write_json
from fer_hub.model import EMOTIONS
from fer_hub.pipeline import FERPipeline

FIFTHS = 5


def darker(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance((0.5, 0.3, 0.2, 0.12, 0.06)[int(strength)])


def blurred(image: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur((0.7, 1.2, 2, 3, 4.5)[strength]))


def noisy(image: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    grey = np.asarray(image, np.float32)
    return Image.fromarray(
        (grey + random.normal(0, (8, 16, 30, 50, 80)[strength], grey.shape)).clip(0, 255).astype(np.uint8)
    )


def compressed(image: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=(40, 20, 10, 5, 2)[strength])
    return Image.open(stream).convert("L")


def smaller(image: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    side = widths(strength)
    return image.resize((side, side), Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)


def hidden(image: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """A plain rectangle over so much of the face, from one side."""
    image = image.copy()
    cut = round((0.15, 0.25, 0.35, 0.5, 0.65)[strength] * SIZE)
    side = random.integers(4)
    box = [(0, 0, cut, SIZE), (SIZE - cut, 0, SIZE, SIZE), (0, 0, SIZE, cut), (0, SIZE - cut, SIZE, SIZE)][side]
    image.paste(int(random.integers(30, 220)), box)
    return image


def widths(strength: int) -> int:
    """Width in pixels to which `smaller` shrinks an image."""
    return (36, 24, 16, 10, 6)[strength]


KINDS: dict[str, Callable] = {
    "dark": darker, "blur": blurred, "noise": noisy, "jpeg": compressed, "small": smaller, "occluded": hidden
}  # fmt: skip
STRENGTHS = 5


def examples(rows, seed: int) -> tuple[list[Image.Image], list[float], list[int], list[str]]:
    """Images as they are and damaged, one kind and strength each in turn.

    Returns:
        grey images of 48x48 pixels, widths of their faces before enlarging, labels, kinds ("" for undamaged).
    """
    random = np.random.default_rng(seed)
    images, sizes, labels, names = [], [], [], []
    for index, row in enumerate(rows):
        image = row["image"].convert("L").resize((SIZE, SIZE))
        kind = ["", *KINDS][index % (len(KINDS) + 1)]
        strength = int(random.integers(STRENGTHS))
        images.append(KINDS[kind](image, strength, random) if kind else image)
        sizes.append(widths(strength) if kind == "small" else SIZE)
        labels.append(row["label"])
        names.append(kind)
    return images, sizes, labels, names


def correct(pipeline: FERPipeline, images: list[Image.Image], labels: list[int]) -> np.ndarray:
    found = pipeline.classify_crops([image.convert("RGB") for image in images])
    return np.array([max(row, key=row.get) == EMOTIONS[label] for row, label in zip(found, labels, strict=True)])


def fit(images: list[Image.Image], sizes: list[float], right: np.ndarray, undamaged: np.ndarray) -> dict:
    """The constants of `fer_hub.detection.quality`."""
    values = np.array([measures(image, size) for image, size in zip(images, sizes, strict=True)])
    means, spreads = values.mean(0), values.std(0)
    model = LogisticRegression(C=1.0, max_iter=1000).fit((values - means) / spreads, right)
    rounded = [[round(float(value), 4) for value in row] for row in (means, spreads, model.coef_[0])]
    best = float(model.predict_proba((values[undamaged] - means) / spreads)[:, 1].mean())
    return {
        "MEANS": rounded[0], "SPREADS": rounded[1], "WEIGHTS": rounded[2],
        "INTERCEPT": round(float(model.intercept_[0]), 4), "BEST": round(best, 4),
    }  # fmt: skip


def fifths(quality: np.ndarray, right: np.ndarray) -> list[dict]:
    """Accuracy in fifths of the quality, the worst first."""
    parts = np.array_split(np.argsort(quality, kind="stable"), FIFTHS)
    return [
        {
            "images": len(part),
            "quality_to": round(float(quality[part].max()), 3),
            "accuracy": round(float(right[part].mean()), 4),
        }
        for part in parts
    ]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="FER-2013: Hub dataset id, parquet folder or file, Kaggle CSV, image folder")
    parser.add_argument("--checkpoint", default="checkpoints/photographs", help="(%(default)s)")
    parser.add_argument("--images", type=int, default=7000, help="of training and of validation (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("results/quality.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    data = load_fer2013(args.data)
    report: dict = {"checkpoint": args.checkpoint}
    with FERPipeline.from_pretrained(args.checkpoint) as pipeline:
        for split in ("train", "validation"):
            chosen = np.random.default_rng(0).permutation(len(data[split]))[: args.images]
            images, sizes, labels, names = examples(data[split].select(chosen), 1)
            right = correct(pipeline, images, labels)
            kinds = np.array(names)
            if split == "train":
                report["fitted"] = fit(images, sizes, right, kinds == "")
                continue
            quality = np.array([crop_quality(image, size) for image, size in zip(images, sizes, strict=True)])
            report["images"] = len(images)
            report["all"] = fifths(quality, right)
            report["kinds"] = {
                kind or "undamaged": fifths(quality[kinds == kind], right[kinds == kind]) for kind in ("", *KINDS)
            }
    write_json(args.output, report)
    print(report)


if __name__ == "__main__":
    main()
