"""Several video files one after the other, as `fer-hub video` does."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fer_hub.pipeline import FERPipeline
from fer_hub.video.analysis import VideoCancelled, VideoSummary, analyse_video


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


def describe(summary: VideoSummary) -> str:
    """A video's summary as lines of text: what was found, the notes, the files."""
    first = (
        f"{summary.name}: {summary.frames} frames ({summary.analysed} analysed) in {summary.seconds:.1f} s of "
        f"{summary.width}x{summary.height}, {summary.face_count} {'face' if summary.face_count == 1 else 'faces'}"
    )
    return "\n  ".join([first, *summary.notes, *map(str, summary.paths.values())])
