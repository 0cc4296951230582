"""Measure a checkpoint on FER-2013: on crops, and on the same faces as photographs.

    python -m fer_hub.evaluate checkpoints/fer2013 --data path/to/fer2013
    python -m fer_hub.evaluate checkpoints/fer2013 --data path/to/fer2013 --photographs --write

Prints a table. `--report FOLDER` writes metrics.json, a report in Markdown and pictures: confusions, scores of every
expression, calibration, and the surest mistakes as a contact sheet. `--write` puts the figures into the checkpoint's
metrics.json and fills its model card anew.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from fer_hub.files import write_json, write_text
from fer_hub.metrics import classification_metrics
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.predict import predict_probabilities

PHOTOGRAPH_SIDE = 192
"""A crop becomes a photograph by enlarging it to this, in pixels."""

PICTURES = ("confusion", "scores", "calibration", "mistakes")
"""What `--report` draws of every split."""

CANVAS_SIDE, CANVAS_GREY = 320, 128
"""Side in pixels and grey value of the canvas on which the enlarged crop is to be found."""


def measure(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    progress: str | None = None,
) -> dict:
    """`classification_metrics` of crops that go straight into the network, one forward pass each.

    Args:
        images: uint8 array (images, size, size).
        labels: integer array (images,).
        progress: text beside a progress bar; no bar if `None`.
    """
    probabilities = predict_probabilities(model, image_processor, images, progress=progress)
    return classification_metrics(probabilities, labels, list(model.config.id2label.values()))


def measure_photographs(pipeline, images: np.ndarray, labels: np.ndarray, *, progress: bool = False) -> dict:
    """Accuracy of the whole chain: detection, framing, network.

    Every crop is enlarged to 192 px and given to the pipeline twice: as it is, and centred on a grey canvas of
    320 px. The largest face found counts; a missed face counts as wrong.

    Args:
        pipeline: a `FERPipeline`.
        images: uint8 array (images, size, size), crops framed as in FER-2013.
        labels: integer array (images,).

    Returns:
        JSON-ready dict: `images` (count), `crop`, `photograph` and `canvas` (accuracies in [0, 1]), and `missed`
        (how many faces were not found, as `photograph` and `canvas`).
    """
    names = list(pipeline.model.config.id2label.values())
    right = {"photograph": 0, "canvas": 0}
    missed = {"photograph": 0, "canvas": 0}
    step = 64
    with tqdm(total=len(images), desc="photographs", disable=not progress, unit="img") as bar:
        for start in range(0, len(images), step):
            crops = [Image.fromarray(image) for image in images[start : start + step]]
            photographs = [crop.resize((PHOTOGRAPH_SIDE,) * 2, Image.Resampling.BICUBIC) for crop in crops]
            for kind, photos in (("photograph", photographs), ("canvas", [on_canvas(photo) for photo in photographs])):
                for faces, label in zip(pipeline(photos), labels[start : start + step], strict=True):
                    missed[kind] += not faces
                    right[kind] += bool(faces) and faces[0].emotion == names[label]
            bar.update(len(crops))
    crop = measure(pipeline.model, pipeline.image_processor, images, labels)["accuracy"]
    return {"images": len(images), "crop": crop, **{k: n / len(images) for k, n in right.items()}, "missed": missed}


def on_canvas(photo: Image.Image) -> Image.Image:
    """A grey canvas of 320x320 px with the photograph in its middle."""
    canvas = Image.new("L", (CANVAS_SIDE, CANVAS_SIDE), CANVAS_GREY)
    canvas.paste(photo, ((CANVAS_SIDE - photo.width) // 2, (CANVAS_SIDE - photo.height) // 2))
    return canvas


def evaluate(
    checkpoint: str, data: str, splits: list[str], *, photographs: bool = False, report: Path | None = None
) -> dict:
    """Measure a checkpoint folder or Hub id; see `measure` and `measure_photographs` for what is returned.

    Args:
        checkpoint: folder or Hub id; its classes must be those of FER-2013 or FER+.
        data: anything that `load_fer2013` takes.
        splits: any of train, validation and test.
        photographs: also measure the last split as photographs.
        report: folder for metrics.json, report.md and pictures.

    Returns:
        dict with one entry per split and, where asked for, `photographs` (of the last split named).
    """
    from fer_hub.data import decode_images, labels_of, load_fer2013, targets
    from fer_hub.pipeline import FERPipeline

    faces = load_fer2013(data)
    result = {}
    with FERPipeline.from_pretrained(checkpoint) as pipeline:
        model, image_processor = pipeline.model, pipeline.image_processor
        names = list(model.config.id2label.values())
        for split in splits:
            target = targets(faces[split], labels_of(names))
            images = decode_images(faces[split], model.config.image_size)[target.rows]
            labels = target.classes
            probabilities = predict_probabilities(model, image_processor, images, progress=f"evaluate {split}")
            result[split] = classification_metrics(probabilities, labels, names)
            if report:
                write_pictures(report, split, result[split], images, probabilities, labels)
        if photographs:
            result["photographs"] = {
                "split": splits[-1],
                **measure_photographs(pipeline, images, labels, progress=True),
            }
    if report:
        write_json(report / "metrics.json", result)
        write_text(report / "report.md", f"# {checkpoint}\n\n{report_text(result)}")
    return result


def write_pictures(
    folder: Path, split: str, row: dict, images: np.ndarray, probabilities: np.ndarray, labels: np.ndarray
) -> None:
    """The pictures of one split as PNG files whose names begin with the split."""
    from fer_hub import report  # imports matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    names = list(row["recall"])
    pictures = (
        report.plot_confusion(row),
        report.plot_scores(row),
        report.plot_calibration(row),
        report.mistakes_sheet(images, probabilities, labels, names),
    )
    for name, picture in zip(PICTURES, pictures, strict=True):
        report.save_picture(picture, folder / f"{split}_{name}.png")


def report_text(metrics: dict) -> str:
    """The figures of `evaluate` as Markdown, with the pictures of `write_pictures`."""
    parts = []
    for split in (name for name in ("train", "validation", "test") if name in metrics):
        row = metrics[split]
        plain = [name for name, value in row.items() if isinstance(value, float)]
        lines = ["| figure | value |", "|---|---|", f"| images | {row['images']:,} |"]
        lines += [f"| {name.replace('_', ' ')} | {row[name]:.4f} |" for name in plain]
        for name in ("accuracy", "macro_f1"):
            low, high = row[f"{name}_interval"]
            lines.append(f"| {name.replace('_', ' ')}, 95 % interval | {low:.4f} to {high:.4f} |")
        lines += ["", "| expression | images | precision | recall | F1 |", "|---|---|---|---|---|"]
        for name, counts in zip(row["recall"], row["confusion"], strict=True):
            scores = " | ".join(f"{row[score][name]:.3f}" for score in ("precision", "recall", "f1"))
            lines.append(f"| {name} | {sum(counts)} | {scores} |")
        pictures = [f"![{split} {name}]({split}_{name}.png)" for name in PICTURES]
        parts.append("\n".join([f"## {split}", "", *lines, "", *pictures]))
    if "photographs" in metrics:
        parts.append("## As photographs\n\n" + table({"photographs": metrics["photographs"]}))
    return "\n\n".join(parts) + "\n"


def table(metrics: dict) -> str:
    """The figures of `evaluate` as lines of text, percentages with one decimal."""
    lines = []
    for split in (name for name in ("validation", "test") if name in metrics):
        row = metrics[split]
        lines.append(
            f"{split}: accuracy {row['accuracy']:.1%}, macro-F1 {row['macro_f1']:.3f}, calibration error "
            f"{row['calibration_error']:.3f} ({row['images']} images)"
        )
        lines.append("  recall " + ", ".join(f"{name} {value:.1%}" for name, value in row["recall"].items()))
    if "photographs" in metrics:
        row = metrics["photographs"]
        lines.append(
            f"{row['split']} as photographs: crop {row['crop']:.1%}, enlarged {row['photograph']:.1%} "
            f"({row['missed']['photograph']} missed), on a canvas {row['canvas']:.1%} "
            f"({row['missed']['canvas']} missed)"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fer_hub.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="checkpoint folder or Hub id")
    parser.add_argument("--data", required=True, help="Hub dataset id, parquet, Kaggle CSV or image folder")
    parser.add_argument("--splits", nargs="+", default=["validation", "test"], choices=["train", "validation", "test"])
    parser.add_argument("--photographs", action="store_true", help="also measure the last split as photographs")
    parser.add_argument("--report", type=Path, help="folder for metrics.json, report.md and pictures")
    parser.add_argument("--write", action="store_true", help="update the checkpoint's metrics.json and README.md")
    args = parser.parse_args(argv)
    if args.write and not (Path(args.checkpoint) / "config.json").is_file():
        parser.error(f"--write needs a checkpoint folder, got {args.checkpoint}; leave --write out for a Hub id.")
    metrics = evaluate(args.checkpoint, args.data, args.splits, photographs=args.photographs, report=args.report)
    print(table(metrics))
    if args.write:
        from fer_hub.checkpoint import update_metrics

        update_metrics(Path(args.checkpoint), metrics)


if __name__ == "__main__":
    main()
