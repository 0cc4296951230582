"""Recordings of screens and phones: frames at irregular times, which count by how long they are shown."""

import pytest

from fer_hub.video.analysis import analyse_video
from fer_hub.video.reader import VideoReader
from fer_hub.video.timeline import Timeline
from tests.video.making import LABELS, SquareFinder, make_video, painted
from tests.video.test_timeline import tracked


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """A still face, 25 frames in the first second and then one every 1.6 s; the file says 1,000 frames a second."""
    times = [*range(0, 1000, 40), *range(2600, 12_000, 1600)]
    path = tmp_path_factory.mktemp("sparse") / "screen.webm"
    return make_video(path, [painted((40, 10))] * len(times), rate=1000, pts=times), times


def test_frames_per_second_are_frames_through_duration(sparse):
    path, times = sparse
    with VideoReader(path) as reader:
        assert reader.info.fps == pytest.approx((len(times) - 1) / times[-1] * 1000, rel=0.02)


def test_a_reader_refuses_to_begin_again(sparse):
    with VideoReader(sparse[0]) as reader:
        assert sum(1 for _ in reader) == len(sparse[1])
        with pytest.raises(RuntimeError, match=r"must be iterated over once, but screen\.webm was read before"):
            next(iter(reader))


def test_time_without_frames_is_no_time_out_of_sight(sparse, tmp_path):
    path, times = sparse
    summary = analyse_video(SquareFinder(), path)
    assert (summary.frames, summary.face_count) == (len(times), 1)
    assert summary.timeline.faces[0].seconds == pytest.approx((times[-1] + 1600) / 1000, rel=0.02)


def test_means_are_over_time():
    """Nine frames of anger in a tenth of the time, one of happiness for the rest."""
    timeline = Timeline(LABELS)
    for index in range(9):
        timeline.add(index / 9, [tracked(1, 0.0)])
    timeline.add(1.0, [tracked(1, 1.0), tracked(2, 0.5)])
    timeline.add(10.0, [])
    first, second = timeline.faces
    assert (first.face_id, first.frames, second.frames) == (1, 10, 1)
    assert first.mean == pytest.approx({"angry": 0.1, "happy": 0.9})
    assert (first.seconds, second.seconds) == pytest.approx((10, 9))


def test_seen_longest_is_by_time():
    timeline = Timeline(LABELS)
    for index in range(10):
        timeline.add(index / 10, [tracked(1, 0.5)])
    timeline.add(1.0, [tracked(2, 0.5)])
    timeline.add(9.0, [])
    assert [face.face_id for face in timeline.faces] == [2, 1]
