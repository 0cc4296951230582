"""Probabilities that mean what they say: one temperature, fitted on the validation split.

    python -m fer_hub.calibrate checkpoints/fer2013 --data path/to/fer2013

writes the temperature into the checkpoint's config.json, the figures before and after into its metrics.json, and its
model card anew. Predictions do not change, only how sure they are; with `--matrix_scaling` they do, towards classes
that the network names too rarely (`fer_hub.matrix_scaling`). `train.py` does the same before it looks at the test
split, so this command is for checkpoints that were trained without.
"""

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fer_hub.files import building, read_json, write_json
from fer_hub.matrix_scaling import MatrixScaling, fit_matrix_scaling
from fer_hub.metrics import calibration
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.predict import predict_logits, softmax
from fer_hub.temperature import fit_temperature

LEAST_IMAGES = 100
"""With fewer validation images no temperature is fitted: a few lucky guesses would make the network too sure."""


def before_and_after(
    logits: np.ndarray, labels: np.ndarray, temperature: float, mapped: np.ndarray | None = None
) -> dict[str, dict]:
    """What a temperature, and matrix scaling if there is any, do to the calibration of a split.

    Args:
        logits: float array (images, classes), not divided by any temperature.
        labels: integer array (images,).
        mapped: the logits after matrix scaling.

    Returns:
        `before` and `after`, each with `loss`, `calibration_error` and `calibration_bins` as in
        `classification_metrics`.
    """
    result = {}
    after = logits if mapped is None else mapped
    for name, values, divisor in (("before", logits, 1.0), ("after", after, temperature)):
        probabilities = softmax(np.asarray(values, dtype=np.float64) / divisor)
        error, bins = calibration(probabilities, labels)
        chosen = probabilities[np.arange(len(labels)), labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        result[name] = {"loss": loss, "calibration_error": error, "calibration_bins": bins}
    return result


def before_again(entry: Mapping, logits: np.ndarray, labels: np.ndarray) -> dict[str, dict]:
    """`before_and_after` for a network that is calibrated already.

    Args:
        entry: what its metrics.json says of its calibration.
        logits: what it says now, divided by its temperature, float array (images, classes).
        labels: integer array (images,).
    """
    mapped = np.asarray(logits, dtype=np.float64) * entry["temperature"]
    known = entry.get("matrix_scaling")
    before = MatrixScaling.from_entry(known).undo(mapped) if known else mapped
    return before_and_after(before, labels, entry["temperature"], mapped)


def fit_calibration(
    model: FERForImageClassification,
    logits: dict[str, np.ndarray],
    labels: dict[str, np.ndarray],
    *,
    matrix_scaling: bool = False,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Fit a network's temperature, and matrix scaling if wanted, and put them into it.

    Args:
        model: gets `config.temperature` and the linear map, in its last layer.
        logits: split → what it says at temperature 1, float array (images, classes); fitted on `validation`.
        labels: split → integer array (images,).

    Returns:
        The entry `calibration` of metrics.json (see `measure_trained`), and the logits after matrix scaling, not
        divided by the temperature.
    """
    mapped = logits
    entry = {"split": "validation", "images": len(logits["validation"])}
    if matrix_scaling:
        scaling = fit_matrix_scaling(logits["validation"], labels["validation"])
        scaling.put_into(model)
        mapped = {split: scaling(values) for split, values in logits.items()}
        entry = {"matrix_scaling": scaling.entry()} | entry
    temperature = fit_temperature(mapped["validation"], labels["validation"])
    model.config.temperature = temperature
    compared = {split: before_and_after(logits[split], labels[split], temperature, mapped[split]) for split in logits}
    return {"temperature": temperature} | entry | compared, mapped


def calibrate_checkpoint(folder: str | Path, data: str, *, matrix_scaling: bool = False) -> dict:
    """Fit a checkpoint's temperature on the validation split of `data` and write it into the checkpoint.

    config.json gets the temperature, metrics.json the entry `calibration` (as from `measure_trained`, for validation
    alone) and the figures of validation with it, README.md is filled anew. Figures of test in metrics.json stay: they
    were measured with another temperature, which the card says until test is measured again.

    Args:
        folder: of the checkpoint.
        data: what it was trained on: Hub dataset id, parquet, Kaggle CSV or image folder.
        matrix_scaling: fit a linear map of the logits too, and write weights that have it in the last layer and
            training_args.json as of a training with `--matrix_scaling yes`, which ends in the same. A map that the
            checkpoint has already is always fitted anew.

    Returns:
        The entry `calibration`.

    Raises:
        FileNotFoundError: `folder` holds no checkpoint.
        ValueError: there are fewer than `LEAST_IMAGES` validation images.
    """
    from fer_hub.checkpoint import update_metrics
    from fer_hub.class_map import map_classes
    from fer_hub.data import decode_images
    from fer_hub.evaluation_data import load_splits
    from fer_hub.measuring import figures, flip_averaged

    folder = Path(folder)
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise FileNotFoundError(
            f"calibration needs a checkpoint folder with config.json, got {folder}; download a Hub checkpoint first."
        )
    model = FERForImageClassification.from_pretrained(folder)
    image_processor = FERImageProcessor.from_pretrained(folder)
    names = list(model.config.id2label.values())
    faces, target = load_splits(folder, names, data, ["validation"])["validation"]
    found = map_classes(names, target.names)
    if found.dropped or found.missing:
        raise ValueError(
            f"the data set must have the classes of the checkpoint, {', '.join(names)}, got {', '.join(target.names)}; "
            "take the data that it was trained on."
        )
    labels = np.argsort(found.columns)[target.classes]  # positions in the logits
    images = decode_images(faces, model.config.image_size)
    if len(images) < LEAST_IMAGES:
        raise ValueError(
            f"the validation split must have at least {LEAST_IMAGES} images to fit a temperature, got {len(images)}; "
            "take more, or leave the checkpoint as it is."
        )
    model.config.temperature = 1.0
    known = read_json(folder / "metrics.json").get("calibration", {}).get("matrix_scaling")
    if known:
        MatrixScaling.from_entry(known).take_out_of(model)
    logits = predict_logits(model, image_processor, images, progress="evaluate validation")
    matrix_scaling = matrix_scaling or bool(known)
    entry, mapped = fit_calibration(
        model, {"validation": logits}, {"validation": labels}, matrix_scaling=matrix_scaling
    )
    temperature = entry["temperature"]
    scaled = mapped["validation"] / temperature
    row = figures(softmax(scaled), labels, names, target.votes, target.clear, temperature)
    row["flip_averaged"] = flip_averaged(
        model, image_processor, images, labels, scaled, clear=target.clear, progress="evaluate validation, mirrored"
    )
    config = read_json(config_file) | {"temperature": temperature}
    metrics = {"validation": row, "calibration": entry}
    if not matrix_scaling:
        write_json(config_file, config)
        update_metrics(folder, metrics)
        return entry
    with building(folder) as temporary:  # weights and temperature belong together: both change or none
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        model.save_pretrained(temporary)
        write_json(temporary / "config.json", config)
        if options := read_json(temporary / "training_args.json"):
            write_json(temporary / "training_args.json", options | {"matrix_scaling": True})
        update_metrics(temporary, metrics)
    return entry


def summary(entry: dict) -> str:
    """The entry `calibration` of metrics.json as one line."""
    figures = ", ".join(
        f"{split} {100 * entry[split]['before']['calibration_error']:.1f} → "
        f"{100 * entry[split]['after']['calibration_error']:.1f} %"
        for split in ("validation", "test")
        if split in entry
    )
    also = f"; matrix scaling with penalty {entry['matrix_scaling']['penalty']:g}" if "matrix_scaling" in entry else ""
    return f"temperature: {entry['temperature']:.3f}, calibration error {figures}{also}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fer_hub.calibrate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="checkpoint folder")
    parser.add_argument("--data", required=True, help="Hub dataset id, parquet, Kaggle CSV or image folder")
    parser.add_argument(
        "--matrix_scaling",
        action="store_true",
        help="also fit a linear map of the logits, so that every class is named as often and as surely as it should be",
    )
    args = parser.parse_args(argv)
    try:
        entry = calibrate_checkpoint(args.checkpoint, args.data, matrix_scaling=args.matrix_scaling)
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    print(summary(entry))


if __name__ == "__main__":
    main()
