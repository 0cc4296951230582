"""Synthetic videos for the tests, and a stand-in for the pipeline that finds their faces."""

import csv
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
from PIL import Image

from fer_hub.results import FacePrediction

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
LABELS = ("angry", "happy")
GREY, RED = (90, 100, 110), (250, 0, 0)


class SquareFinder:
    """Does what a `FERPipeline` does, for painted videos: a red square is a face, the brighter the happier."""

    model = SimpleNamespace(config=SimpleNamespace(id2label=dict(enumerate(LABELS))))

    def __init__(self):
        self.calls = []

    def for_frames(self, min_score=None):
        return self

    def __call__(self, images):
        self.calls.append([image.size for image in images])
        return [self.find(np.asarray(image).astype(int)) for image in images]

    def find(self, pixels):
        red = (pixels[..., 0] > 160) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)
        faces = []
        for half in np.array_split(np.arange(len(red)), 2):  # at most one face above and one below
            rows, columns = np.nonzero(red[half])
            if len(rows) > 20:
                box = (columns.min(), rows.min() + half[0], columns.max() + 1, rows.max() + half[0] + 1)
                happy = min(1.0, max(0.0, pixels[box[1] : box[3], box[0] : box[2], 0].mean() / 255))
                faces.append(
                    FacePrediction(box, 0.9, "happy" if happy >= 0.5 else "angry", {"angry": 1 - happy, "happy": happy})
                )
        return faces


def painted(*squares, size=(128, 96), background=GREY):
    """A frame with red squares of 24 px whose left upper corners are given."""
    image = Image.new("RGB", size, background)
    for x, y in squares:
        image.paste(RED, (x, y, x + 24, y + 24))
    return image


def moving(count=20):
    return [painted((4 + 4 * index, 10)) for index in range(count)]


def noisy(count):
    """Frames that all take about the same number of bytes."""
    noise = np.random.default_rng(0)
    frames = [Image.fromarray(noise.integers(90, 110, (96, 128, 3), np.uint8)) for _ in range(count)]
    for frame in frames:
        frame.paste(RED, (40, 10, 64, 34))
    return frames


def cut_off(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * part)])
    return path


def make_video(path, frames, *, rate=15, pts=None, sound=None, hertz=48000, rotation=None, aspect=None, options=None):
    """Write frames as a video, with a tone of 440 Hz if `sound` names an encoder; pts are in milliseconds."""
    with av.open(str(path), "w", container_options=options or {}) as file:
        video = file.add_stream({".webm": "libvpx-vp9"}.get(path.suffix, "libx264"), rate=rate)
        video.width, video.height = frames[0].size
        video.pix_fmt = "yuv444p" if any(side % 2 for side in frames[0].size) else "yuv420p"
        video.codec_context.options = {"crf": "10"}
        if rotation:
            video.set_display_rotation(rotation)
        if aspect:
            video.codec_context.sample_aspect_ratio = Fraction(aspect)
        base = Fraction(1, rate) if pts is None else Fraction(1, 1000)
        video.codec_context.time_base = base
        tone = None
        if sound:
            tone = file.add_stream(sound, rate=hertz, layout="mono")
            last = len(frames) / rate if pts is None else pts[-1] / 1000
            wave = np.sin(2 * np.pi * 440 * np.arange(round(hertz * last)) / hertz)
            piece = av.AudioFrame.from_ndarray((wave * 8000).astype(np.int16)[None], "s16", "mono")
            piece.sample_rate, piece.pts = hertz, 0
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = index if pts is None else pts[index], base
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if tone:
            file.mux(tone.encode(piece))
            file.mux(tone.encode(None))
    return path


def read_video(path):
    """All frames as images, their times in seconds, and the names of the codecs."""
    with av.open(str(path)) as file:
        codecs = [stream.codec.canonical_name for stream in file.streams]
        frames = list(file.decode(file.streams.video[0]))
        return [frame.to_image() for frame in frames], [frame.time for frame in frames], codecs


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())
