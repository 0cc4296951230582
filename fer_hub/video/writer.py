"""Writing a video file that browsers play: H.264 in MP4 or VP9 in WebM, with the audio of the source video."""

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from PIL import Image

from fer_hub.video.pyav import av

_BT709 = 1
"""FFmpeg's code of BT.709, the colours of HD video, for matrix, primaries and transfer function."""


class _Container(NamedTuple):
    """Codecs of a container."""

    video: str
    options: dict[str, str]  # of the video encoder
    kept: tuple[str, ...]  # audio that is copied unchanged, because browsers play it in this container
    sound: str  # encoder for all other audio


CONTAINERS = {
    ".mp4": _Container("libx264", {"preset": "veryfast", "crf": "21"}, ("aac", "mp3", "opus", "flac"), "aac"),
    ".webm": _Container(
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": "30", "b": "0"},
        ("opus", "vorbis"),
        "libopus",
    ),
}
"""File extension → codecs."""


def check_ending(path: Path) -> None:
    """Check that a video can be written under this file name.

    Raises:
        ValueError: the extension is not .mp4 or .webm, or this FFmpeg has no encoder for it.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise ValueError(f"output must end in {' or '.join(CONTAINERS)}, got {path.name!r}.")
    if container.video not in av.codecs_available:
        other = next(ending for ending in CONTAINERS if ending != path.suffix.lower())
        raise ValueError(f"output must not end in {path.suffix}: this FFmpeg lacks {container.video}; use {other}.")


class VideoWriter:
    """Writes an annotated video; use it as a context manager. An error in the block leaves an unfinished file behind.

    Args:
        path: the file; its extension sets the format (`CONTAINERS`).
        size: width and height of the frames in pixels; odd ones are padded by one pixel.
        time_base: seconds per unit of the frames' pts.
        fps: approximate frames per second.
        start_pts: the pts that becomes time 0.
        sound: the audio stream of the source, whose packets follow through `write_sound`; `None` for a silent video.

    Raises:
        ValueError: see `check_ending`.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        time_base: Fraction,
        fps: float | None = None,
        start_pts: int = 0,
        sound: av.AudioStream | None = None,
    ) -> None:
        check_ending(path)
        container = CONTAINERS[path.suffix.lower()]
        self.size = size
        self._time_base, self._start_pts, self._sound_dts = time_base, start_pts, None
        options = {"movflags": "+faststart"} if path.suffix.lower() == ".mp4" else {}  # plays before all is loaded
        self._file = av.open(f"file:{path}", "w", format=path.suffix[1:].lower(), container_options=options)
        try:
            self._add_video(container, fps)
            self._sound = None if sound is None else self._add_sound(container, sound)
        except BaseException:
            self._file.close()
            raise

    def write(self, image: Image.Image, pts: int) -> None:
        """Append a frame.

        Args:
            image: RGB, of the video's size.
            pts: presentation timestamp in units of `time_base`, greater than that of the frame before.
        """
        pixels = np.asarray(image)
        if image.height % 2 or image.width % 2:  # yuv420p halves the resolution of the colours
            pixels = np.pad(pixels, ((0, image.height % 2), (0, image.width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = pts - self._start_pts, self._time_base
        self._file.mux(self._video.encode(frame))

    def write_sound(self, packet: av.Packet) -> None:
        """Append an audio packet of the source: unchanged if browsers play its codec, otherwise re-encoded."""
        start = round(self._start_pts * self._time_base / packet.time_base)
        if not self._encode_sound:
            packet.pts, packet.dts = (None if t is None else t - start for t in (packet.pts, packet.dts))
            if self._sound_dts is None or packet.dts > self._sound_dts:  # containers refuse decreasing timestamps
                self._sound_dts = packet.dts
                packet.stream = self._sound
                self._file.mux(packet)
            return
        try:
            pieces = packet.decode()
        except av.FFmpegError:  # damaged audio becomes a moment of silence
            return
        for piece in pieces:
            if piece.pts is not None:
                piece.pts -= round(self._start_pts * self._time_base / piece.time_base)
            self._file.mux(self._sound.encode(piece))

    def finish(self) -> None:
        """Flush the encoders and close the file."""
        self._file.mux(self._video.encode(None))
        if self._sound is not None and self._encode_sound:
            self._file.mux(self._sound.encode(None))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self._file.close()

    def _add_video(self, container: _Container, fps: float | None) -> None:
        rate = Fraction(fps or 25).limit_denominator(1001)
        self._video = self._file.add_stream(container.video, rate=rate, options=container.options)
        self._video.width, self._video.height = (side + side % 2 for side in self.size)
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.time_base = self._time_base
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # 16 to 235, as every video player expects

    def _add_sound(self, container: _Container, sound: av.AudioStream) -> Any:
        self._encode_sound = sound.codec.canonical_name not in container.kept
        if not self._encode_sound:
            return self._file.add_stream_from_template(sound)
        context = sound.codec_context
        rate = 44100 if context.sample_rate == 44100 and container.sound == "aac" else 48000  # Opus has no 44,100
        layout = "mono" if context.channels == 1 else "stereo"
        return self._file.add_stream(container.sound, rate=rate, layout=layout)
