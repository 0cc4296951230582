"""The evaluation data of a checkpoint: splits that its training did not use, in its input size."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel
from transformers.utils import cached_file

from fer_hub.data import FERPLUS_EMOTIONS, Targets, prepare, targets
from fer_hub.data.photographs import Photograph
from fer_hub.files import read_json
from fer_hub.hub.card import FER2013
from fer_hub.model import FERForImageClassification


def load_splits(
    checkpoint: str | Path,
    names: Sequence[str],
    data: str,
    splits: Sequence[str],
    *,
    images: str = "crops",
    labels: str = "auto",
    size: int = 48,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    keep: Sequence[str] = (),
    photographs: dict[str, list[Photograph]] | None = None,
    measured: Mapping[str, Any] | None = None,
    writer: tuple[str, str] = ("--write", "use --report FOLDER for other data"),
) -> dict[str, tuple[Dataset, Targets]]:
    """The images and targets of each split on which a model can be evaluated.

    Missing splits are cut from train with the fraction and seed in the checkpoint's training_args.json, so that they
    contain no image that it was trained on.

    Args:
        names: the checkpoint's classes.
        size: side in pixels of faces cropped from photos.
        keep: further columns to keep, see `fer_hub.data.prepare`.
        photographs: receives those of `Prepared`.
        measured: the checkpoint's metrics.json, if its figures are to be replaced, see `measured_before`.
        writer: for the sentence of a refusal: what replaces them, and what to do instead.
        (others): as for `evaluate`.

    Raises:
        ValueError: also where `measured` is of other data: another name, other classes or another number of images.
    """
    known = _training_args(checkpoint)
    prepared = prepare(
        data,
        images=images,
        size=size,
        wanted=splits,
        validation_fraction=known.get("validation_fraction", 0.1),
        seed=known.get("data_seed") or 0,
        image_column=image_column,
        label_column=label_column,
        label_names=label_names,
        keep=keep,
    )
    if photographs is not None:
        photographs.update(prepared.photographs)
    result = {}
    for split in splits:
        faces = prepared.splits[split]
        is_ferplus = tuple(names) == FERPLUS_EMOTIONS and "ferplus_votes" in faces.column_names
        target = targets(faces, "ferplus" if labels == "auto" and is_ferplus else labels)
        result[split] = faces.select(target.rows), target
        if measured is not None:
            _check_same(measured, split, prepared.about, list(names), target, writer)
    return result


def measured_before(folder: str | Path) -> dict[str, Any] | None:
    """A checkpoint's metrics.json, if it says what was measured on which data; `None` for a network never measured."""
    metrics = read_json(Path(folder) / "metrics.json")
    return metrics if {"data", "validation", "test"} & set(metrics) else None


def _check_same(
    measured: Mapping[str, Any],
    split: str,
    about: Mapping,
    names: list[str],
    target: Targets,
    writer: tuple[str, str],
) -> None:
    """Refuse figures of a split that would stand in the card as those of other data."""
    before, known = measured.get("data") or FER2013, measured.get(split) or {}
    count = known.get("images", len(target.rows))
    same = all(about.get(key) == before.get(key) for key in ("name", "hub", "fer2013", "images"))
    if same and count == len(target.rows) and list(target.names) == names:
        return
    raise ValueError(
        f"{writer[0]} needs the data that the checkpoint was measured on, {before['name']} ({before['images']}) with "
        f"{count:,} images of {len(names)} classes in {split}, got {about['name']} ({about['images']}) with "
        f"{len(target.rows):,} images of {len(target.names)} classes; {writer[1]}."
    )


def input_size(model: PreTrainedModel, image_processor: Any) -> int:
    """Side in pixels of a model's input: from its config, or the largest length in its image processor's size."""
    if isinstance(model, FERForImageClassification):
        return model.config.image_size
    lengths = [dict(getattr(image_processor, name, None) or {}) for name in ("crop_size", "size")]
    return max((int(value) for entry in lengths for value in entry.values() if value), default=224)


def _training_args(checkpoint: str | Path) -> dict:
    """The content of training_args.json; empty if there is none."""
    path = cached_file(
        str(checkpoint),
        "training_args.json",
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
