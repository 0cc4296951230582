"""Measure a checkpoint: ours, or any image classification model whose classes have the names of the data set's.

    fer-hub evaluate checkpoints/fer2013 --data path/to/fer2013
    fer-hub evaluate checkpoints/fer2013 --data path/to/fer2013 --photographs --write
    fer-hub evaluate runs/mine/final --data my_photos --images photographs --report out
    fer-hub evaluate owner/model --data path/to/fer2013 --map LABEL_0=angry LABEL_1=happy --partial

Prints a table. `--report FOLDER` writes metrics.json, a report in Markdown and pictures: confusions, scores of every
class, calibration, and the surest mistakes as a contact sheet. `--write` puts the figures into the checkpoint's
metrics.json and fills its model card anew.

Classes are matched by name, whatever their order, and expressions under any usual name (happiness, joy). Classes that
only the model has are dropped and the probabilities of the others divided by their sum; what was matched and dropped
stands in the figures. Splits that a data set lacks are cut from train, just as the checkpoint's own training did.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_hub.data import IMAGES, LABELS, decode_images
from fer_hub.evaluation.calibration import before_and_after
from fer_hub.evaluation.class_map import map_classes
from fer_hub.evaluation.measuring import figures, flip_averaged, measure, measure_photographs
from fer_hub.evaluation.report_folder import table, write_pictures, write_report
from fer_hub.evaluation.splits import input_size, load_splits
from fer_hub.files import read_json
from fer_hub.inference.logits import predict_logits, softmax
from fer_hub.model import FERForImageClassification

__all__ = ["evaluate", "measure"]

SHOWN_SIZE = 96
"""Side of the images in the report of a model that is not of fer_hub, in pixels."""


def evaluate(
    checkpoint: str,
    data: str,
    splits: Sequence[str],
    *,
    images: str = "crops",
    labels: str = "auto",
    class_map: Mapping[str, str] | None = None,
    partial: bool = False,
    photographs: bool = False,
    report: Path | None = None,
    trust_remote_code: bool = False,
    image_column: str | None = None,
    label_column: str | None = None,
) -> dict:
    """Measure a checkpoint folder or Hub id; see `measure` and `measure_photographs` for what is returned.

    Args:
        checkpoint: folder or Hub id of any image classification model of transformers.
        data, images, image_column, label_column: as for `fer_hub.data.prepare`.
        splits: any of train, validation and test; or only "all", all images of the data set together.
        labels: one of `fer_hub.data.LABELS`; "auto" is FER+'s majority for a checkpoint with the classes of FER+ if
            the data set has the votes, and otherwise the classes of the data set.
        class_map: class of the model → class of the data set, for those whose names do not tell; "" drops one.
        partial: leave out images of classes that the model does not have.
        photographs: also measure the last split as photographs, for crops and checkpoints of fer_hub.
        report: folder for metrics.json, report.md and pictures.
        trust_remote_code: run the Python files of a checkpoint of unknown architecture.

    Returns:
        dict with one entry per split, of checkpoints of fer_hub with `flip_averaged` in it; for folders of calibrated
        checkpoints `calibration`, split → `before_and_after`; where asked for,
        `photographs` (of the last split named); and where model and data set do not have the same classes, `classes`:
        `map` (class of the model → class of the data set or None), `missing` (classes of the data set that the model
        does not have) and `left_out` (split → images of those).

    Raises:
        ValueError: the model lacks classes and `partial` is not set, or an argument does not fit.
        As `FERPipeline.from_pretrained` and `fer_hub.data.prepare`.
    """
    from fer_hub.pipeline import FERPipeline

    result: dict[str, Any] = {}
    with FERPipeline.from_pretrained(checkpoint, trust_remote_code=trust_remote_code) as pipeline:
        model, image_processor = pipeline.model, pipeline.image_processor
        ours = isinstance(model, FERForImageClassification)
        if photographs and not (ours and images == "crops"):
            raise ValueError("--photographs needs face crops and a checkpoint of fer_hub; leave it out.")
        names = list(model.config.id2label.values())
        columns = {"image_column": image_column, "label_column": label_column}
        size = input_size(model, image_processor)
        loaded = load_splits(checkpoint, names, data, splits, images=images, labels=labels, size=size, **columns)
        found = map_classes(names, next(iter(loaded.values()))[1].names, class_map)
        found.check(partial)
        if photographs and not found.same:
            raise ValueError(
                "--photographs needs a checkpoint with the classes of the data set in their order; leave it out."
            )
        if not found.same:
            result["classes"] = found.about() | {"left_out": {}}
        calibration = read_json(Path(checkpoint) / "metrics.json").get("calibration", {}) if ours else {}
        for split, (faces, target) in loaded.items():
            known, kept, target = found.without_missing(target)
            if len(kept) < len(faces):
                result["classes"]["left_out"][split] = len(faces) - len(kept)
                faces = faces.select(kept)
            pixels = decode_images(faces, size if ours else SHOWN_SIZE)
            seen = {"images": pixels} if ours else {"images": faces["image"], "batch_size": 32}
            logits = predict_logits(model, image_processor, **seen, progress=f"evaluate {split}")
            probabilities = known.apply(softmax(logits))
            temperature = model.config.temperature if ours else 1.0
            result[split] = figures(probabilities, target.classes, known.ours, target.votes, target.clear, temperature)
            if ours and found.same:
                result[split]["flip_averaged"] = flip_averaged(
                    model,
                    image_processor,
                    pixels,
                    target.classes,
                    logits,
                    clear=target.clear,
                    progress=f"evaluate {split}, mirrored",
                )
            before = None
            if calibration.get("temperature") == temperature and found.same:
                compared = before_and_after(logits * temperature, target.classes, temperature)
                result.setdefault("calibration", {})[split] = compared
                before = compared["before"]
            if report:
                write_pictures(report, split, result[split], pixels, probabilities, target.classes, before=before)
        if photographs:
            result["photographs"] = {
                "split": split,
                **measure_photographs(pipeline, pixels, target.classes, progress=True),
            }
    if report:
        write_report(report, str(checkpoint), result)
    return result


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise ValueError(f"--map must be pairs THEIRS=OURS, got {text!r}; write for example LABEL_0=angry.")
    return dict(text.split("=", 1) for text in texts)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="fer-hub evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", help="checkpoint folder or Hub id")
    parser.add_argument("--data", required=True, help="Hub dataset id, parquet, Kaggle CSV or image folder")
    parser.add_argument("--images", default="crops", choices=IMAGES, help="what the images are (%(default)s)")
    parser.add_argument(
        "--splits", nargs="+", default=["validation", "test"], choices=["train", "validation", "test", "all"],
        help="which to measure, or all for all images together (validation test)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", default="auto", choices=["auto", *LABELS],
        help="the data set's own classes (auto; FER+ for checkpoints of FER+), FER-2013's or FER+'s",
    )  # fmt: skip
    parser.add_argument(
        "--map", nargs="+", default=[], metavar="THEIRS=OURS", help="classes of the model whose names do not tell"
    )
    parser.add_argument("--partial", action="store_true", help="leave out images of classes that the model lacks")
    parser.add_argument("--photographs", action="store_true", help="also measure the last split as photographs")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="for metrics.json, report.md and pictures")
    parser.add_argument("--write", action="store_true", help="update the checkpoint's metrics.json and README.md")
    parser.add_argument("--trust-remote-code", action="store_true", help="run the checkpoint's own Python files")
    parser.add_argument("--image-column", metavar="NAME", help="column of the images, where there are several")
    parser.add_argument("--label-column", metavar="NAME", help="column of the classes, where there are several")
    args = parser.parse_args(argv)
    if args.write and not (Path(args.checkpoint) / "config.json").is_file():
        parser.error(f"--write needs a checkpoint folder, got {args.checkpoint}; leave --write out for a Hub id.")
    if "all" in args.splits and (len(args.splits) > 1 or args.write):
        parser.error("--splits all must stand alone and without --write, as it joins what other splits keep apart.")
    try:
        metrics = evaluate(
            args.checkpoint,
            args.data,
            args.splits,
            images=args.images,
            labels=args.labels,
            class_map=_pairs(args.map),
            partial=args.partial,
            photographs=args.photographs,
            report=args.report,
            trust_remote_code=args.trust_remote_code,
            image_column=args.image_column,
            label_column=args.label_column,
        )
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    print(table(metrics))
    if args.write:
        from fer_hub.hub.checkpoint import update_metrics

        folder = Path(args.checkpoint)
        if "calibration" in metrics:
            metrics["calibration"] = read_json(folder / "metrics.json")["calibration"] | metrics["calibration"]
        update_metrics(folder, metrics)


if __name__ == "__main__":
    main()
