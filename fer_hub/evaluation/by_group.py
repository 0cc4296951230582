"""Evaluation by groups of images, of data with labels and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from fer_hub.data import decode_images, prepare
from fer_hub.data.photographs import Photograph
from fer_hub.data.prepared import ALL, LEFT_OUT, Prepared
from fer_hub.evaluation.groups import MEASURED, cut, group_figures
from fer_hub.evaluation.properties import faces_in_crops, of_face, of_pixels, widths_of
from fer_hub.evaluation.report_folder import groups_text
from fer_hub.evaluation.splits import input_size
from fer_hub.files import write_json, write_text
from fer_hub.inference.logits import predict_probabilities
from fer_hub.model import FERForImageClassification

SHOWN_SIZE = 96
"""Side in pixels of the images in the report of a model that is not from fer_hub."""


def columns_of(group_by: Sequence[str]) -> list[str]:
    """Those of the groupings that are columns of the data set; the others are measured."""
    return [by for by in group_by if by not in MEASURED]


def measure_groups(
    group_by: Sequence[str],
    split: str,
    faces: Dataset,
    pixels: np.ndarray,
    predicted: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str],
    *,
    detector: Any,
    photographs: Mapping[str, Sequence[Photograph]],
    kept: np.ndarray | None = None,
) -> dict[str, dict]:
    """The figures of one split by every grouping.

    Args:
        group_by: keys of `MEASURED` and columns of `faces`.
        split: its name.
        faces: its images.
        pixels: the same decoded, uint8 (images, size, size).
        predicted, labels, names: as for `group_figures`.
        detector: finds the faces in crops.
        photographs: those of `Prepared`; empty for crops. What is measured on found faces says nothing of how many are
            found, and has no photographs without a face. How many faces are found in a split that was cut from train
            is not known, as the photographs without one were not divided.
        kept: rows of the split that `faces` are; all if `None`.

    Returns:
        grouping → `what` it is, and what `group_figures` says.
    """
    own: list[Photograph] = []
    missed: list[Photograph] = []
    if photographs:
        own = [photographs[split][row] for row in (range(len(faces)) if kept is None else kept)]
        seen = [photo.face for photo in own]
        missed = [photo for photo in photographs[LEFT_OUT] if split in (ALL, photo.split)]
        missed = [photo for photo in missed if labels is None or photo.label in names]
        is_cut = split != ALL and any(photo.split != split for photo in own)
    else:
        seen, is_cut = faces_in_crops(detector, pixels, widths_of(faces), progress=f"faces of {split}"), False
    found = np.array([face is not None for face in seen] + [False] * len(missed))
    result = {}
    for by in group_by:
        if by in ("size", "yaw"):
            values = [of_face(by, face) for face in seen]
        elif by in MEASURED:
            values = of_pixels(by, pixels)
        else:
            values = [photo.values[by] for photo in own] if photographs else list(faces[by][:])
        on_faces = by in ("size", "yaw") or (by in MEASURED and bool(photographs))
        if not on_faces:
            values += [photo.values[by] for photo in missed]
        looked = None if is_cut or on_faces else found
        entry = group_figures(cut(values, by), predicted, labels, names, looked)
        result[by] = {"what": MEASURED.get(by, "a column of the data set"), **entry}
    return result


def evaluate_unlabelled(
    checkpoint: str,
    data: str,
    splits: Sequence[str],
    group_by: Sequence[str],
    *,
    images: str = "crops",
    report: Path | None = None,
    trust_remote_code: bool = False,
    image_column: str | None = None,
) -> dict:
    """The predictions of a model on images without labels, by groups.

    Args:
        checkpoint, data, images, report, trust_remote_code, image_column: as for `evaluate`; `data` may also be a
            folder of images.
        splits: splits of the data set, or only "all", all images together.
        group_by: as for `evaluate`.

    Returns:
        JSON-ready dict: `groups`: split → grouping → what `group_figures` says.
    """
    from fer_hub.hub.group_plot import plot_groups
    from fer_hub.hub.plots import save_picture
    from fer_hub.pipeline import FERPipeline

    result: dict[str, Any] = {"groups": {}}
    with FERPipeline.from_pretrained(checkpoint, runtime="torch", trust_remote_code=trust_remote_code) as pipeline:
        model, image_processor = pipeline.model, pipeline.image_processor
        ours, size = isinstance(model, FERForImageClassification), input_size(model, image_processor)
        names = list(model.config.id2label.values())
        prepared: Prepared = prepare(
            data,
            images=images,
            size=size,
            wanted=splits,
            image_column=image_column,
            keep=columns_of(group_by),
            labelled=False,
        )
        for split, faces in prepared.splits.items():
            pixels = decode_images(faces, size if ours else SHOWN_SIZE)
            shown = {"images": pixels} if ours else {"images": faces["image"], "batch_size": 32}
            probabilities = predict_probabilities(model, image_processor, **shown, progress=f"evaluate {split}")
            result["groups"][split] = measure_groups(
                group_by, split, faces, pixels, probabilities.argmax(1), None, names,
                detector=pipeline.detector, photographs=prepared.photographs,
            )  # fmt: skip
            if report:
                report.mkdir(parents=True, exist_ok=True)
                save_picture(plot_groups(result["groups"][split]), report / f"{split}_groups.png")
    if report:
        write_json(report / "metrics.json", result)
        write_text(report / "report.md", f"# {checkpoint}\n\n{groups_text(result['groups'])}\n")
    return result
