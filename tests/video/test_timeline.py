import numpy as np
import pytest
from PIL import Image

from fer_hub.video.timeline import Timeline
from fer_hub.video.tracking import TrackedFace
from tests.video.making import LABELS


def tracked(face_id, happy):
    probabilities = {"angry": 1 - happy, "happy": happy}
    return TrackedFace((0, 0, 9, 9), 0.9, max(probabilities, key=probabilities.get), probabilities, face_id=face_id)


@pytest.mark.parametrize("frames", [10, 1000, 20_000])
def test_timeline_is_bounded_and_keeps_the_means(frames):
    timeline = Timeline(LABELS, max_points=100)
    values = [index / (frames - 1) for index in range(frames)]
    for index, value in enumerate(values):
        timeline.add(index / 30, [tracked(1, value)])
    [face] = timeline.faces
    assert len(face.times) == len(face.probabilities) <= 100
    assert (face.first, face.last, face.frames) == (0, (frames - 1) / 30, frames)
    assert face.mean == pytest.approx({"angry": 0.5, "happy": 0.5})
    assert np.all(np.diff(face.times) > 0)
    assert face.probabilities[:, 1] == pytest.approx(face.times / face.last)  # the curve is a straight line
    assert face.probabilities.sum(1) == pytest.approx(1)


def test_timeline_keeps_the_faces_seen_longest(tmp_path):
    timeline = Timeline(LABELS, max_faces=8)
    for index in range(40):
        timeline.add(index, [tracked(1, 0.5), tracked(2 + index, 0.5)])
    assert len(timeline.faces) == 8
    assert (timeline.faces[0].face_id, timeline.faces[0].frames) == (1, 40)
    timeline.save(tmp_path / "a.svg", "a.mp4")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for text in ("a.mp4: the 6 of 41 faces seen longest", "Face 1, 0.0 s to 39.0 s", "probability"):
        assert f"<!-- {text} -->" in drawn  # matplotlib writes letters as outlines, and the text beside them


def test_timeline_without_a_face_can_be_plotted(tmp_path):
    Timeline(LABELS).save(tmp_path / "a.png", "a.mp4")
    with Image.open(tmp_path / "a.png") as plot:
        assert plot.width > 800
