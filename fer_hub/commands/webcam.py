"""`fer-hub webcam`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import (
    MIN_SCORE,
    CheckpointOption,
    DetectionModelOption,
    DeviceOption,
    MinScoreOption,
    RevisionOption,
    RuntimeOption,
    SearchOption,
    TrustOption,
    counted,
    say,
)


def webcam(
    source: Annotated[str, typer.Option(metavar="N|FILE|URL", help="Number of a camera, a video file or a URL.")] = "0",
    bars: Annotated[bool, typer.Option("--bars", help="Also a bar for every expression.")] = False,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Video of what is shown, .mp4 or .webm.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row for every frame and face.")] = None,
    smoothing: Annotated[float, typer.Option(metavar="S", help="Time constant in seconds, 0 for none.")] = 0.5,
    max_gap: Annotated[float, typer.Option(metavar="S", help="How long a hidden face is remembered, seconds.")] = 1.0,
    checkpoint: CheckpointOption = None,
    revision: RevisionOption = None,
    trust_remote_code: TrustOption = False,
    detection_model: DetectionModelOption = "fused",
    search: SearchOption = "fast",
    min_score: MinScoreOption = MIN_SCORE,
    runtime: RuntimeOption = "auto",
    device: DeviceOption = None,
) -> None:
    """Show the faces of a camera or a video in a window.

        fer-hub webcam --bars
        fer-hub webcam --source clip.mp4 --record shown.mp4 --csv faces.csv

    q, Escape or the window's cross ends it. Faces are followed and their expressions smoothed over time, as with
    fer-hub video. The files appear when it ends.
    """
    from fer_hub.video.window import check_display, watch

    check_display()
    from fer_hub.pipeline import FERPipeline

    with FERPipeline.from_pretrained(
        checkpoint, revision=revision, trust_remote_code=trust_remote_code, detection_model=detection_model,
        search=search, min_score=min_score, runtime=runtime, device=device,
    ) as pipeline:  # fmt: skip
        count = watch(pipeline, source, bars=bars, record=record, csv=csv, smoothing=smoothing, max_gap=max_gap)
    say(f"{counted(count, 'frame')} shown" + "".join(f"; {path}" for path in (record, csv) if path) + ".")
