"""Reading a video file: upright frames with timestamps, audio packets, and notes on what could not be read."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from fer_hub.files import at_home
from fer_hub.video.pyav import TOLERANT, av

MAX_PIXELS = 36_000_000
"""Largest frame decoded by default: 8K, about 110 MB as RGB."""

HIGHEST_RATE = 240
"""Frames per second up to which a file's own figure is believed."""

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,mxf"
"""FFmpeg's names of the accepted file formats. Playlists (HLS, DASH, concat) are left out on purpose: they make FFmpeg
open other files and URLs. So are still images, and raw streams, which have no timestamps."""

_PICTURE_CODECS = {
    "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg1video", "mpeg2video",
    "mpegvideo", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h263", "flv", "wmv1", "wmv2", "wmv3", "vc1",
    "mjpeg", "prores", "dnxhd", "dvvideo", "theora", "gif", "rawvideo", "ffv1", "huffyuv", "ffvhuff", "qtrle",
    "png",
}  # fmt: skip
_SOUND_CODECS = {
    "aac", "aac_latm", "mp1float", "mp2float", "mp3float", "mp1", "mp2", "mp3", "ac3", "eac3", "opus", "libopus",
    "vorbis", "libvorbis", "flac", "alac", "amrnb", "amrwb", "wmav1", "wmav2", "wmapro", "speex", "nellymoser",
    "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8",
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be",
    "pcm_f64le", "pcm_bluray", "pcm_dvd",
}  # fmt: skip
"""FFmpeg's names of the decoders that may run: of what cameras and programs write today or wrote in large numbers. Its
several hundred others are rarely used and rarely looked at: of the holes found in 2026, most were in them (VVC,
CVE-2026-125244; MagicYUV, CVE-2026-8461; FLIC, CVE-2026-125241)."""

_OPENING = {"format_whitelist": _FORMATS, "codec_whitelist": ",".join(sorted(_PICTURE_CODECS | _SOUND_CODECS))}

_NO_VIDEO = (
    "{} must be a video file of a known format (MP4, MOV, WebM, MKV, AVI, ...), but is not or is damaged; convert it "
    "to MP4."
)


@dataclass(frozen=True)
class VideoInfo:
    """The metadata of a video file, before its frames are read.

    Attributes:
        name: name of the file without its folder.
        width, height: size of the upright frames in square pixels.
        fps: mean frames per second; `None` if unknown.
        seconds: duration in seconds; `None` if unknown.
        frames: expected number of frames, an estimate in some formats; `None` if unknown.
        has_sound: whether there is an audio stream.
    """

    name: str
    width: int
    height: int
    fps: float | None
    seconds: float | None
    frames: int | None
    has_sound: bool


class Frame:
    """One frame of a video.

    Attributes:
        index: 0 for the first frame.
        pts: presentation timestamp in units of the reader's `time_base`; strictly increasing.
        time: the same in seconds from the start of the video, as players show it.
    """

    def __init__(self, index: int, pts: int, time: float, picture: av.VideoFrame, size: tuple[int, int]) -> None:
        self.index, self.pts, self.time = index, pts, time
        self._picture, self._size = picture, size

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self._size[0] * self._size[1]

    @cached_property
    def image(self) -> Image.Image:
        """The upright frame, RGB, in the size of the video."""
        return _upright(self._picture, self._size)


class VideoReader:
    """An open video file: use it as a context manager, and iterate over it once.

    Frames are rotated upright as the file's metadata says, resampled to square pixels, and all have the size of the
    first; high dynamic range is not tone-mapped. Damaged parts are skipped; `notes` says so once the end is reached.

    Args:
        source: path of the file; URLs are not opened.
        max_pixels: largest width times height of a frame.

    Attributes:
        info: the file's metadata.
        time_base: seconds per unit of `Frame.pts`.
        sound: its audio stream, `None` without one.
        notes: one sentence for each part that could not be read.

    Raises:
        TypeError: `source` is not a path.
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video, has only audio or no readable frame, or its frames are too large.
        RuntimeError: it is iterated over a second time.
    """

    def __init__(self, source: str | Path, *, max_pixels: int = MAX_PIXELS) -> None:
        path = _check_source(source)
        self.path, self._iterated = path, False
        self.notes: list[str] = []
        self._damaged, self._end = 0, 0.0
        try:
            # "file:" keeps FFmpeg from treating a name such as "concat:a" as a URL
            self._container = av.open(f"file:{path}", container_options=_OPENING, **TOLERANT)
        except av.FFmpegError:
            raise ValueError(_NO_VIDEO.format(path.name)) from None
        try:
            self._open(max_pixels)
        except BaseException:
            self._container.close()
            raise

    def _open(self, max_pixels: int) -> None:
        name = self.path.name
        pictures = [s for s in self._container.streams.video if not s.disposition & _COVER]
        if not pictures and not self._container.streams.audio:  # an MP4 whose index is cut off, for example
            raise ValueError(_NO_VIDEO.format(name))
        if not pictures:
            raise ValueError(f"{name} must contain video, but has only audio; choose a video file.")
        best = self._container.streams.best("video")
        self._video = best if best in pictures else pictures[0]
        self.sound = self._container.streams.best("audio")
        if self.sound is not None and _decoder(self.sound) not in _SOUND_CODECS:
            self.sound = None
            self.notes.append(f"The sound of {name} is in a format that cannot be read and is left out.")
        context = self._video.codec_context
        if _decoder(self._video) not in _PICTURE_CODECS:
            raise ValueError(
                f"{name} must be in a usual codec (H.264, H.265, AV1, VP9, MPEG-4, ...), but is in "
                f"{_decoder(self._video) or 'one that FFmpeg cannot decode'}; convert it to MP4."
            )
        _check_size(name, context.width, context.height, max_pixels)
        # frames may grow in the middle of a file; FFmpeg then refuses them before it makes room for them
        context.options = {"max_pixels": str(max_pixels)}
        self._video.thread_type = "AUTO"
        self.time_base = self._video.time_base
        # players begin at the start of the container; negative times are audio priming, which they discard
        self._start = max(self._container.start_time or 0, 0) / av.time_base
        self.start_pts = round(Fraction(self._start) / self.time_base)
        self._events = self._read()
        self._before: list[Frame | av.Packet] = []
        first = None
        for event in self._events:
            self._before.append(event)
            if isinstance(event, Frame):
                first = event
                break
        if first is not None:
            _check_size(name, *first._size, max_pixels)  # larger than stored where pixels are not square
        else:
            raise ValueError(f"{name} must have at least one readable frame, but has none; copy or download it again.")
        seconds = self._seconds()
        fps = self._rate(seconds)
        frames = self._video.frames or (round(seconds * fps) if seconds and fps else None)
        self.info = VideoInfo(name, *first._size, fps, seconds, frames, self.sound is not None)

    def __iter__(self) -> Iterator[Frame | av.Packet]:
        """Frames in presentation order, interleaved with audio packets in the order of the file."""
        if self._iterated:
            raise RuntimeError(
                f"a VideoReader must be iterated over once, but {self.path.name} was read before; open the file again."
            )
        self._iterated = True
        return self._all()

    def _all(self) -> Iterator[Frame | av.Packet]:
        while self._before:
            yield self._before.pop(0)
        yield from self._events
        self._report()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rate(self, seconds: float | None) -> float | None:
        """Mean frames per second."""
        rate = self._video.average_rate or self._video.guessed_rate
        if not rate or rate <= HIGHEST_RATE:
            return float(rate) if rate else None
        # what recorders of screens write is the shortest distance that two frames could have
        if self._video.frames and seconds:
            return self._video.frames / seconds
        return _counted_rate(self.path, self._video.index) or float(rate)

    def _seconds(self) -> float | None:
        if self._video.duration:
            return float(self._video.duration * self._video.time_base)
        return self._container.duration / av.time_base if self._container.duration else None

    def _read(self) -> Iterator[Frame | av.Packet]:
        self._frames, pts, size = 0, None, None
        streams = [self._video] if self.sound is None else [self._video, self.sound]
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the file ends here, whatever its header says
                self._damaged += 1
                return
            if packet.dts is not None:
                self._end = max(self._end, float((packet.dts + (packet.duration or 0)) * packet.time_base))
            self._damaged += packet.is_corrupt
            if packet.stream.type == "audio":
                if packet.dts is not None:  # the one without marks the end
                    yield packet
                continue
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                continue
            for picture in pictures:
                self._damaged += picture.is_corrupt
                size = size or _upright_size(picture, self._video.sample_aspect_ratio)
                shown = picture.pts if picture.pts is not None else picture.dts
                pts = self._following(pts, shown)
                time = max(float(pts * self.time_base) - self._start, 0.0)
                yield Frame(self._frames, pts, time, picture, size)
                self._frames += 1

    def _following(self, last: int | None, pts: int | None) -> int:
        """A pts greater than the last: some files have none, or the same one twice."""
        if last is None:
            return 0 if pts is None else pts
        if pts is None:
            rate = self._video.average_rate or 25
            return last + max(1, round(1 / rate / self.time_base))
        return max(pts, last + 1)

    def _report(self) -> None:
        """Note what is missing, compared with the file's header."""
        name, fps, ends = self.info.name, self.info.fps or 25, [self._end]
        for stream in (self._video, self.sound):
            if stream is not None and stream.duration:
                ends.append(float(((stream.start_time or 0) + stream.duration) * stream.time_base))
        if not self._video.duration and self._container.duration:
            ends.append(((self._container.start_time or 0) + self._container.duration) / av.time_base)
        # MP4 also counts frames that an edit list hides; a truncated AVI has no reliable length
        frames_short = 0 if "mp4" in self._container.format.name else self._video.frames - self._frames
        short = max(max(ends) - self._end, frames_short / fps)
        if short > max(1.0, 5 / fps):
            missing = f"ends {short:.1f} s earlier than its header states"
        elif self._damaged:
            missing = "has parts that cannot be read"
        else:
            return
        self.notes.append(f"{name} is cut off or damaged: it {missing}; the results cover what could be read.")


def _counted_rate(path: Path, index: int) -> float | None:
    """Frames per second of a stream by the times of its packets, none of which is decoded; `None` if they have none."""
    times = []
    with av.open(f"file:{path}", container_options=_OPENING, **TOLERANT) as container:
        stream = container.streams[index]
        with contextlib.suppress(av.FFmpegError):  # the end of a damaged file
            for packet in container.demux(stream):
                if packet.pts is not None:
                    times.append(packet.pts)
    span = float((max(times) - min(times)) * stream.time_base) if times else 0
    return (len(times) - 1) / span if span > 0 else None


_COVER = av.stream.Disposition.attached_pic | av.stream.Disposition.still_image


def _decoder(stream: av.video.VideoStream | av.audio.AudioStream) -> str:
    """FFmpeg's name of the decoder of a stream; empty if it has none."""
    return stream.codec_context.codec.name if stream.codec_context is not None else ""


def _check_source(source: object) -> Path:
    if not isinstance(source, (str, Path)):
        raise TypeError(f"a video must be the path of a file, got {type(source).__name__}; save it to a file first.")
    path = Path(at_home(source))
    shown = str(source) if len(str(source)) <= 200 else str(source)[:200] + "..."
    try:
        if path.is_dir():
            raise ValueError(f"a video must be a file, got {shown!r}, which is a folder; pass a file in it.")
        found = path.is_file()
    except OSError:  # a name that no file can have
        found = False
    if not found and (address := re.fullmatch(r"([a-z][a-z0-9+.-]+:)/+(.*)", shown)):  # pathlib leaves one slash
        where = "//".join(address.groups())
        raise FileNotFoundError(f"a video must be a file, got the address {where!r}; download or record it first.")
    if not found:
        raise FileNotFoundError(f"a video must be an existing file, got {shown!r}; there is no such file.")
    return path


def _check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ValueError(
            f"{name} must have frames of at most {max_pixels:,} pixels, got {width}x{height}; make it smaller or raise "
            "max_pixels."
        )


def _upright_size(picture: av.VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height as displayed, for pixels `aspect` times as wide as high."""
    width, height = picture.width, picture.height
    if aspect and Fraction(1, 4) <= aspect <= 4 and aspect != 1:
        width = max(1, round(width * aspect))
    return (height, width) if _turns(picture) % 2 else (width, height)


def _turns(picture: av.VideoFrame) -> int:
    """Quarter turns, counter-clockwise, that make a frame upright: as near as they come to the file's metadata."""
    return round(picture.rotation / 90) % 4


def _upright(picture: av.VideoFrame, size: tuple[int, int]) -> Image.Image:
    """The frame as RGB in that size, rotated as the file's metadata says."""
    turns = _turns(picture)
    stored = size[::-1] if turns % 2 else size
    pixels = picture.to_ndarray(format="rgb24", width=stored[0], height=stored[1])
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, turns)))
