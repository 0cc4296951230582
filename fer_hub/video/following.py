"""Face tracking over a stream of frames, one batch at a time."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from fer_hub.pipeline import FERPipeline
from fer_hub.video.pyav import av
from fer_hub.video.reader import Frame
from fer_hub.video.tracking import FaceTracker, TrackedFace

BATCH_FRAMES, BATCH_PIXELS = 16, 16_000_000
"""A batch ends after this many analysed frames or, counting the frames between them, this many pixels (about 70 MB)."""

CUT, CUT_SECONDS = 30, 0.5
"""A scene cut is where two frames with faces, at most this many seconds apart, differ by more than `CUT` of 255 on
average when downscaled to 32x18 pixels. Faces on either side of a cut get different ids."""

PATIENCE = 0.9
"""Time without any frame counts for the tracker as at most this share of its `max_gap`."""


def follow_faces(
    pipeline: FERPipeline,
    tracker: FaceTracker,
    events: Iterable[Frame | av.Packet],
    every: int,
    *,
    keep_all: bool,
) -> Iterator[tuple[Frame, list[TrackedFace], bool] | av.Packet]:
    """Detect and track the faces of every n-th frame; the faces of a batch are classified together.

    Args:
        pipeline: a `FERPipeline`.
        tracker: assigns the ids; is reset at a scene cut.
        events: frames in the order of their times, and audio packets, which pass through.
        every: n; the first frame is analysed.
        keep_all: pass on the other frames too, with the faces of the last analysed frame; otherwise they are skipped.

    Yields:
        (frame, its faces, whether the frame was analysed), or an audio packet.
    """
    cuts, faces = _Cuts(), []
    clock, last = 0.0, None
    batch: list[tuple[Frame, bool]] = []

    def finished() -> Iterator[tuple[Frame, list[TrackedFace], bool]]:
        nonlocal faces, clock, last
        images = [frame.image for frame, is_analysed in batch if is_analysed]
        found = iter(pipeline(images) if images else [])
        for frame, is_analysed in batch:
            if is_analysed:
                predictions = next(found)
                if cuts.between(frame, predictions):
                    tracker.forget()
                passed = 0.0 if last is None else frame.time - last
                # a face is out of sight on frames without it; where there are no frames, nobody has gone
                clock += min(passed, PATIENCE * tracker.max_gap) if tracker.max_gap else passed
                last = frame.time
                faces = tracker.update(predictions, clock)
            yield frame, faces, is_analysed
        batch.clear()

    for event in events:
        if isinstance(event, av.Packet):
            yield event
            continue
        is_analysed = event.index % every == 0
        if is_analysed or keep_all:
            batch.append((event, is_analysed))
        if sum(chosen for _, chosen in batch) >= BATCH_FRAMES or len(batch) * event.pixels >= BATCH_PIXELS:
            yield from finished()
    yield from finished()


class _Cuts:
    """Detects scene cuts between frames with faces; a flash or a black frame, which shows no face, is not a cut."""

    def __init__(self) -> None:
        self._time, self._small = -1.0, None

    def between(self, frame: Frame, faces: Sequence[object]) -> bool:
        """Whether there is a cut between the last frame with faces and this one."""
        if not faces:
            return False
        small = np.asarray(frame.image.resize((32, 18), Image.Resampling.BOX, reducing_gap=1.0), np.float32)
        soon = self._small is not None and frame.time - self._time <= CUT_SECONDS
        is_cut = soon and float(np.abs(small - self._small).mean()) > CUT
        self._time, self._small = frame.time, small
        return is_cut
