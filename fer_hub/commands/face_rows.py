"""The faces of photographs as rows of CSV or JSON lines."""

import csv
import json
from collections.abc import Sequence
from typing import TextIO

from fer_hub.inference.identity import Identity
from fer_hub.results import FacePrediction

COLUMNS = (
    *("path", "width", "height", "face", "detection_score", "quality", "angle"),
    *("xmin", "ymin", "xmax", "ymax", "emotion", "model", "version"),
)
"""Columns of the CSV before those of the labels."""


KEYS = ("detection_score", "quality", "angle", "box", "keypoints", "emotion", "probabilities")
"""What a JSON line has of a face."""


class CsvFaces:
    """One line per face; a photograph without a face has one line, empty from `face` on.

    Columns: `path`, `width` and `height` of the upright photograph in pixels, `face` (0 for the most prominent),
    `detection_score` and `quality`, 0 to 1, `angle` of the head in degrees, the box `xmin`, `ymin`, `xmax`, `ymax` in
    pixels, `emotion`, `model` and `version` of the network, which every line has (see `Identity`), and the
    probability of every label.
    """

    def __init__(self, file: TextIO, labels: Sequence[str], network: Identity, *, begun: bool = False) -> None:
        self._labels, self._network = list(labels), network
        self._rows = csv.writer(file, lineterminator="\n")
        if not begun:
            self._rows.writerow([*COLUMNS, *self._labels])

    def write(self, path: str, size: tuple[int, int], faces: Sequence[FacePrediction]) -> None:
        """Append a photograph of `size` (width, height)."""
        start = [_printable(path), *size]
        for number, face in enumerate(faces):
            probabilities = (round(face.probabilities[label], 6) for label in self._labels)
            scores = (round(face.detection_score, 6), rounded(face.quality), round(face.angle, 2))
            self._rows.writerow([*start, number, *scores, *face.box, face.emotion, *self._network, *probabilities])
        if not faces:
            empty = [""] * (len(COLUMNS) - len(start) - len(self._network))
            self._rows.writerow([*start, *empty, *self._network, *([""] * len(self._labels))])


class JsonFaces:
    """The same rows as JSON objects, one per line.

    A row has `path`, `width`, `height`, `model`, `version`, `face`, `detection_score`, `quality`, `angle`, `box`,
    `keypoints`, `emotion` and `probabilities`, see `FacePrediction.to_dict`; without a face all from `face` on are
    null.
    """

    def __init__(self, file: TextIO, network: Identity) -> None:
        self._file, self._network = file, network

    def write(self, path: str, size: tuple[int, int], faces: Sequence[FacePrediction]) -> None:
        """Append a photograph of `size` (width, height)."""
        start = {"path": _printable(path), "width": size[0], "height": size[1], **self._network._asdict()}
        for number, face in enumerate(faces):
            row = face.to_dict()
            row |= {"detection_score": round(face.detection_score, 6), "quality": rounded(face.quality)}
            row["angle"] = round(face.angle, 2)
            row["keypoints"] = {
                name: {axis: round(place, 2) for axis, place in point.items()}
                for name, point in row["keypoints"].items()
            }
            row["probabilities"] = {label: round(value, 6) for label, value in row["probabilities"].items()}
            self._append(start | {"face": number} | {key: row[key] for key in KEYS})
        if not faces:
            self._append(start | dict.fromkeys(("face", *KEYS)))

    def _append(self, row: dict) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def rounded(quality: float | None) -> float | None:
    """A quality with six digits; `None` where it was not measured."""
    return None if quality is None else round(quality, 6)


def _printable(path: str) -> str:
    """A path as text that UTF-8 can hold, whatever bytes are in it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
