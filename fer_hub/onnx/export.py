"""Exports a checkpoint to ONNX, in float32 and optionally quantised to int8.

Writes model.onnx (and model_int8.onnx) next to the weights, and their measurements to onnx.json.
`fer_hub.OnnxClassifier` runs the files, and so does any other ONNX runtime: input `pixel_values` float32
(batch, channels, size, size), outputs `logits` (batch, labels) with the temperature included and `features`
(batch, features), from which they are computed; the constants of the preprocessing are in the files' metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fer_hub.files import read_json, replacing, write_json
from fer_hub.hub.names import check_name
from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, OnnxClassifier
from fer_hub.model import FERConfig, FERImageProcessor
from fer_hub.onnx.translate import export_onnx

if TYPE_CHECKING:
    from datasets import Dataset

    from fer_hub.data import Targets

REPORT_FILE = "onnx.json"

NO_DATA = (
    "int8 needs data, but there is none: activation ranges are measured on training images; pass FER-2013 with "
    "--data (a Hub dataset id, parquet folder or file, Kaggle CSV, or image folder)."
)


def export(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    data: str | Path | None = None,
    int8: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, dict]:
    """Export a checkpoint, measure the files on validation images, and record the results in `onnx.json`.

    Args:
        checkpoint: checkpoint folder or Hub id.
        folder: output folder.
        data: face crops with the checkpoint's classes, as for `fer_hub.data.prepare`; training images calibrate the
            quantisation, validation images measure accuracy. Test images are not used.
        int8: also write the quantised network; needs `data`.
        say: called with one line for each file written.

    Returns:
        The content of `onnx.json`, per file name: `bytes`, `sha256`, `checkpoint_sha256`,
        `largest_difference` (of a logit from PyTorch's; float only), `calibration_images` (int8 only), and with `data`
        `validation` (`images`, `accuracy`, `macro_f1`, `calibration_error`, `loss`).

    Raises:
        ValueError: `int8` without `data`; or the files go into a checkpoint folder whose figures are of other data.
        As `export_onnx` and `fer_hub.data.prepare`.
    """
    check_name(checkpoint)
    if int8 and data is None:
        raise ValueError(NO_DATA)
    faces = None
    if data is not None:
        from fer_hub.evaluation.splits import load_splits, measured_before

        names = list(FERConfig.from_pretrained(checkpoint).id2label.values())
        # first, so that missing data fails before the export
        inside = Path(folder).resolve() == Path(checkpoint).resolve()  # then the card shows what is measured
        faces = load_splits(
            checkpoint, names, data, ["train", "validation"], measured=measured_before(folder) if inside else None,
            writer=("--data beside the weights", "write to another folder with --output"),
        )  # fmt: skip
    folder = Path(folder)
    difference = export_onnx(checkpoint, folder)
    figures: dict[str, dict] = {MODEL_FILE: {"largest_difference": difference}}
    told = {MODEL_FILE: f"agrees with PyTorch to {difference:.1e}"}
    if int8:
        from fer_hub.data import decode_images
        from fer_hub.onnx.int8 import choose_images, quantise

        image_processor = FERImageProcessor.from_pretrained(checkpoint)
        train, _ = faces["train"]
        rows = choose_images(len(train))
        images = decode_images(train.select(rows), OnnxClassifier(folder / MODEL_FILE).config.image_size)
        with replacing(folder / INT8_FILE) as temporary:
            quantise(folder, temporary, images, image_processor)
            OnnxClassifier(temporary)  # raises if it cannot be run
        figures[INT8_FILE] = {"calibration_images": len(rows)}
        told[INT8_FILE] = f"calibrated on {len(rows)} training images"
    for name, figure in figures.items():
        classifier = OnnxClassifier(folder / name)
        content = (folder / name).read_bytes()
        figure["bytes"], figure["sha256"] = len(content), hashlib.sha256(content).hexdigest()
        figure["checkpoint_sha256"] = classifier.metadata["checkpoint_sha256"]
        if faces is not None:
            figure["validation"] = _measure(classifier, checkpoint, *faces["validation"])
            told[name] += f", validation accuracy {figure['validation']['accuracy']:.2%}"
        say(f"{folder / name}: {len(content) / 1e6:.2f} MB, {told[name]}")
    return _report(folder, figures)


def _measure(classifier: OnnxClassifier, checkpoint: str | Path, split: Dataset, target: Targets) -> dict:
    from fer_hub.data import decode_images
    from fer_hub.evaluation.class_map import map_classes
    from fer_hub.evaluation.measuring import figures
    from fer_hub.inference.logits import predict_probabilities

    found = map_classes(list(classifier.config.id2label.values()), target.names)
    found.check()
    image_processor = FERImageProcessor.from_pretrained(checkpoint)
    images = decode_images(split, classifier.config.image_size)
    probabilities = found.apply(predict_probabilities(classifier, image_processor, images))
    row = figures(probabilities, target.classes, found.ours)
    return {name: row[name] for name in ("images", "accuracy", "macro_f1", "calibration_error", "loss")}


def _report(folder: Path, figures: dict[str, dict]) -> dict[str, dict]:
    """Update `onnx.json`; entries of files that are still there or unchanged are kept."""
    path = folder / REPORT_FILE
    known = read_json(path)
    report = {}
    for name in (MODEL_FILE, INT8_FILE):
        before, now = known.get(name, {}), figures.get(name)
        if now is not None:
            report[name] = before | now if before.get("sha256") == now["sha256"] else now
        elif before and (folder / name).is_file():
            report[name] = before
    write_json(path, report)
    return report
