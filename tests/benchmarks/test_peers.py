"""What the measurement of packages beside each other counts, and that the committed figures are whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import peers, peers_process
from benchmarks.marked_faces import Marked

ROOT = Path(__file__).resolve().parents[2]


def marked(boxes: list[list[float]]) -> Marked:
    return Marked(Image.new("RGB", (200, 200)), np.array(boxes, float), {"invalid": np.zeros(len(boxes), int)})


def test_the_largest_face_answers_and_names_are_those_of_fer2013():
    small = {"box": [0, 0, 9, 9], "emotions": {"sadness": 1.0}}
    large = {"box": [0, 0, 20, 20], "emotions": {"anger": 0.2, "surprised": 0.7}}
    assert peers_process.emotion_of([small, large]) == "surprise"
    assert peers_process.emotion_of([small]) == "sad" and peers_process.emotion_of([]) is None


def test_a_missed_face_is_a_wrong_answer():
    row = peers.accuracy(["happy", None, "sad", "sad"], ["happy", "happy", "sad", "fear"])
    assert row["accuracy"] == 0.5 and row["missed"] == 1
    assert row["interval"][0] < 0.5 < row["interval"][1]


def test_recall_is_of_faces_that_are_large_enough_and_precision_of_all_boxes():
    photos = [marked([[0, 0, 40, 40], [100, 100, 130, 130], [150, 0, 165, 15]]), marked([[0, 0, 30, 30]])]
    row = peers.found([[[1, 1, 41, 41], [60, 60, 90, 90], [150, 0, 165, 15]], []], photos)
    assert (row["faces"], row["recall"]) == (3, pytest.approx(1 / 3, abs=1e-4))
    assert row["precision"] == pytest.approx(2 / 3, abs=1e-4)


def test_what_is_installed_is_counted_with_what_it_requires_once():
    alone, both = (peers_process.installed_mb(names) for names in (["numpy"], ["numpy", "NumPy", "no-such-package"]))
    assert alone == both > 5
    assert peers_process.installed_mb(["transformers"]) > alone  # which requires numpy


def test_fer_hub_is_measured_as_the_others_are(tmp_path, monkeypatch):
    monkeypatch.setattr(peers.os, "sched_setaffinity", lambda *given: None)
    for name in ("photos", "faces", "groups"):
        (tmp_path / name).mkdir()
    portrait = (ROOT / "examples" / "astronaut.jpg").read_bytes()
    for name in ("frame.jpg", "photos/0.jpg", "groups/0.jpg"):
        (tmp_path / name).write_bytes(portrait)
    Image.new("RGB", (192, 192)).save(tmp_path / "faces" / "0.jpg")
    row = peers_process.speed("fer_hub", tmp_path, 1)
    assert min(row.values()) > 0 and set(row) == {"per_second", "cpu_ms", "frame_ms", "peak_mib"}
    said = peers_process.answers("fer_hub", tmp_path)
    assert said["faces"] == [None] and len(said["groups"][0]) == 1
    assert peers_process.alone("fer_hub", tmp_path)["alone"][0] in {*peers_process.NAMES.values()}


def test_the_committed_figures_have_every_package():
    figures = json.loads((ROOT / "results" / "peers.json").read_text())
    assert list(figures["rows"]) == ["fer_hub", *peers.PYTHON, *peers.NODE]
    for row in figures["rows"].values():
        assert len(row["per_second"]) == 2 and row["faces"]["missed"] <= figures["images"]
        assert min(row["frame_ms"], row["cpu_ms"], row["start_seconds"], row["peak_mib"], row["installed_mb"]) > 0
    assert figures["not_measured"] == peers.NOT_MEASURED and figures["images"] == 500
