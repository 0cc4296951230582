"""`fer-hub predict`."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TextIO

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
    UsageError,
    counted,
    no_bars,
    read_prior,
)

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def predict(
    photographs: Annotated[
        list[str], typer.Argument(metavar="PHOTO", help="Files, folders, patterns or http(s) addresses.")
    ],
    output: Annotated[str, typer.Option(metavar="FILE", help="For the rows; - is the standard output.")] = "-",
    format: Annotated[
        Literal["csv", "jsonl"] | None,
        typer.Option(help="Of the rows; by the ending of FILE if left out, csv for others.", show_default=False),
    ] = None,
    checkpoint: CheckpointOption = None,
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
    """Find faces in photographs and classify their expressions.

        fer-hub predict photo.jpg
        fer-hub predict photos/ "more/**/*.jpg" --output faces.csv
        fer-hub predict photos/ --output faces.jsonl

    One row for each face, the most prominent first, and one for a photograph without a face: path, width and height,
    number of the face, detection score, quality, angle of the head, box in pixels of the upright photograph, emotion,
    and the probability of every label. Folders are searched with all below them. Files that cannot be read are listed
    at the end, and the exit code is then 1; the others are in the rows all the same.
    """
    if output != "-" and Path(output).is_dir():
        raise UsageError(f"--output must be a file, got {output}, which is a folder; name a file in it.")
    base_rates = read_prior(prior)
    from tqdm.auto import tqdm

    from fer_hub.commands.face_rows import CsvFaces, JsonFaces
    from fer_hub.commands.photograph_files import find_photographs
    from fer_hub.images import load_image
    from fer_hub.pipeline import FERPipeline

    if quiet:
        no_bars()
    found = find_photographs(photographs)
    failed = found.problems
    faces_in_all = without = done = 0
    kind = format or FORMATS.get(Path(output).suffix.lower(), "csv")
    try:
        with (
            FERPipeline.from_pretrained(
                checkpoint, revision=revision, trust_remote_code=trust_remote_code, detection_model=detection_model,
                search=search, min_score=min_score, prior=base_rates, flip_average=flip_average, runtime=runtime,
                device=device, batch_size=batch_size,
            ) as pipeline,
            opened(output) as file,
        ):  # fmt: skip
            rows = {"csv": CsvFaces, "jsonl": JsonFaces}[kind](file, list(pipeline.model.config.id2label.values()))
            for path in tqdm(found.photographs, unit="photo", disable=True if quiet else None):
                try:
                    image = load_image(path)
                except (ValueError, OSError) as error:
                    failed.append(f"{path}: {error}")
                    continue
                faces = pipeline(image)
                rows.write(path, image.size, faces)
                done, faces_in_all, without = done + 1, faces_in_all + len(faces), without + (not faces)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; no unfinished file is left.") from None
    summary = f"{counted(done, 'photograph')}, {without:,} without a face; {counted(faces_in_all, 'face')}"
    if found.others:
        summary += f"; {counted(found.others, 'other file')} in folders left out"
    print(summary, file=sys.stderr)
    if failed:
        print(f"{len(failed)} could not be read:", *failed, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)


@contextlib.contextmanager
def opened(output: str) -> Iterator[TextIO]:
    """A text file that appears when all is written, or the standard output for `-`."""
    if output == "-":
        yield sys.stdout
        return
    from fer_hub.files import replacing

    with replacing(Path(output)) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        yield file
