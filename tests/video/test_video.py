import json
import math
import threading

import numpy as np
import pytest
from PIL import Image

from fer_hub.boxes import iou
from fer_hub.video.analysis import VideoCancelled, analyse_video, video_info
from fer_hub.video.following import BATCH_FRAMES
from tests.video.making import SquareFinder, make_video, moving, names_in, painted, read_csv, read_video


def test_real_faces_keep_their_ids_in_every_file(pipeline, people, tmp_path):
    paths = {
        "output": tmp_path / "out.mp4",
        "csv": tmp_path / "out.csv",
        "json": tmp_path / "out.json",
        "timeline": tmp_path / "out.png",
    }
    summary = analyse_video(pipeline, people, **paths)
    assert names_in(tmp_path) == ["out.csv", "out.json", "out.mp4", "out.png"]
    assert summary.paths == paths
    assert json.loads(json.dumps(summary.to_dict())) == {
        "name": "people.mp4",
        "width": 480,
        "height": 270,
        "fps": 10,
        "frames": 12,
        "analysed": 12,
        "seconds": 1.2,
        "face_count": 2,
        "notes": [],
    }
    rows = read_csv(paths["csv"])
    labels = list(pipeline.model.config.id2label.values())
    box = ["xmin", "ymin", "xmax", "ymax"]
    first = ["frame", "time", "face_id", "detection_score", "quality", "angle"]
    assert list(rows[0]) == [*first, *box, "emotion", *labels]
    assert [int(row["frame"]) for row in rows] == [frame for frame in range(9) for _ in (1, 2)] + [9, 10, 11]
    for row in rows:
        assert float(row["time"]) == pytest.approx(int(row["frame"]) / 10)
    faces, empty = rows[:18], rows[18:]
    assert {(row["face_id"], float(row["ymin"]) < 120) for row in faces} in (
        {("1", True), ("2", False)},
        {("1", False), ("2", True)},
    )
    for row in faces:
        probabilities = {label: float(row[label]) for label in labels}
        assert math.fsum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert row["emotion"] == max(probabilities, key=probabilities.get)
    for row in empty:
        assert set(list(row.values())[2:]) == {""}

    content = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert list(content) == [
        *("version", "generator", "video", "labels", "every", "smoothing", "rows"),
        *("frames", "analysed", "seconds", "face_count", "notes"),
    ]
    assert content["version"] == 2
    assert content["video"] == {"name": "people.mp4", "width": 480, "height": 270, "fps": 10}
    assert content["labels"] == labels
    for row, same in zip(content["rows"], rows, strict=True):
        flat = [row["frame"], row["time"], row["face_id"], row["detection_score"], row["quality"], row["angle"]]
        flat += (row["box"] or dict.fromkeys(box)).values()
        flat += [row["emotion"], *(row["probabilities"] or dict.fromkeys(labels)).values()]
        assert ["" if value is None else str(value) for value in flat] == list(same.values())

    with Image.open(paths["timeline"]) as plot:
        assert plot.format == "PNG" and plot.width > 800
    frames, times, codecs = read_video(paths["output"])
    assert (len(frames), codecs) == (12, ["h264"])
    assert times == pytest.approx([index / 10 for index in range(12)])


def test_rows_are_those_of_the_pipeline_without_smoothing(pipeline, people, tmp_path):
    analyse_video(pipeline, people, json=tmp_path / "a.json", smoothing=0)
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    frames, _, _ = read_video(people)
    for index in (0, 5):
        expected = sorted(pipeline(frames[index]), key=lambda face: face.box)
        got = sorted((row for row in rows if row["frame"] == index), key=lambda row: row["box"]["xmin"])
        assert len(got) == 2
        for face, row in zip(expected, got, strict=True):
            assert iou(face.box, tuple(row["box"].values())) > 0.9
            assert row["probabilities"] == pytest.approx(face.probabilities, abs=1e-5)


def test_annotated_frames_show_boxes_and_leave_the_rest(clip, tmp_path):
    output = tmp_path / "out.mp4"
    analyse_video(SquareFinder(), clip, output=output)
    frames, _, _ = read_video(output)
    before, _, _ = read_video(clip)
    for new, old in zip(frames, before, strict=True):
        difference = np.abs(np.asarray(new).astype(int) - np.asarray(old)).max(axis=2)
        assert difference[:40].max() > 100  # box and label
        assert difference[70:].max() < 12  # colours survive


def test_every_third_frame(clip, tmp_path):
    finder = SquareFinder()
    seen = []

    def note(image, faces):
        seen.append([face.box[0] for face in faces])
        return image

    paths = {"output": tmp_path / "out.mp4", "csv": tmp_path / "out.csv"}
    summary = analyse_video(finder, clip, every=3, draw=note, **paths)
    assert (summary.frames, summary.analysed) == (20, 7)
    assert [int(row["frame"]) for row in read_csv(paths["csv"])] == [0, 3, 6, 9, 12, 15, 18]
    assert sum(map(len, finder.calls)) == 7
    # the frames between keep the last boxes
    assert seen == [[4 + 12 * (index // 3)] for index in range(20)]
    assert len(read_video(paths["output"])[0]) == 20


def test_ids_stay_when_few_frames_are_analysed(tmp_path):
    source = make_video(tmp_path / "a.mp4", [painted((40, 10))] * 20, rate=5)
    assert analyse_video(SquareFinder(), source, every=7).face_count == 1  # every 1.4 s


def test_without_annotated_video_the_rows_are_the_same(clip, tmp_path):
    analyse_video(SquareFinder(), clip, csv=tmp_path / "a.csv", output=tmp_path / "a.mp4", every=2)
    analyse_video(SquareFinder(), clip, csv=tmp_path / "b.csv", every=2)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_faces_of_several_frames_are_classified_in_one_batch(tmp_path):
    finder = SquareFinder()
    analyse_video(finder, make_video(tmp_path / "long.mp4", moving(24) * 2))
    assert [len(call) for call in finder.calls] == [BATCH_FRAMES] * 3


def test_probabilities_are_smoothed(tmp_path):
    frames = [painted((40, 10))] * 4 + [Image.eval(painted((40, 10)), lambda v: v * 0.7)] * 1 + [painted((40, 10))] * 4
    path = make_video(tmp_path / "flicker.mp4", frames)
    raw = analyse_video(SquareFinder(), path, smoothing=0).timeline.faces[0].probabilities[:, 1]
    smooth = analyse_video(SquareFinder(), path, smoothing=0.5).timeline.faces[0].probabilities[:, 1]
    assert 0 < np.ptp(smooth) < 0.5 * np.ptp(raw)


def test_a_scene_cut_gives_a_face_in_the_same_place_a_new_id(tmp_path):
    scenes = [painted((40, 10))] * 10 + [painted((40, 10), background=(230, 230, 40))] * 10
    assert analyse_video(SquareFinder(), make_video(tmp_path / "cut.mp4", scenes)).face_count == 2


@pytest.mark.parametrize("flash", [(0, 0, 0), (255, 255, 255)], ids=["black", "white"])
def test_a_flash_or_a_black_frame_is_not_a_scene_cut(tmp_path, flash):
    frames = [painted((40, 10))] * 6 + [Image.new("RGB", (128, 96), flash)] * 3 + [painted((42, 10))] * 6
    assert analyse_video(SquareFinder(), make_video(tmp_path / "flash.mp4", frames)).face_count == 1


def test_progress_counts_the_frames(clip):
    calls = []
    analyse_video(SquareFinder(), clip, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 20) for done in range(1, 21)]


def test_progress_bar(clip, capsys):
    analyse_video(SquareFinder(), clip, progress=True)
    assert "clip.mp4: 100%" in capsys.readouterr().err


def cancelled_by_event(frames):
    event = threading.Event()
    return {"cancel": event, "progress": lambda done, total: done < frames or event.set()}


def cancelled_by_function(frames):
    asked = iter(range(1000))
    return {"cancel": lambda: next(asked) >= frames * 2}


@pytest.mark.parametrize("how", [cancelled_by_event, cancelled_by_function])
@pytest.mark.parametrize("frames", [0, 1, 18])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_a_cancelled_analysis_changes_no_file(clip, tmp_path, how, frames, ending):
    paths = {"output": tmp_path / f"out{ending}", "csv": tmp_path / "out.csv", "json": tmp_path / "out.json"}
    paths["csv"].write_text("from before")
    with pytest.raises(VideoCancelled, match=r"^The analysis of clip\.mp4 was cancelled after \d+ frames; nothing was"):
        analyse_video(SquareFinder(), clip, timeline=tmp_path / "out.png", **paths, **how(frames))
    assert names_in(tmp_path) == ["out.csv"]
    assert paths["csv"].read_text() == "from before"


def test_a_failed_analysis_changes_no_file(clip, tmp_path):
    class Failing(SquareFinder):
        def __call__(self, images):
            if self.calls:
                raise RuntimeError("the network is gone")
            return super().__call__(images)

    with pytest.raises(RuntimeError, match=r"^the network is gone$"):
        analyse_video(Failing(), clip, output=tmp_path / "a.mp4", csv=tmp_path / "a.csv", json=tmp_path / "a.json")
    assert names_in(tmp_path) == []


def test_video_info(clip):
    info = video_info(clip)
    assert (info.name, info.width, info.height, info.fps, info.frames, info.has_sound) == (
        *("clip.mp4", 128, 96, 15, 20),
        True,
    )
    assert info.seconds == pytest.approx(4 / 3, abs=0.01)
