"""Several video files at once, in Python and on the command line: `fer-hub video`."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fer_hub.detection.detector import DEFAULT_MIN_SCORE, MODELS
from fer_hub.pipeline import FERPipeline
from fer_hub.video.analysis import VideoCancelled, VideoSummary, analyse_video

EPILOG = """For clip.mp4 this writes clip.annotated.mp4, clip.csv, clip.json and clip.timeline.png into the output
folder, replacing files of these names. A video that fails is named at the end, and the exit code is then 1; the others
are analysed all the same. Ctrl-C leaves no unfinished file."""


def analyse_videos(
    pipeline: FERPipeline,
    sources: Iterable[str | Path],
    output_dir: str | Path,
    *,
    video: str | None = ".mp4",
    **options: Any,
) -> Iterator[tuple[Path, VideoSummary | Exception]]:
    """Analyse videos one after the other; one that fails does not stop the next.

    Args:
        pipeline: a `FERPipeline`.
        sources: paths of videos. If several have the same name, the output files of the later ones get a number.
        output_dir: folder for the results; created if missing.
        video: extension of the annotated videos, .mp4 or .webm; `None` writes none.
        options: as for `analyse_video`.

    Yields:
        Each path with its summary, or with the exception that it raised.

    Raises:
        VideoCancelled: `cancel` was set; the videos before are done, the others are not started.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for source in map(Path, sources):
        name, number = source.stem, 1
        while name.casefold() in taken:  # some file systems ignore case
            number += 1
            name = f"{source.stem}-{number}"
        taken.add(name.casefold())
        try:
            summary = analyse_video(
                pipeline,
                source,
                output=folder / f"{name}.annotated{video}" if video else None,
                csv=folder / f"{name}.csv",
                json=folder / f"{name}.json",
                timeline=folder / f"{name}.timeline.png",
                **options,
            )
        except VideoCancelled:
            raise
        except Exception as error:  # one bad video must not stop the others
            yield source, error
        else:
            yield source, summary


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="fer-hub video",
        description="Find, follow and classify the faces of video files.",
        epilog=EPILOG,
    )
    parser.add_argument("videos", nargs="+", metavar="FILE", help="video file")
    parser.add_argument("--checkpoint", default="checkpoints/fer2013", help="checkpoint folder or Hub id (%(default)s)")
    parser.add_argument("--output-dir", required=True, type=Path, help="folder for the results, made if need be")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="analyse every N-th frame (%(default)s)")
    parser.add_argument(
        "--smoothing", type=float, default=0.5, metavar="S", help="time constant in seconds, 0 for none (%(default)s)"
    )
    parser.add_argument(
        "--max-gap", type=float, default=1.0, metavar="S", help="how long a hidden face is remembered (%(default)s)"
    )
    parser.add_argument("--max-seconds", type=float, metavar="S", help="refuse longer videos")
    parser.add_argument("--max-frames", type=int, metavar="N", help="refuse videos of more frames")
    parser.add_argument("--format", choices=["mp4", "webm"], default="mp4", help="of annotated videos (%(default)s)")
    parser.add_argument("--no-video", action="store_true", help="write no annotated video")
    parser.add_argument("--detector", choices=MODELS, default="both", help="see FaceDetector (%(default)s)")
    parser.add_argument(
        "--min-score", type=float, default=DEFAULT_MIN_SCORE, help="least score of a face, 0 to 1 (%(default)s)"
    )
    parser.add_argument("--device", help="where the network runs, as cpu or cuda")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args(argv)
    failed = []
    options = {name: getattr(args, name) for name in ("every", "smoothing", "max_gap", "max_seconds", "max_frames")}
    try:
        with FERPipeline.from_pretrained(
            args.checkpoint, device=args.device, detector=args.detector, min_score=args.min_score
        ) as pipeline:
            ending = None if args.no_video else f".{args.format}"
            results = analyse_videos(
                pipeline, args.videos, args.output_dir, video=ending, progress=not args.quiet, **options
            )
            for source, result in results:
                if isinstance(result, Exception):
                    failed.append(f"{source}: {result or type(result).__name__}")
                else:
                    print(describe(result), flush=True)
    except KeyboardInterrupt:
        print("Stopped; no unfinished file is left.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:  # the checkpoint or the output folder
        print(error, file=sys.stderr)
        return 1
    if failed:
        print(f"{len(failed)} of {len(args.videos)} videos failed:", *failed, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


def describe(summary: VideoSummary) -> str:
    """A video's summary as lines of text: what was found, the notes, the files."""
    first = (
        f"{summary.name}: {summary.frames} frames ({summary.analysed} analysed) in {summary.seconds:.1f} s of "
        f"{summary.width}x{summary.height}, {summary.faces} {'face' if summary.faces == 1 else 'faces'}"
    )
    return "\n  ".join([first, *summary.notes, *map(str, summary.paths.values())])
