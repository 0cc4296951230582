"""The faces of a video as CSV and JSON, written row by row, and files that appear complete or not at all."""

import contextlib
import csv
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from fer_hub import __version__
from fer_hub.video.tracking import TrackedFace

FORMAT_VERSION = 2
"""Version of the JSON layout; incremented when a field changes its meaning or is removed."""

COLUMNS = ("frame", "time", "face_id", "detection_score", "quality", "angle", "xmin", "ymin", "xmax", "ymax", "emotion")
"""Columns of the CSV that precede the label columns."""

KEYS = ("face_id", "detection_score", "quality", "angle", "box", "emotion", "probabilities")
"""What a row of the JSON has of a face; keypoints would make the file three times as large."""


class StagedFiles:
    """Files written under temporary names next to their final paths: use it as a context manager.

    When the block ends, all files move to their final paths, replacing existing ones; if it raises, all are deleted.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with StagedFiles() as files:
        ...     _ = files.add(folder / "a.txt").write_text("done")
        >>> [path.name for path in folder.iterdir()]
        ['a.txt']
    """

    def __init__(self) -> None:
        self._moves: list[tuple[Path, Path]] = []

    def add(self, path: Path) -> Path:
        """The temporary path of a file, with the same extension."""
        temporary = path.with_name(f".{path.stem[:100]}.{uuid.uuid4().hex[:8]}.part{path.suffix}")
        self._moves.append((temporary, path))
        return temporary

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for temporary, path in self._moves:
                    os.replace(temporary, path)
        finally:
            for temporary, _path in self._moves:
                with contextlib.suppress(OSError):
                    temporary.unlink()


class CsvRows:
    """One line per analysed frame and face; a frame without a face has one line whose other fields are empty.

    Columns: `frame` (0 for the first), `time` in seconds, `face_id`, `detection_score`, `quality`, `angle`, the box
    `xmin`, `ymin`, `xmax`, `ymax` in pixels of the upright frame, `emotion`, and the smoothed probability of every
    label.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._labels = list(labels)
        self._file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115 (closed by `close`)
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow([*COLUMNS, *self._labels])

    def write(self, frame: int, time: float, faces: Sequence[TrackedFace]) -> None:
        """Append a frame."""
        for face in sorted(faces, key=_face_id):
            probabilities = (round(face.probabilities[label], 6) for label in self._labels)
            scores = (round(face.detection_score, 6), _rounded(face.quality), round(face.angle, 2))
            self._rows.writerow([frame, round(time, 6), face.face_id, *scores, *face.box, face.emotion, *probabilities])
        if not faces:
            self._rows.writerow([frame, round(time, 6)] + [""] * (len(COLUMNS) - 2 + len(self._labels)))

    def finish(self, summary: dict[str, Any]) -> None:
        """Nothing follows the rows in a CSV."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class JsonRows:
    """The same rows as one JSON object, with one row per line.

    The object has, in this order: `version` (of this layout), `generator`, the keys of `header`, `rows`, and the keys
    that `finish` adds. A row has `frame`, `time`, `face_id`, `detection_score`, `quality`, `angle`, `box`, `emotion`
    and `probabilities`; for a frame without a face all but the first two are null.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self._file: TextIO = open(path, "w", encoding="utf-8")  # noqa: SIM115 (closed by `close`)
        self._file.write("{\n")
        for key, value in {"version": FORMAT_VERSION, "generator": f"fer_hub {__version__}", **header}.items():
            self._file.write(f"{_text(key)}: {_text(value)},\n")
        self._file.write('"rows": [')
        self._separator = "\n"

    def write(self, frame: int, time: float, faces: Sequence[TrackedFace]) -> None:
        """Append a frame."""
        for face in sorted(faces, key=_face_id):
            row = face.to_dict()
            row |= {"detection_score": round(face.detection_score, 6), "quality": _rounded(face.quality)}
            row["angle"] = round(face.angle, 2)
            row["probabilities"] = {label: round(value, 6) for label, value in row["probabilities"].items()}
            self._append({"frame": frame, "time": round(time, 6), **{key: row[key] for key in KEYS}})
        if not faces:
            self._append({"frame": frame, "time": round(time, 6), **dict.fromkeys(KEYS)})

    def finish(self, summary: dict[str, Any]) -> None:
        """Close the list of rows and add the summary."""
        self._file.write("\n]")
        for key, value in summary.items():
            self._file.write(f",\n{_text(key)}: {_text(value)}")
        self._file.write("\n}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, row: dict[str, Any]) -> None:
        self._file.write(self._separator + _text(row))
        self._separator = ",\n"


def _rounded(quality: float | None) -> float | None:
    return None if quality is None else round(quality, 6)


def _face_id(face: TrackedFace) -> int:
    return face.face_id


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
