"""`fer-hub predict`."""

import contextlib
import sys
from collections import deque
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

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
    spare,
)

MOST_ERRORS = 100
"""What could not be read that stderr lists where a file has all of it."""


def predict(
    photographs: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO", help="Files, folders, patterns, addresses, data sets; - for names on stdin."),
    ],
    output: Annotated[str, typer.Option(metavar="FILE", help="For the rows; - is the standard output.")] = "-",
    format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option(help="Of the rows; by the ending of FILE if left out, csv for .txt.", show_default=False),
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
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Photographs searched at once; all cores if left out.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what is done when the run ends early, and go on from there.")
    ] = False,
    annotate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write copies with the faces drawn in.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="[ADDRESS]", help="On all cores of this computer by Ray, or on that cluster.")
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For the list of what could not be read; OUTPUT.errors.txt if left out."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Find faces in photographs and classify their expressions.

        fer-hub predict photo.jpg
        fer-hub predict photos/ "more/**/*.jpg" --output faces.csv
        fer-hub predict photos/ --output faces.parquet --resume
        fer-hub predict hf://datasets/OWNER/NAME@test --output faces.jsonl

    One row for each face, the most prominent first, and one for a photograph without a face: path, width and height,
    number of the face, detection score, quality, angle of the head, box in pixels of the upright photograph, emotion,
    model and its version, and the probability of every label. Folders are searched with all below them. Files that
    cannot be read are listed at the end and in OUTPUT.errors.txt, and the exit code is then 1; the others are in the
    rows all the same.
    """
    if output != "-" and Path(output).is_dir():
        raise UsageError(f"--output must be a file, got {output}, which is a folder; name a file in it.")
    from fer_hub.commands.photograph_files import DATA_SET, ENDINGS, each_photograph, find_photographs
    from fer_hub.commands.prediction_rows import KINDS, OTHERS, opened
    from fer_hub.extras import missing

    ending = Path(output).suffix.lower()
    kind = format or KINDS.get(ending, "csv")
    if format is None and ending in (*OTHERS, *ENDINGS):
        raise UsageError(
            f"--output must end in {', '.join(KINDS)} or .txt, got {output}, whose ending promises another format; "
            "name another file, or say the format with --format."
        )
    if output == "-" and (resume or kind == "parquet"):
        raise UsageError("--output must name a file for --resume and for Parquet, got the standard output; name one.")
    if ray is not None and annotate is not None:
        raise UsageError("--annotate must be left out with --ray, whose photographs other computers read.")
    if kind == "parquet" and (error := missing("train", "pyarrow")):
        raise error
    base_rates = read_prior(prior)
    from tqdm.auto import tqdm

    from fer_hub.inference.identity import identity
    from fer_hub.pipeline import FERPipeline

    if quiet:
        no_bars()
    found = find_photographs(photographs)
    spare_photographs(found.photographs, output, errors, annotate)
    options = dict(
        revision=revision, trust_remote_code=trust_remote_code, detection_model=detection_model, search=search,
        min_score=min_score, prior=base_rates, flip_average=flip_average, runtime=runtime, device=device,
        batch_size=batch_size,
    )  # fmt: skip
    counts = {"faces": 0, "done": 0, "without": 0}
    try:
        with FERPipeline.from_pretrained(checkpoint, **options) as pipeline:
            labels = list(pipeline.model.config.id2label.values())
            network = identity(pipeline.model, checkpoint, revision)
            settings = {"format": kind, **network._asdict(), **options} if resume else None
            with opened(output, kind, labels, network, settings=settings) as rows:
                earlier = len(rows.done)
                whole = not any(name.startswith(DATA_SET) or name.endswith(".parquet") for name in found.photographs)
                if ray is not None:
                    from fer_hub.commands.ray_predict import ray_results

                    worker = {"checkpoint": checkpoint, **options}
                    results = ray_results(ray, found.photographs, rows.done, workers=workers, options=worker)
                else:
                    results = local_results(pipeline, each_photograph(found.photographs), rows.done, workers)
                with contextlib.closing(results):
                    for name, source, result in tqdm(
                        results, unit="photo", initial=earlier, total=len(found.photographs) if whole else None,
                        disable=True if quiet else None,
                    ):  # fmt: skip
                        if isinstance(result, Exception):
                            rows.failed(name, result)
                            continue
                        size, faces = result
                        if annotate is not None:
                            write_annotated(annotate, name, source, faces)
                        rows.write(name, size, faces)
                        counts["done"] += 1
                        counts["faces"] += len(faces)
                        counts["without"] += not faces
    except KeyboardInterrupt:
        kept = f"the same command goes on from {output}.partial" if resume else "no unfinished file is left"
        raise Interrupted(f"interrupted; {kept}.") from None
    failed = found.problems + [f"{name}: {error}" for name, error in rows.done.items() if error is not None]
    summary = (
        f"{counted(counts['done'], 'photograph')}, {counts['without']:,} without a face; "
        f"{counted(counts['faces'], 'face')}"
    )
    if earlier:
        summary += f"; {counted(earlier, 'photograph')} done before"
    if found.others:
        summary += f"; {counted(found.others, 'other file')} in folders left out"
    print(summary, file=sys.stderr)
    if errors is None and output != "-":
        errors = Path(f"{output}.errors.txt")
    tell(failed, errors)


def spare_photographs(
    photographs: Sequence[str], output: str | Path, errors: Path | None, annotate: Path | None
) -> None:
    """Refuse to write where a photograph lies, and two copies of photographs to one place.

    Raises:
        UsageError: rows, errors or an annotated copy would replace a photograph, or a copy another copy.
    """
    from fer_hub.files import is_one_file

    copies: dict[Path, str] = {}
    for name in photographs:
        for option, file in (("--output", output), ("--errors", errors)):
            spare(option, file, name, "a photograph")
        if annotate is None:
            continue
        target = annotated_file(annotate, name)
        if is_one_file(target, name):
            raise UsageError(
                f"--annotate must be another folder than that of the photographs, got {annotate}, where {name} would "
                "be replaced; name a new folder."
            )
        if target in copies:
            raise UsageError(
                f"--annotate must get one copy for each photograph, but {copies[target]} and {name} would both be "
                f"{target}; call the command once for each."
            )
        copies[target] = name


def local_results(
    pipeline: Any, photographs: Iterable[tuple[str, Any]], done: Container[str], workers: int | None
) -> Generator[tuple[str, Any, Any], None, None]:
    """(name, source, ((width, height), faces) or an error) of every photograph that is not done, in their order."""
    waiting: deque[tuple[str, Any]] = deque()

    def sources() -> Iterator[Any]:
        for name, source in photographs:
            if name not in done:
                waiting.append((name, source))
                yield source

    with contextlib.closing(pipeline.stream_sized(sources(), on_error="yield", threads=workers)) as results:
        for result in results:
            yield *waiting.popleft(), result


def tell(failed: Sequence[str], file: Path | None) -> None:
    """Say on stderr and in a file what could not be read, and leave with code 1; no file where there is nothing."""
    from fer_hub.files import write_text

    if not failed:
        if file is not None:
            file.unlink(missing_ok=True)  # of an earlier run
        return
    shown = list(failed)
    if file is not None:
        write_text(file, "".join(f"{line}\n" for line in failed))
        if len(failed) > MOST_ERRORS:
            shown[MOST_ERRORS:] = [f"and {len(failed) - MOST_ERRORS:,} more, all in {file}"]
    print(f"{len(failed):,} could not be read:", *shown, sep="\n  ", file=sys.stderr)
    raise typer.Exit(1)


def write_annotated(folder: Path, name: str, source: Any, faces: Sequence[Any]) -> None:
    """A copy of a photograph with its faces drawn in, as JPEG, below `folder` where it lay below the root."""
    from fer_hub.drawing import draw
    from fer_hub.files import replacing
    from fer_hub.images import load_image

    with replacing(annotated_file(folder, name)) as temporary:
        draw(load_image(source), faces).save(temporary, "JPEG", quality=90)


def annotated_file(folder: Path, name: str) -> Path:
    """The annotated copy of a photograph.

    Example:
        >>> annotated_file(Path("out"), "../photos/a.png").as_posix()
        'out/photos/a.png.jpg'
    """
    parts = [part for part in Path(name.replace("://", "/")).parts if part not in ("..", Path(name).anchor)]
    target = folder.joinpath(*parts)
    return target if target.suffix.lower() in (".jpg", ".jpeg") else target.with_name(target.name + ".jpg")
