"""From photos to face crops, framed exactly as in `FERPipeline`, so that training and inference match."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset, Features, Image, NamedSplit, Value
from tqdm.auto import tqdm

from fer_hub.data.problems import Problems
from fer_hub.detection.framing import face_crop
from fer_hub.images import load_image
from fer_hub.results import Face

if TYPE_CHECKING:  # importing it takes time
    from fer_hub.detection.detector import FaceDetector

PHOTOGRAPH = "photograph"
"""Column of `cut_out_faces`: position in the list of all photos."""


@dataclass(frozen=True)
class Photograph:
    """A photo and its detected face.

    Attributes:
        file: its path, or split and row (from 0) if it has none.
        label: name of its class.
        face_count: number of detected faces.
        face: the largest of them, which is cropped; None if no face was detected.
        split: the split of the source that it is in.
        values: column → value, of the columns that were asked for.
    """

    file: str
    label: str
    face_count: int
    face: Face | None
    split: str = "train"
    values: Mapping[str, Any] = field(default_factory=dict)


def cut_out_faces(
    split: Dataset,
    size: int,
    detector: FaceDetector,
    photographs: list[Photograph],
    *,
    name: str = "train",
    keep: Sequence[str] = (),
) -> Dataset:
    """The largest face of every photo, framed as in `FERPipeline`; photos without a detected face are left out.

    Shows a progress bar.

    Args:
        split: with the columns `image` and `label` (`ClassLabel`).
        size: height and width of the crops in pixels: the network's input size, as resampling twice would blur.
        detector: the face detector.
        photographs: receives all photos of the split, including those without a face.
        name: name of the split, for progress bar and errors.
        keep: columns whose values the photographs get.

    Returns:
        A data set with the columns `image` (the crop as PNG, RGB), `label` and `PHOTOGRAPH`.

    Raises:
        ValueError: photos cannot be read; the first five are named.
    """
    encoded = split.select_columns(["image", "label", *keep]).cast_column("image", Image(decode=False))
    names = split.features["label"].names
    problems = Problems(name, unit="photograph")
    columns: dict[str, list] = {"image": [], "label": [], PHOTOGRAPH: []}
    for row, entry in enumerate(tqdm(encoded, desc=f"Finding faces in {name}", unit="photo")):
        path, data = entry["image"]["path"], entry["image"]["bytes"]
        file = path or f"{name}, row {row}"
        try:
            photo = load_image(Path(path) if data is None else data)
        except (ValueError, OSError) as error:
            problems.add(file, str(error).rstrip("."))
            continue
        faces = detector.detect(photo)
        if faces:
            crop = _png(face_crop(photo, faces[0], size))
            columns["image"].append({"bytes": crop, "path": None})  # with a path, datasets would read the file instead
            columns["label"].append(entry["label"])
            columns[PHOTOGRAPH].append(len(photographs))
        values = {column: entry[column] for column in keep}
        found = faces[0] if faces else None
        photographs.append(Photograph(file, names[entry["label"]], len(faces), found, name, values))
    problems.raise_if_any("replace or remove these photos")
    features = Features({"image": Image(), "label": split.features["label"], PHOTOGRAPH: Value("int64")})
    return Dataset.from_dict(columns, features=features, split=NamedSplit(name))


def _png(image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
