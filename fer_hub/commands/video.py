"""`fer-hub video`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fer_hub.commands.parts import (
    MIN_SCORE,
    BatchSizeOption,
    CheckpointOption,
    DetectionModelOption,
    DeviceOption,
    FlipAverageOption,
    Interrupted,
    MinScoreOption,
    PriorOption,
    QuietOption,
    RevisionOption,
    RuntimeOption,
    SearchOption,
    TrustOption,
    no_bars,
    read_prior,
    say,
)


def video(
    videos: Annotated[list[str], typer.Argument(metavar="FILE", help="Video files.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="For the results; made if need be.")],
    checkpoint: CheckpointOption = None,
    every: Annotated[int, typer.Option(metavar="N", help="Analyse every N-th frame.")] = 1,
    smoothing: Annotated[float, typer.Option(metavar="S", help="Time constant in seconds, 0 for none.")] = 0.5,
    max_gap: Annotated[float, typer.Option(metavar="S", help="How long a hidden face is remembered, seconds.")] = 1.0,
    max_seconds: Annotated[float | None, typer.Option(metavar="S", help="Refuse longer videos.")] = None,
    max_frames: Annotated[int | None, typer.Option(metavar="N", help="Refuse videos of more frames.")] = None,
    format: Annotated[Literal["mp4", "webm"], typer.Option(help="Of annotated videos.")] = "mp4",
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no annotated video.")] = False,
    revision: RevisionOption = None,
    trust_remote_code: TrustOption = False,
    detection_model: DetectionModelOption = "fused",
    search: SearchOption = "normal",
    min_score: MinScoreOption = MIN_SCORE,
    prior: PriorOption = ["training"],  # noqa: B006 (typer's way of a default)
    flip_average: FlipAverageOption = False,
    runtime: RuntimeOption = "auto",
    device: DeviceOption = None,
    batch_size: BatchSizeOption = 64,
    quiet: QuietOption = False,
) -> None:
    """Find, follow and classify the faces of video files.

        fer-hub video clip.mp4 other.mov --output out

    For clip.mp4 this writes clip.annotated.mp4, clip.csv, clip.json and clip.timeline.png into the output folder,
    replacing files of these names. A video that fails is named at the end, and the exit code is then 1; the others are
    analysed all the same. Ctrl-C leaves no unfinished file.
    """
    base_rates = read_prior(prior)
    from fer_hub.pipeline import FERPipeline
    from fer_hub.video.files import analyse_videos, describe

    if quiet:
        no_bars()
    failed = []
    try:
        with FERPipeline.from_pretrained(
            checkpoint, revision=revision, trust_remote_code=trust_remote_code, detection_model=detection_model,
            search=search, min_score=min_score, prior=base_rates, flip_average=flip_average, runtime=runtime,
            device=device, batch_size=batch_size,
        ) as pipeline:  # fmt: skip
            for source, result in analyse_videos(
                pipeline,
                videos,
                output,
                video=None if no_video else f".{format}",
                progress=not quiet,
                every=every,
                smoothing=smoothing,
                max_gap=max_gap,
                max_seconds=max_seconds,
                max_frames=max_frames,
            ):
                if isinstance(result, Exception):
                    failed.append(f"{source}: {result or type(result).__name__}")
                else:
                    say(describe(result))
    except KeyboardInterrupt:
        raise Interrupted("interrupted; no unfinished file is left.") from None
    if failed:
        print(f"{len(failed)} of {len(videos)} videos failed:", *failed, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)
