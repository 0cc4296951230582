"""Calibrated probabilities: one temperature, fitted on the validation split.

`fer-hub calibrate` writes the temperature and the class prior that results to the checkpoint's config.json and the
metrics before and after to its metrics.json, and rewrites its model card. Predicted classes do not change, only their
confidence. `train.py` does the same before it evaluates on test, so this command is for checkpoints that were trained
without calibration.
"""

from pathlib import Path

import numpy as np

from fer_hub.data import decode_images
from fer_hub.evaluation.calibration import LEAST_IMAGES, fit_calibration
from fer_hub.evaluation.class_map import map_classes
from fer_hub.evaluation.measuring import figures, flip_averaged
from fer_hub.evaluation.splits import load_splits, measured_before
from fer_hub.files import read_json, write_json
from fer_hub.hub.checkpoint import update_metrics
from fer_hub.inference.logits import predict_logits, softmax
from fer_hub.model import FERForImageClassification, FERImageProcessor


def calibrate_checkpoint(folder: str | Path, data: str, *, degraded: bool = False) -> dict:
    """Fit a checkpoint's temperature on the validation split of `data` and write it to the checkpoint.

    config.json gets the temperature and the class prior of the probabilities, metrics.json the entry `calibration` (as
    from `measure_trained`, for validation only) and the new validation metrics, and README.md is rewritten. The test
    metrics in metrics.json are kept: they belong to another temperature, which the card states until test is evaluated
    again.

    Args:
        folder: the checkpoint folder.
        data: the data it was trained on: Hub dataset id, parquet, Kaggle CSV or image folder.
        degraded: as for `fit_calibration`.

    Returns:
        The entry `calibration`.

    Raises:
        FileNotFoundError: `folder` is not a checkpoint.
        ValueError: there are fewer than `LEAST_IMAGES` validation images, or the figures in metrics.json are of other
            data; nothing is then written.
    """
    folder = Path(folder)
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise FileNotFoundError(
            f"calibration needs a checkpoint folder with config.json, got {folder}; download a Hub checkpoint first."
        )
    model = FERForImageClassification.from_pretrained(folder)
    image_processor = FERImageProcessor.from_pretrained(folder)
    names = list(model.config.id2label.values())
    writer = ("calibration", "calibrate on that data, or a checkpoint trained on this")
    loaded = load_splits(folder, names, data, ["validation"], measured=measured_before(folder), writer=writer)
    faces, target = loaded["validation"]
    found = map_classes(names, target.names)
    if found.dropped or found.missing:
        raise ValueError(
            f"the data set must have the classes of the checkpoint, {', '.join(names)}, got "
            f"{', '.join(target.names)}; use the data it was trained on."
        )
    labels = np.argsort(found.columns)[target.classes]  # positions in the logits
    images = decode_images(faces, model.config.image_size)
    if len(images) < LEAST_IMAGES:
        raise ValueError(
            f"the validation split must have at least {LEAST_IMAGES} images to fit a temperature, got {len(images)}; "
            "use more, or leave the checkpoint uncalibrated."
        )
    model.config.temperature = 1.0
    logits = predict_logits(model, image_processor, images, progress="evaluate validation")
    entry = fit_calibration(
        model, image_processor, images, {"validation": logits}, {"validation": labels}, degraded=degraded
    )
    scaled = logits / entry["temperature"]
    row = figures(softmax(scaled), labels, names, target.votes, target.clear, entry["temperature"])
    row["flip_averaged"] = flip_averaged(
        model, image_processor, images, labels, scaled, clear=target.clear, progress="evaluate validation, mirrored"
    )
    fitted = {"temperature": entry["temperature"], "class_shares": model.config.class_shares}
    write_json(config_file, read_json(config_file) | fitted)
    update_metrics(folder, {"validation": row, "calibration": entry})
    return entry
