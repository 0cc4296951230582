"""Videos as cameras, phones, recorders and browsers write them: every frame is read, and every face found."""

import av
import numpy as np
import pytest

from fer_hub.video import reader
from fer_hub.video.analysis import analyse_video
from fer_hub.video.reader import VideoReader
from tests.video.making import SquareFinder, moving, read_csv

KINDS = [
    ("mp4", "libx264"), ("mp4", "libx265"), ("mp4", "mpeg4"), ("mp4", "libsvtav1"), ("mov", "libx264"),
    ("mov", "mjpeg"), ("mov", "prores_ks"), ("mkv", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx"),
    ("webm", "libvpx-vp9"), ("avi", "mpeg4"), ("avi", "mjpeg"), ("ts", "libx264"), ("flv", "flv"), ("wmv", "wmv2"),
    ("mpg", "mpeg2video"), ("3gp", "mpeg4"),
]  # fmt: skip
"""Container and encoder."""

PIXELS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le", "ffv1": "yuv444p"}
"""Encoder → pixel format, where it is not yuv420p."""


def write(path, encoder, frames, rate=10, **options):
    try:
        av.codec.Codec(encoder, "w")
    except (ValueError, av.FFmpegError):
        pytest.skip(f"this build of FFmpeg has no encoder {encoder}")
    with av.open(str(path), "w", **options) as file:
        stream = file.add_stream(encoder, rate=25 if encoder == "mpeg2video" else rate)
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, PIXELS.get(encoder, "yuv420p")
        for image in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(("container", "encoder"), KINDS)
def test_every_container_and_codec_is_read(container, encoder, tmp_path):
    source = write(tmp_path / f"a.{container}", encoder, moving(8))
    summary = analyse_video(SquareFinder(), source, csv=tmp_path / "a.csv")
    assert (summary.frames, list(summary.notes)) == (8, [])
    faces = [row["face_id"] for row in read_csv(tmp_path / "a.csv")]
    assert len(faces) == 8 and len(set(faces)) == 1 and "" not in faces


@pytest.mark.parametrize("encoder", ["libvpx", "libvpx-vp9"])
def test_a_browsers_recording_has_no_duration(encoder, tmp_path):
    """MediaRecorder writes WebM as it goes: the header says neither how long it is nor where anything lies."""
    source = write(tmp_path / "a.webm", encoder, moving(8), options={"live": "1"})
    with av.open(str(source)) as file:
        assert file.duration is None and file.streams.video[0].frames == 0
    summary = analyse_video(SquareFinder(), source, csv=tmp_path / "a.csv")
    assert summary.frames == 8 and len(read_csv(tmp_path / "a.csv")) == 8


@pytest.mark.parametrize(("container", "encoder"), [("avi", "zmbv"), ("mkv", "snow"), ("mov", "cinepak")])
def test_rare_codecs_are_refused_undecoded(container, encoder, tmp_path, monkeypatch):
    """Those with the holes of 2026 cannot be written here; that they are not on the list is what keeps them out."""
    monkeypatch.setitem(PIXELS, "zmbv", "bgr0")
    monkeypatch.setitem(PIXELS, "cinepak", "rgb24")
    source = write(tmp_path / f"a.{container}", encoder, moving(8))
    with pytest.raises(ValueError) as caught:
        VideoReader(source)
    assert str(caught.value) == (
        f"a.{container} must be in a usual codec (H.264, H.265, AV1, VP9, MPEG-4, ...), but is in {encoder}; convert "
        "it to MP4."
    )


def test_no_decoder_with_a_known_hole_is_on_the_list():
    allowed = reader._OPENING["codec_whitelist"].split(",")
    assert len(set(allowed)) == len(allowed)
    assert not {"vvc", "magicyuv", "flic", "apac", "lcevc", "dxv", "vmix", "notchlc"} & {*allowed}
    with av.logging.Capture():
        known = {name for name in allowed if name in av.codecs_available}
    assert known > {"h264", "hevc", "libdav1d", "vp8", "vp9", "mpeg4", "aac", "mp3float", "opus", "pcm_s16le"}


def test_sound_in_a_rare_codec_is_left_out_with_a_note(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        picture, sound = file.add_stream("libx264", rate=10), file.add_stream("wavpack", rate=48000)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for image in moving(8):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.asarray(image.resize((64, 48))), format="rgb24")))
        file.mux(picture.encode())
        quiet = av.AudioFrame.from_ndarray(np.zeros((sound.channels, 4800), np.int16), format="s16p", layout="stereo")
        quiet.sample_rate = 48000
        file.mux(sound.encode(quiet))
        file.mux(sound.encode())
    with VideoReader(tmp_path / "a.mkv") as video:
        assert video.sound is None and not video.info.has_sound
        assert len(list(video)) == 8
        assert "The sound of a.mkv is in a format that cannot be read and is left out." in video.notes
