import av
import numpy as np
import pytest

from fer_hub.video.analysis import analyse_video, video_info
from tests.video.making import EXAMPLES, SquareFinder, cut_off, make_video, moving, names_in, painted


def text_file(folder):
    (folder / "a.mp4").write_text("This is not a video.\n" * 100)


def empty_file(folder):
    (folder / "a.mp4").touch()


def photo(folder):
    painted().save(folder / "a.mp4", format="jpeg")


def playlist(folder):
    make_video(folder / "b.ts", moving(3))
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "b.ts", "#EXT-X-ENDLIST"]
    (folder / "a.m3u8").write_text("\n".join(lines))


def concat_script(folder):
    make_video(folder / "b.ts", moving(3))
    (folder / "a.mp4").write_text("ffconcat version 1.0\nfile b.ts\n")


def no_index(folder):
    cut_off(make_video(folder / "a.mp4", moving()), 0.7)  # MP4 keeps its index at the end


@pytest.mark.parametrize("make", [text_file, empty_file, photo, playlist, concat_script, no_index])
def test_files_that_are_not_videos_are_refused(tmp_path, make):
    """Playlists too: a visitor could use one to open other files of the server, or URLs."""
    make(tmp_path)
    [source] = tmp_path.glob("a.*")
    with pytest.raises(ValueError) as error:
        analyse_video(SquareFinder(), source, csv=tmp_path / "rows.csv")
    assert str(error.value) == (
        f"{source.name} must be a video file of a known format (MP4, MOV, WebM, MKV, AVI, ...), but is not or is "
        "damaged; convert it to MP4."
    )
    assert not (tmp_path / "rows.csv").exists()


def only_sound(path):
    with av.open(str(path), "w") as file:
        tone = file.add_stream("aac", rate=48000, layout="mono")
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.int16), "s16", "mono")
        piece.sample_rate, piece.pts = 48000, 0
        file.mux(tone.encode(piece))
        file.mux(tone.encode(None))


def no_frames(path):
    """The header of a video without any frame data."""
    make_video(path, moving(), options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes().partition(b"mdat")[0] + b"mdat")


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (only_sound, "a.m4a", "a.m4a must contain video, but has only audio; choose a video file."),
        (
            no_frames,
            "a.mp4",
            "a.mp4 must have at least one readable frame, but has none; copy or download it again.",
        ),
    ],
)
def test_a_file_without_frames_is_refused(tmp_path, make, name, message):
    make(tmp_path / name)
    with pytest.raises(ValueError) as error:
        analyse_video(SquareFinder(), tmp_path / name)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_seconds": 1}, "clip.mp4 must last at most 1 s, but lasts 1.3 s; shorten it first."),
        ({"max_frames": 19}, "clip.mp4 must have at most 19 frames, but has 20; shorten it first."),
        (
            {"max_pixels": 10_000},
            "clip.mp4 must have frames of at most 10,000 pixels, got 128x96; make it smaller or raise max_pixels.",
        ),
        ({"every": 0}, "every must be a whole number above 0, got 0; 1 analyses every frame."),
        ({"every": 1.5}, "every must be a whole number above 0, got 1.5; 1 analyses every frame."),
        ({"smoothing": -1}, "smoothing must be a number of seconds from 0 up, got -1."),
        ({"output": "out.avi"}, "output must end in .mp4 or .webm, got 'out.avi'."),
        ({"timeline": "out.txt"}, "timeline must end in .png or .svg, got 'out.txt'."),
        ({"csv": "out.x", "json": "out.x"}, "json must have a name of its own, got 'out.x', which is csv already."),
    ],
)
def test_limits_and_arguments_are_checked_before_the_work(clip, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    finder = SquareFinder()
    with pytest.raises(ValueError) as error:
        analyse_video(finder, clip, **options)
    assert str(error.value) == message
    assert finder.calls == [] and names_in(tmp_path) == []


def test_limits_hold_if_the_file_does_not_state_its_length(tmp_path):
    """A live recording has no length in its header."""
    source = make_video(tmp_path / "a.mkv", moving(20), options={"live": "1"})
    assert video_info(source).seconds is None
    with pytest.raises(ValueError) as error:
        analyse_video(SquareFinder(), source, csv=tmp_path / "a.csv", max_frames=12)
    assert str(error.value) == "a.mkv must have at most 12 frames, but has 13; shorten it first."
    with pytest.raises(ValueError) as error:
        analyse_video(SquareFinder(), source, csv=tmp_path / "a.csv", max_seconds=1)
    assert str(error.value) == "a.mkv must last at most 1 s, but lasts 1.1 s; shorten it first."
    assert names_in(tmp_path) == ["a.mkv"]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (
            "http://example.org/a.mp4",
            FileNotFoundError,
            "a video must be a file, got the address 'http://example.org/a.mp4'; download or record it first.",
        ),
        (
            "x" * 5000,
            FileNotFoundError,
            f"a video must be an existing file, got '{'x' * 200}...'; there is no such file.",
        ),
        (b"bytes", TypeError, "a video must be the path of a file, got bytes; save it to a file first."),
        (EXAMPLES, ValueError, f"a video must be a file, got '{EXAMPLES}', which is a folder; pass a file in it."),
    ],
    ids=["address", "long name", "bytes", "folder"],
)
def test_a_source_that_is_not_a_file_is_refused(source, kind, message):
    with pytest.raises(kind) as error:
        analyse_video(SquareFinder(), source)
    assert str(error.value) == message


def test_output_paths_that_cannot_be_written_are_refused(clip, tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        analyse_video(SquareFinder(), clip, csv=tmp_path / "no" / "a.csv")
    assert str(missing.value) == f"csv must be in an existing folder, got '{tmp_path}/no/a.csv'; create that folder."
    with pytest.raises(ValueError) as itself:
        analyse_video(SquareFinder(), clip, output=clip)
    assert str(itself.value) == f"output must have a name of its own, got '{clip}', which is the video itself."
    with pytest.raises(ValueError) as folder:
        analyse_video(SquareFinder(), clip, json=tmp_path)
    assert str(folder.value) == f"json must be the path of a file, got '{tmp_path}', which is a folder."
