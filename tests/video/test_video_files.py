import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fer_hub.boxes import iou
from fer_hub.video.analysis import VideoSummary, analyse_video, video_info
from fer_hub.video.timeline import Timeline
from fer_hub.video.tracking import FaceTracker
from fer_hub.video.writer import VideoWriter
from tests.video.making import SquareFinder, cut_off, make_video, moving, noisy, painted, read_csv, read_video


def test_a_summary_is_a_value_and_its_earlier_name_warns():
    paths = {"csv": Path("a.csv")}
    summary = VideoSummary("a.mp4", 8, 8, 25.0, 3, 3, 0.1, 2, (), paths, Timeline(["x", "y"]))
    paths.clear()
    assert summary.paths == {"csv": Path("a.csv")} and len({summary, summary}) == 1
    with pytest.raises(TypeError):
        summary.paths["csv"] = Path("b.csv")
    assert "faces" not in summary.to_dict() and summary.to_dict()["face_count"] == 2
    with pytest.warns(DeprecationWarning, match=r"VideoSummary\.faces is now face_count"):
        assert summary.faces == 2
    with pytest.warns(DeprecationWarning, match=r"FaceTracker\.faces is now face_count"):
        assert FaceTracker().faces == 0


@pytest.mark.parametrize(
    ("name", "sound", "hertz", "output", "codecs"),
    [
        ("a.mp4", "aac", 48000, "out.mp4", ["h264", "aac"]),
        ("a.ts", "aac", 44100, "out.mp4", ["h264", "aac"]),
        ("a.mkv", "libopus", 48000, "out.webm", ["vp9", "opus"]),
        ("a.mp4", "aac", 44100, "out.webm", ["vp9", "opus"]),
        ("a.avi", "pcm_s16le", 11025, "out.mp4", ["h264", "aac"]),
        ("a.webm", None, 0, "out.mp4", ["h264"]),
    ],
)
def test_sound_is_kept(tmp_path, name, sound, hertz, output, codecs):
    source = make_video(tmp_path / name, moving(30), sound=sound, hertz=hertz)
    summary = analyse_video(SquareFinder(), source, output=tmp_path / output)
    assert summary.notes == ()
    frames, _, found = read_video(tmp_path / output)
    assert (len(frames), found) == (30, codecs)
    if sound:
        with av.open(str(tmp_path / output)) as file:
            rate = file.streams.audio[0].codec_context.sample_rate
            heard = np.concatenate([piece.to_ndarray()[0] for piece in file.decode(audio=0)]).astype(float)
        assert len(heard) / rate == pytest.approx(2, abs=0.15)
        middle = heard[rate // 2 : 3 * rate // 2]  # one second, so that the spectrum counts in hertz
        assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(440, abs=1)


def sound_times(path):
    """Seconds from the first frame to each piece of sound that is played."""
    with av.open(str(path)) as file:
        start = next(file.decode(video=0)).time
    with av.open(str(path)) as file:
        return [packet.pts * packet.time_base - start for packet in file.demux(audio=0) if packet.size]


def test_sound_of_the_same_format_is_copied_bit_by_bit_and_in_time(clip, tmp_path):
    analyse_video(SquareFinder(), clip, output=tmp_path / "out.mp4")

    def packets(path):
        with av.open(str(path)) as file:
            return [bytes(packet) for packet in file.demux(audio=0) if packet.size]

    assert packets(tmp_path / "out.mp4") == packets(clip) != []
    assert sound_times(tmp_path / "out.mp4") == pytest.approx(sound_times(clip), abs=0.001)


@pytest.mark.parametrize("output", ["out.mp4", "out.webm"], ids=["copied", "encoded anew"])
def test_sound_stays_in_time_where_the_source_does_not_begin_at_zero(tmp_path, output):
    """A cut-out of a stream begins at 2 s; the annotated video begins at 0, its sound as far into it as before."""
    source = make_video(tmp_path / "a.ts", moving(15), sound="aac", options={"output_ts_offset": "2"})
    with av.open(str(source)) as file:
        assert next(file.decode(video=0)).time > 1
    analyse_video(SquareFinder(), source, output=tmp_path / output)
    assert read_video(tmp_path / output)[1][0] == pytest.approx(0, abs=0.05)
    before, after = sound_times(source), sound_times(tmp_path / output)
    assert after[0] == pytest.approx(before[0], abs=0.05)
    assert after[-1] == pytest.approx(before[-1], abs=0.05)


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (200, 60, 120), (255, 255, 255), (0, 0, 0)]


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_colours_are_those_that_the_file_is_labelled_with(tmp_path, ending):
    """BT.709 and 16 to 235 stand in the file and are what its values mean, by the matrix of ITU-R BT.709, table 3."""
    frames = [Image.new("RGB", (64, 48), colour) for colour in COLOURS for _ in range(2)]
    with VideoWriter(tmp_path / f"a{ending}", (64, 48), Fraction(1, 10), 10) as writer:
        for index, frame in enumerate(frames):
            writer.write(frame, index)
    with av.open(str(tmp_path / f"a{ending}")) as file:
        context = file.streams.video[0].codec_context
        assert [context.colorspace, context.color_primaries, context.color_trc, context.color_range] == [1, 1, 1, 1]
        written = [frame.to_ndarray(format="yuv420p") for frame in file.decode(video=0)]
    assert len(written) == len(frames)
    for index, planes in enumerate(written):
        red, green, blue = COLOURS[index // 2]
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        expected = (
            16 + 219 / 255 * light,
            128 + 224 / 255 * (blue - light) / 1.8556,
            128 + 224 / 255 * (red - light) / 1.5748,
        )
        halves = planes[48:].reshape(2, -1)  # the colours' two planes lie below that of the light, as yuv420p has them
        assert (planes[:48].mean(), *halves.mean(1)) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize(
    ("rotation", "size", "box"),
    [
        (0, (128, 96), (4, 10, 28, 34)),
        (90, (96, 128), (10, 100, 34, 124)),  # stored 128x96, shown turned to the left
        (180, (128, 96), (100, 62, 124, 86)),
        (-90, (96, 128), (62, 4, 86, 28)),
        (88, (96, 128), (10, 100, 34, 124)),  # the nearest quarter turn, in size and picture alike
    ],
)
def test_phone_videos_are_rotated_upright(tmp_path, rotation, size, box):
    source = make_video(tmp_path / "a.mp4", [painted((4, 10))] * 3, rotation=rotation)
    finder = SquareFinder()
    summary = analyse_video(finder, source, csv=tmp_path / "a.csv", output=tmp_path / "b.mp4")
    assert (summary.width, summary.height) == size
    assert finder.calls == [[size] * 3]
    row = read_csv(tmp_path / "a.csv")[0]
    assert iou(tuple(int(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")), box) > 0.8
    with av.open(str(tmp_path / "b.mp4")) as file:
        frame = next(file.decode(video=0))
        assert ((frame.width, frame.height), frame.rotation) == (size, 0)


def test_frames_are_resampled_to_square_pixels(tmp_path):
    source = make_video(tmp_path / "a.mp4", [painted((4, 10))] * 2, aspect="3/2")
    info = video_info(source)
    assert (info.width, info.height) == (192, 96)
    assert analyse_video(SquareFinder(), source).width == 192


def test_times_come_from_the_file_when_the_frame_rate_varies(tmp_path):
    pts = [0, 40, 500, 540, 2000, 2010]
    source = make_video(tmp_path / "a.mkv", moving(6), rate=25, pts=pts)
    analyse_video(SquareFinder(), source, csv=tmp_path / "a.csv", output=tmp_path / "b.mp4")
    assert [float(row["time"]) for row in read_csv(tmp_path / "a.csv")] == [each / 1000 for each in pts]
    assert read_video(tmp_path / "b.mp4")[1] == pytest.approx([each / 1000 for each in pts], abs=0.002)


def test_odd_sizes_are_padded(tmp_path):
    source = make_video(tmp_path / "a.mp4", [painted((4, 10), size=(65, 49))] * 3)
    summary = analyse_video(SquareFinder(), source, output=tmp_path / "b.mp4")
    assert (summary.width, summary.height) == (65, 49)
    assert read_video(tmp_path / "b.mp4")[0][0].size == (66, 50)


def test_frames_of_another_size_are_resized_to_the_first(tmp_path):
    parts = [painted((40, 10))] * 5, [painted((40, 10)).resize((64, 48))] * 5
    data = [make_video(tmp_path / f"{index}.ts", frames).read_bytes() for index, frames in enumerate(parts)]
    (tmp_path / "a.ts").write_bytes(b"".join(data))
    finder = SquareFinder()
    summary = analyse_video(finder, tmp_path / "a.ts", csv=tmp_path / "a.csv", output=tmp_path / "a.mp4")
    assert {size for call in finder.calls for size in call} == {(128, 96)}
    assert (summary.frames, summary.face_count) == (10, 1)
    times = [float(row["time"]) for row in read_csv(tmp_path / "a.csv")]
    assert times == sorted(set(times))
    assert len(read_video(tmp_path / "a.mp4")[0]) == 10


@pytest.mark.parametrize(("name", "options"), [("a.mkv", {}), ("a.mp4", {"movflags": "+faststart"}), ("a.avi", {})])
def test_the_readable_part_of_a_truncated_video_is_analysed(tmp_path, name, options):
    source = cut_off(make_video(tmp_path / name, noisy(60), sound="aac", options=options), 0.5)
    summary = analyse_video(SquareFinder(), source, json=tmp_path / "a.json", output=tmp_path / "b.mp4")
    assert 10 < summary.frames < 50
    [note] = summary.notes
    assert note.startswith(f"{name} is cut off or damaged: it ends ")
    assert note.endswith(" s earlier than its header states; the results cover what could be read.")
    assert json.loads((tmp_path / "a.json").read_text())["notes"] == [note]
    assert len(read_video(tmp_path / "b.mp4")[0]) == summary.frames


def test_damaged_parts_are_skipped_and_reported(tmp_path):
    source = make_video(tmp_path / "a.mp4", noisy(60), sound="aac", options={"movflags": "+faststart"})
    data = bytearray(source.read_bytes())
    half = len(data) // 2
    data[half : half + 20_000] = bytes(20_000)
    source.write_bytes(data)
    summary = analyse_video(SquareFinder(), source, output=tmp_path / "b.mp4")
    assert 40 < summary.frames <= 60
    assert summary.notes == (
        "a.mp4 is cut off or damaged: it has parts that cannot be read; the results cover what could be read.",
    )
    assert len(read_video(tmp_path / "b.mp4")[0]) == summary.frames


def test_a_title_that_is_not_utf8_does_no_harm(tmp_path):
    """Of PyAV 18 that must be asked for; of PyAV 19 it must not."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        file.metadata["title"] = "QQQQ"
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for frame in moving(5):
            file.mux(stream.encode(av.VideoFrame.from_image(frame)))
        file.mux(stream.encode())
    data = path.read_bytes()
    assert data.count(b"QQQQ") == 1
    path.write_bytes(data.replace(b"QQQQ", b"\xff\xfe\xfdQ"))
    assert analyse_video(SquareFinder(), path, output=tmp_path / "out.mp4").frames == 5
