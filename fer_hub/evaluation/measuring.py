"""Evaluates a network on face crops, and on the same crops as photos."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from fer_hub.data.targets import Targets
from fer_hub.evaluation.calibration import LEAST_IMAGES, fit_calibration, summary
from fer_hub.evaluation.metrics import classification_metrics
from fer_hub.evaluation.report_folder import write_pictures, write_report
from fer_hub.hub.afterwards import Afterwards
from fer_hub.inference.logits import predict_logits, predict_probabilities, softmax
from fer_hub.model import FERForImageClassification, FERImageProcessor

PHOTOGRAPH_SIDE = 192
"""Side in pixels to which a crop is enlarged to make a photo."""

CANVAS_SIDE, CANVAS_GREY = 320, 128
"""Side in pixels and grey value of the canvas on which the enlarged crop must be detected."""


def measure(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    votes: np.ndarray | None = None,
    progress: str | None = None,
) -> dict:
    """`figures` of crops that are passed directly to the network, one forward pass each.

    Args:
        images: uint8 array (images, size, size).
        labels: integer array (images,).
        votes: distribution of the annotators' votes, float array (images, classes).
        progress: label of a progress bar; no bar if `None`.
    """
    probabilities = predict_probabilities(model, image_processor, images, progress=progress)
    names = list(model.config.id2label.values())
    return figures(probabilities, labels, names, votes, temperature=model.config.temperature)


def figures(
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    votes: np.ndarray | None = None,
    clear: np.ndarray | None = None,
    temperature: float = 1.0,
) -> dict:
    """`classification_metrics`, and the `temperature` that the network's logits were divided by."""
    return classification_metrics(probabilities, labels, names, votes, clear) | {"temperature": float(temperature)}


def flip_averaged(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    *,
    clear: np.ndarray | None = None,
    progress: str | None = None,
) -> dict:
    """Some metrics with test-time flip averaging, as in `FERPipeline(flip_average=True)`.

    Args:
        images, labels: as for `measure`.
        logits: logits of the original images, divided by the model's temperature.
        clear: as for `classification_metrics`.
        progress: label of a progress bar; no bar if `None`.

    Returns:
        `accuracy`, `macro_f1`, `calibration_error` and, with `clear`, `clear_majority_accuracy`, see
        `classification_metrics`.
    """
    mirrored = predict_logits(model, image_processor, np.ascontiguousarray(images[:, :, ::-1]), progress=progress)
    names = list(model.config.id2label.values())
    row = classification_metrics(softmax((logits + mirrored) / 2), labels, names, clear=clear)
    wanted = ("accuracy", "macro_f1", "calibration_error", "clear_majority_accuracy")
    return {name: row[name] for name in wanted if name in row}


def measure_trained(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: Mapping[str, np.ndarray],
    targets: Mapping[str, Targets],
    *,
    calibrate: bool = True,
    degraded: bool = False,
    report: Path | None = None,
    say: Callable[[str], object] = print,
    afterwards: Afterwards | None = None,
) -> dict:
    """Evaluate a newly trained network; its temperature is fitted before the evaluation on test.

    Args:
        model: its `config.temperature` is set to the fitted value, or to 1.
        images: split → uint8 array (images, size, size), for validation and test.
        targets: split → targets of these images.
        calibrate: fit a temperature, if there are at least `LEAST_IMAGES` validation images.
        degraded: as for `fit_calibration`.
        report: folder for metrics.json, report.md and figures.
        say: called with a line about the temperature.
        afterwards: takes the report's failures; without it they are raised.

    Returns:
        JSON-ready dict: `validation` and `test` as from `measure`, from one forward pass over each, with
        `flip_averaged` from a second one over the mirror images; and if a temperature was fitted, `calibration`:
        `temperature`, `split`, `images` and `degraded`, which describe the fit, and `before_and_after` for each of
        the two splits.
    """
    model.config.temperature = 1.0
    logits = {
        split: predict_logits(model, image_processor, images[split], progress=f"evaluate {split}")
        for split in ("validation", "test")
    }
    fitted = {}
    if calibrate and len(logits["validation"]) < LEAST_IMAGES:
        say(
            f"temperature: stays 1, as {len(logits['validation'])} validation images are too few to fit one (at least "
            f"{LEAST_IMAGES})."
        )
    elif calibrate:
        labels = {split: target.classes for split, target in targets.items()}
        fitted["calibration"] = fit_calibration(
            model, image_processor, images["validation"], logits, labels, degraded=degraded
        )
        say(summary(fitted["calibration"]))
    rows, names = {}, list(model.config.id2label.values())
    for split, values in logits.items():
        probabilities, target = softmax(values / model.config.temperature), targets[split]
        rows[split] = figures(
            probabilities, target.classes, names, target.votes, target.clear, model.config.temperature
        )
        rows[split]["flip_averaged"] = flip_averaged(
            model,
            image_processor,
            images[split],
            target.classes,
            values / model.config.temperature,
            clear=target.clear,
            progress=f"evaluate {split}, mirrored",
        )
        if report:
            before = fitted["calibration"][split]["before"] if fitted else None
            with _reporting(afterwards):
                write_pictures(report, split, rows[split], images[split], probabilities, target.classes, before=before)
    metrics = rows | fitted
    if report:
        with _reporting(afterwards):
            write_report(report, model.config.architecture, metrics)
    return metrics


def _reporting(afterwards: Afterwards | None) -> contextlib.AbstractContextManager:
    again = "fer-hub evaluate makes a report again"
    return contextlib.nullcontext() if afterwards is None else afterwards.step("the report", again)


def measure_photographs(
    pipeline, images: np.ndarray, labels: np.ndarray, *, crop: float | None = None, progress: bool = False
) -> dict:
    """Accuracy of the whole pipeline: detection, cropping, network.

    Every crop is enlarged to 192 px and passed to the pipeline twice: alone, and centred on a grey canvas of
    320 px. The largest detected face is used; a missed face counts as an error.

    Args:
        pipeline: a `FERPipeline`.
        images: uint8 array (images, size, size), crops framed as in FER-2013.
        labels: integer array (images,).
        crop: the accuracy on the crops themselves; measured if `None`.
        progress: show a progress bar.

    Returns:
        JSON-ready dict: `images` (count), `crop`, `photograph` and `canvas` (accuracies in [0, 1]), and `missed`
        (number of faces not detected, as `photograph` and `canvas`).
    """
    names = list(pipeline.model.config.id2label.values())
    right = {"photograph": 0, "canvas": 0}
    missed = {"photograph": 0, "canvas": 0}
    step = 64
    with tqdm(total=len(images), desc="photographs", disable=not progress, unit="img") as bar:
        for start in range(0, len(images), step):
            crops = [Image.fromarray(image) for image in images[start : start + step]]
            photographs = [each.resize((PHOTOGRAPH_SIDE,) * 2, Image.Resampling.BICUBIC) for each in crops]
            for kind, photos in (("photograph", photographs), ("canvas", [on_canvas(photo) for photo in photographs])):
                for faces, label in zip(pipeline(photos), labels[start : start + step], strict=True):
                    missed[kind] += not faces
                    right[kind] += bool(faces) and faces[0].emotion == names[label]
            bar.update(len(crops))
    if crop is None:
        crop = measure(pipeline.model, pipeline.image_processor, images, labels)["accuracy"]
    return {"images": len(images), "crop": crop, **{k: n / len(images) for k, n in right.items()}, "missed": missed}


def on_canvas(photo: Image.Image) -> Image.Image:
    """A grey canvas of 320x320 px with the photo at its centre."""
    canvas = Image.new("L", (CANVAS_SIDE, CANVAS_SIDE), CANVAS_GREY)
    canvas.paste(photo, ((CANVAS_SIDE - photo.width) // 2, (CANVAS_SIDE - photo.height) // 2))
    return canvas
