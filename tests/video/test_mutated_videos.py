"""Videos with flipped, cut out and inserted bytes are read as far as possible or refused in one sentence."""

import random

import av
import numpy as np
import pytest

from fer_hub.video.reader import Frame, VideoReader


def whole(path, codec: str) -> bytes:
    """Ten frames of 64x48 pixels that differ."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(10):
            pixels = np.full((48, 64, 3), 25 * index, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")])
def test_mutated_videos_are_read_or_refused_in_one_sentence(tmp_path, name, codec):
    """A fixed number of cases; the seed of a failing one is in its message."""
    data = whole(tmp_path / name, codec)
    for seed in range(40):
        chance = random.Random(seed)
        changed = bytearray(data)
        for _ in range(chance.randint(1, 10)):
            at = chance.randrange(min(len(changed), chance.choice((100, 1000, len(changed)))))
            changed[at : at + chance.choice((0, 1, 4))] = chance.randbytes(chance.choice((0, 1, 1, 4, 40)))
        path = tmp_path / f"{seed}-{name}"
        path.write_bytes(changed)
        try:
            with VideoReader(path, max_pixels=1_000_000) as reader:
                for event in reader:
                    if isinstance(event, Frame):
                        assert event.image.size[0] * event.image.size[1] <= 1_000_000, f"seed {seed}"
        except ValueError as error:
            told = str(error)
            assert told.startswith(path.name) and " must " in told and "\n" not in told, f"seed {seed}: {told!r}"
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
