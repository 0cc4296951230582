"""Results as downloadable files."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from PIL import Image

from fer_hub.files import write_text
from fer_hub.results import FacePrediction, percent

HEADERS = ["face", "emotion", "probability", "detection", "quality", "xmin", "ymin", "xmax", "ymax"]
"""Columns of the tables on the page."""

CSV_HEADERS = ["face", "detection_score", "quality", "angle", "xmin", "ymin", "xmax", "ymax", "emotion"]
"""First columns of the CSV files; one per label follows."""


def table(faces: Sequence[FacePrediction]) -> list[list]:
    """One row per face under `HEADERS`."""
    return [
        [
            number,
            face.emotion,
            percent(face.probabilities[face.emotion]),
            percent(face.detection_score),
            None if face.quality is None else percent(face.quality),
            *face.box,
        ]
        for number, face in enumerate(faces, start=1)
    ]


def downloads(annotated: Image.Image, report: dict) -> list[str]:
    """Files with the annotated image, the JSON, and a CSV with one row per face and one column per label."""
    texts = {
        "faces.json": json.dumps(report, indent=1),
        "faces.csv": as_csv(csv_rows(report), [*CSV_HEADERS, *report["labels"]]),
    }
    return [save_picture(annotated), *save(texts)]


def csv_rows(report: dict) -> list[list]:
    """One row per face under `CSV_HEADERS` and the labels."""
    return [
        [
            number,
            face["detection_score"],
            face["quality"],
            face["angle"],
            *face["box"].values(),
            face["emotion"],
            *face["probabilities"].values(),
        ]
        for number, face in enumerate(report["faces"], start=1)
    ]


def save_picture(picture: Image.Image) -> str:
    """Path of an annotated image saved as JPEG, in a separate folder.

    Gradio names images by their content, so two visitors with the same photo would write and read one file at
    the same time.
    """
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92)
    return save({"annotated.jpg": stream.getvalue()})[0]


def as_csv(rows: Sequence[Sequence], header: Sequence[str]) -> str:
    """Rows under a header as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def save(files: dict[str, str | bytes]) -> list[str]:
    """Write files to a folder in gradio's cache, where they are deleted together with the uploads."""
    folder = Path(tempfile.mkdtemp(prefix="faces-", dir=gr.utils.get_upload_folder()))
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            write_text(folder / name, content)
    return [str(folder / name) for name in files]
