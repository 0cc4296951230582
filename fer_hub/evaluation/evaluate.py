"""Evaluates a checkpoint of fer_hub, or any image classification model whose class names match those of the data set.

`fer-hub evaluate` prints a table. A report consists of metrics.json, a page in Markdown and figures: confusion matrix,
per-class scores, calibration, and the most confident misclassifications as a contact sheet.

Classes are matched by name, regardless of their order, and expressions under any usual name (happiness, joy). Classes
that only the model has are dropped and the other probabilities renormalised; the metrics record what was matched and
dropped. Splits that a data set lacks are cut from train, exactly as in the checkpoint's own training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_hub.data import decode_images
from fer_hub.data.photographs import Photograph
from fer_hub.evaluation.by_group import SHOWN_SIZE, columns_of, evaluate_unlabelled, measure_groups
from fer_hub.evaluation.calibration import before_and_after
from fer_hub.evaluation.class_map import map_classes
from fer_hub.evaluation.measuring import figures, flip_averaged, measure, measure_photographs
from fer_hub.evaluation.report_folder import write_pictures, write_report
from fer_hub.evaluation.splits import input_size, load_splits
from fer_hub.files import read_json
from fer_hub.inference.logits import CPU_BATCH, predict_logits, softmax
from fer_hub.model import FERForImageClassification

__all__ = ["evaluate", "measure"]


def evaluate(
    checkpoint: str,
    data: str,
    splits: Sequence[str],
    *,
    images: str = "auto",
    labels: str = "auto",
    class_map: Mapping[str, str] | None = None,
    partial: bool = False,
    photographs: bool = False,
    report: Path | None = None,
    trust_remote_code: bool = False,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    group_by: Sequence[str] = (),
    replace: bool = False,
) -> dict:
    """Evaluate a checkpoint folder or Hub id; see `measure` and `measure_photographs` for the metrics.

    Args:
        checkpoint: folder or Hub id of any image classification model of transformers.
        data, image_column, label_column, label_names: as for `fer_hub.data.prepare`.
        images: "crops" or "photographs", as for `fer_hub.data.prepare`; "auto" means what a checkpoint folder was
            trained on, and crops for others.
        splits: any of train, validation and test, the last two if there are none here; or only "all", all images of the
            data set together, which is the default for labels "none".
        labels: "none", for predictions by groups alone, see `evaluate_unlabelled`; or one of `fer_hub.data.LABELS`;
            "auto" is FER+'s majority for a checkpoint with the classes of FER+ if the data set has the votes, and
            otherwise the classes of the data set.
        class_map: class of the model → class of the data set, for uninformative names; "" drops one.
        partial: leave out images of classes that the model does not have.
        photographs: also evaluate the last split as photos, for crops and checkpoints of fer_hub.
        report: folder for metrics.json, report.md and figures.
        trust_remote_code: run the Python files of a checkpoint of unknown architecture.
        group_by: columns of the data set, or measured properties (`groups.MEASURED`), by which images are put into
            groups, see `groups.cut`; a measured property comes before a column of its name.
        replace: the figures are to replace those in the checkpoint's metrics.json, so that they must be of the same
            data.

    Returns:
        dict with one entry per split, which contains `flip_averaged` for checkpoints of fer_hub; for folders of
        calibrated checkpoints `calibration`, split → `before_and_after`; if requested, `photographs` (of the last
        split); with `group_by` `groups`, split → grouping → `group_figures`; and if the classes of model and data set
        differ, `classes`: `map` (class of the model → class of the data set or None), `missing` (classes of the data
        set that the model does not have) and `left_out` (split → number of images of those).

    Raises:
        ValueError: the model lacks classes and `partial` is not set, or an argument is invalid.
        OSError, ConnectionError, RuntimeError: as from `FERPipeline.from_pretrained` and `fer_hub.data.prepare`.
    """
    from fer_hub.pipeline import FERPipeline

    result: dict[str, Any] = {}
    splits = splits or (["all"] if labels == "none" else ["validation", "test"])
    if images == "auto":
        images = read_json(Path(checkpoint) / "metrics.json").get("data", {}).get("images", "crops")
        if images == "photographs":
            print(f"{checkpoint} was trained on photographs: faces are found and cut out; --images crops for crops.")
    if labels == "none":
        if not group_by or class_map or partial or photographs or label_column or label_names or replace:
            raise ValueError(
                "--labels none must stand with --group-by, and without what needs labels: --map, --partial, "
                "--photographs, --label-column, --label-names and --write."
            )
        further = {"report": report, "trust_remote_code": trust_remote_code, "image_column": image_column}
        return evaluate_unlabelled(checkpoint, data, splits, group_by, images=images, **further)
    further = {"batch_size": CPU_BATCH, "trust_remote_code": trust_remote_code}
    with FERPipeline.from_pretrained(checkpoint, runtime="torch", **further) as pipeline:
        model, image_processor = pipeline.model, pipeline.image_processor
        ours = isinstance(model, FERForImageClassification)
        if photographs and not (ours and images == "crops"):
            raise ValueError("--photographs needs face crops and a checkpoint of fer_hub; leave it out.")
        names = list(model.config.id2label.values())
        columns = {"image_column": image_column, "label_column": label_column, "label_names": label_names}
        size = input_size(model, image_processor)
        options = {"images": images, "labels": labels, "size": size, **columns}
        measured = read_json(Path(checkpoint) / "metrics.json") if replace else None
        seen_photographs: dict[str, list[Photograph]] = {}
        options |= {"keep": columns_of(group_by), "photographs": seen_photographs}
        loaded = load_splits(checkpoint, names, data, splits, measured=measured, **options)
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
            if group_by:
                result.setdefault("groups", {})[split] = measure_groups(
                    group_by,
                    split,
                    faces,
                    pixels,
                    probabilities.argmax(1),
                    target.classes,
                    known.ours,
                    detector=pipeline.detector,
                    photographs=seen_photographs,
                    kept=kept,
                )
            before = None
            if calibration.get("temperature") == temperature and found.same:
                compared = before_and_after(logits * temperature, target.classes, temperature)
                result.setdefault("calibration", {})[split] = compared
                before = compared["before"]
            if report:
                groups = result.get("groups", {}).get(split)
                write_pictures(
                    report, split, result[split], pixels, probabilities, target.classes, before=before, groups=groups
                )
        if photographs:
            result["photographs"] = {
                "split": split,
                **measure_photographs(pipeline, pixels, target.classes, crop=result[split]["accuracy"], progress=True),
            }
    if report:
        write_report(report, str(checkpoint), result)
    return result
