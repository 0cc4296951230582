"""A data set ready for a network: loaded, faces cropped from photos, splits complete, and a description of the data."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets

from fer_hub.data.expressions import read_expressions
from fer_hub.data.loading import check_arguments, is_hub_id
from fer_hub.data.names import SPLITS
from fer_hub.data.photographs import PHOTOGRAPH, Photograph, cut_out_faces
from fer_hub.data.splits import complete_splits, refuse_empty
from fer_hub.data.unlabelled import read_unlabelled
from fer_hub.files import at_home, write_text
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)

IMAGES = ("crops", "photographs")
"""Kinds of images in a data set."""

ALL = "all"
"""Name of the split that combines all others."""

LEFT_OUT = "left out"
"""Used as the split of photos without a face."""

_SHOWN = 5  # files named in a log line
_FER2013 = ((4953, 547, 5121, 8989, 6077, 4002, 6198), (3995, 436, 4097, 7215, 4830, 3171, 4965))
"""Images of each emotion in all three splits, and in train."""


@dataclass(frozen=True)
class Prepared:
    """A data set for training or evaluation.

    Attributes:
        splits: split → images and labels; train, validation and test unless others were requested.
        about: JSON-ready description: `name`, the public name of the data set; `hub`, whether that is its id on the
            Hub; `fer2013`, whether it is FER-2013; `images`, one of `IMAGES`; `cut`, the splits that were cut from
            train; and for photos `photographs` and `missed`, the number of photos and of those without a face.
        photographs: split → its photos; those without a face under `LEFT_OUT`. Empty for crops.
    """

    splits: DatasetDict
    about: dict
    photographs: dict[str, list[Photograph]]


def prepare(
    source: str | Path,
    *,
    images: str = "crops",
    size: int = 48,
    wanted: Sequence[str] = SPLITS,
    ferplus_csv: str | Path | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    keep: Sequence[str] = (),
    labelled: bool = True,
) -> Prepared:
    """Load a data set, crop the faces if it consists of photos, and complete its splits.

    Args:
        source: as for `load_expressions`, like all arguments not listed here.
        images: kind of the images: face crops, or photos in which the largest face is detected and cropped.
        size: height and width of these crops in pixels.
        wanted: requested splits; missing ones are cut from train. `["all"]` gives all images as one split.
        keep: further columns to keep, see `kept.keep_columns`.
        labelled: whether labels are read; else the one class is `unlabelled.NO_LABEL`, and no split is cut.

    Raises:
        ValueError: as for `load_expressions`; `images` is not one of `IMAGES`; a class has too few images to split.
    """
    source, ferplus_csv = at_home(source), at_home(ferplus_csv)
    check_arguments(source, ferplus_csv, validation_fraction, seed)
    if images not in IMAGES:
        raise ValueError(f"images must be {' or '.join(IMAGES)}, got {images!r}; choose one of the two.")
    where = str(source)
    columns = {"image_column": image_column, "label_column": label_column, "label_names": label_names}
    if labelled:
        own = read_expressions(source, ferplus_csv=ferplus_csv, keep=keep, **columns)
    else:
        own = read_unlabelled(source, image_column=image_column, keep=keep)
        _check_splits(own, wanted, where)
    about = {"name": public_name(source), "hub": is_hub_id(source), "fer2013": _is_fer2013(own, source)}
    if about["fer2013"]:
        about["name"] = "FER-2013"
    photographs: list[Photograph] = []
    if images == "photographs":
        own = _faces_of(own, where, size, photographs, keep)
    if list(wanted) == [ALL]:
        splits = {ALL: concatenate_datasets(list(own.values()))}
    elif all(split in own for split in wanted):
        splits = {split: own[split] for split in wanted}
        refuse_empty(splits, where)
    else:
        if not about["fer2013"]:
            _check_enough(own, where, photographs)
        splits = complete_splits(own, validation_fraction, seed, where)
    about |= {"images": images, "cut": [split for split in splits if split not in (ALL, *own)]}
    if not about["fer2013"] and "train" in splits:
        _check_classes(splits, where)
    splits = {split: dataset for split, dataset in splits.items() if split in wanted}
    by_split = {}
    if images == "photographs":
        by_split = {split: [photographs[i] for i in data[PHOTOGRAPH][:]] for split, data in splits.items()}
        by_split[LEFT_OUT] = [photo for photo in photographs if photo.face is None]
        about |= {"photographs": len(photographs), "missed": len(by_split[LEFT_OUT])}
        splits = {split: dataset.remove_columns(PHOTOGRAPH) for split, dataset in splits.items()}
    return Prepared(DatasetDict(splits), about, by_split)


def public_name(source: str | Path) -> str:
    """The public name of a data set: its Hub id, or the name of its folder or file without the path.

    >>> public_name("owner/faces"), public_name("/home/jane/my_photos/"), public_name("faces/train.parquet")
    ('owner/faces', 'my_photos', 'train')
    """
    if is_hub_id(source):
        return str(source)
    path = Path(source).resolve()
    return re.sub(r"(\.tar)?\.(csv|parquet|jsonl?|zip|tar|tgz|gz|bz2|xz)$|\.csv\.gz$", "", path.name)


def write_faces(path: Path, photographs: Mapping[str, list[Photograph]]) -> None:
    """Write a CSV with one line per photo: the box of its face, or that there was none.

    Columns: `file`, `split` (`LEFT_OUT` without a face), `class`, `face_count` (number detected; the largest is used),
    `detection_score`, `xmin`, `ymin`, `xmax`, `ymax` in pixels of the upright photo.

    Args:
        photographs: those of `Prepared`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "split", "class", "face_count", "detection_score", "xmin", "ymin", "xmax", "ymax"))
    for split in sorted(photographs, key=lambda split: split != LEFT_OUT):
        for photo in photographs[split]:
            face = photo.face
            found = [f"{face.detection_score:.3f}", *(f"{edge:.1f}" for edge in face.box)] if face else [""] * 5
            writer.writerow((photo.file, split, photo.label, photo.face_count, *found))
    write_text(path, text.getvalue())


def _check_splits(own: Mapping[str, Dataset], wanted: Sequence[str], where: str) -> None:
    if missing := [split for split in wanted if split not in (ALL, *own)]:
        raise ValueError(
            f"{where}: there must be a split {' and '.join(missing)}, got {', '.join(own)}; name one of these, or "
            f"{ALL} for all images together."
        )


def _faces_of(
    own: dict[str, Dataset], where: str, size: int, photographs: list[Photograph], keep: Sequence[str]
) -> dict[str, Dataset]:
    from fer_hub.detection.detector import FaceDetector  # loads networks, which crops do not need

    with FaceDetector() as detector:
        crops = {
            split: cut_out_faces(dataset, size, detector, photographs, name=split, keep=keep)
            for split, dataset in own.items()
        }
    missed = [photo for photo in photographs if photo.face is None]
    if missed:
        shown = ", ".join(photo.file for photo in missed[:_SHOWN])
        more = f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
        logger.warning(
            "%s: %d of %d photos without a face are left out: %s%s",
            where, len(missed), len(photographs), shown, more,
        )  # fmt: skip
    if len(missed) == len(photographs):
        raise ValueError(
            f"{where}: the photos must show faces, but no face was detected in any of {len(photographs)}; if the "
            "images already are face crops, load them as crops."
        )
    return crops


def _check_enough(own: dict[str, Dataset], where: str, photographs: list[Photograph]) -> None:
    """Every class must have an image for train and for each split that will be cut from it."""
    if "train" not in own:
        return  # complete_splits reports it
    missing = [split for split in SPLITS if split not in own]
    counts = np.bincount(own["train"]["label"][:], minlength=own["train"].features["label"].num_classes)
    small = []
    for name, count in zip(own["train"].features["label"].names, counts, strict=True):
        if count <= len(missing):
            lost = sum(photo.face is None and photo.label == name for photo in photographs)
            small.append(f"{name} has {count}" + (f" (and {lost} photos without a face)" if lost else ""))
    if small:
        shares = f"{', '.join(['train', *missing[:-1]])} and {missing[-1]}"
        raise ValueError(
            f"{where}: every class needs at least {1 + len(missing)} images in train, one each for {shares}; "
            f"{', '.join(small)}. Add images (useful results need about fifty per class), or remove the class."
        )


def _check_classes(splits: Mapping[str, Dataset], where: str) -> None:
    """Every class must occur in train; a class that another split lacks is logged."""
    names = splits["train"].features["label"].names
    counts = {split: Counter(dataset["label"][:]) for split, dataset in splits.items()}
    for index, name in enumerate(names):
        without = [split for split in counts if not counts[split][index]]
        if "train" in without:
            raise ValueError(
                f"{where}: every class must have images in train, but {name} has none; add some, or remove the class "
                "from the other splits."
            )
        if without:
            logger.warning(
                "%s: no image of %s in %s, so it cannot be measured there", where, name, " and ".join(without)
            )


def _is_fer2013(splits: Mapping[str, Dataset], source: str | Path) -> bool:
    """Recognises FER-2013 by its columns, its image counts, or its name."""
    first = next(iter(splits.values()))
    if tuple(first.features["label"].names) != EMOTIONS:
        return False
    if {"row", "ferplus_votes"} & set(first.column_names):
        return True
    counts = sum(np.bincount(dataset["label"][:], minlength=len(EMOTIONS)) for dataset in splits.values())
    return tuple(counts) in _FER2013 or "fer2013" in re.sub(r"\W|_", "", Path(source).name.lower())
