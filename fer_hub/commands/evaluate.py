"""`fer-hub evaluate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from fer_hub.commands.parts import DataOption, TrustOption, UsageError

Split = StrEnum("Split", ["train", "validation", "test", "all"])


def evaluate(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder or Hub id.")],
    data: DataOption,
    splits: Annotated[
        list[Split],
        typer.Option(
            metavar="NAME ...",
            help="Any of train, validation, test (the last two if left out); or all, all images together.",
        ),
    ] = [],  # noqa: B006 (typer's way of a default)
    images: Annotated[
        Literal["auto", "crops", "photographs"],
        typer.Option(help="What the images are; auto is what a checkpoint folder was trained on."),
    ] = "auto",
    labels: Annotated[
        Literal["auto", "fer2013", "ferplus", "ferplus_votes", "both", "none"],
        typer.Option(
            help="Labels of the data set; auto is FER+ for checkpoints with its classes; none if they are unknown."
        ),
    ] = "auto",
    map: Annotated[
        list[str], typer.Option(metavar="THEIRS=OURS ...", help="Classes of the model whose names do not tell.")
    ] = [],  # noqa: B006
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out images of classes that the model lacks.")
    ] = False,
    photographs: Annotated[
        bool, typer.Option("--photographs", help="Also measure the last split as photographs.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For metrics.json, report.md and pictures.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Update the checkpoint's metrics.json and README.md.")] = False,
    trust_remote_code: TrustOption = False,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the images, where there are several.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the classes, where there are several.")
    ] = None,
    label_names: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="Names of classes that are numbers, in the numbers' order.")
    ] = [],  # noqa: B006
    group_by: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN ...",
            help="Also measure groups: by a column of the data, or by brightness, sharpness, size or yaw.",
        ),
    ] = [],  # noqa: B006
) -> None:
    """Measure a checkpoint on a data set.

        fer-hub evaluate ./checkpoints/fer2013 --data path/to/fer2013 --photographs --write
        fer-hub evaluate owner/model --data path/to/fer2013 --map LABEL_0=angry LABEL_1=sad --partial

    The checkpoint is one of fer_hub or any image classifier of transformers. Classes are matched by name, whatever
    their order. Classes that only the model has are dropped and the other probabilities divided by their sum. Splits
    that a data set lacks are cut from train, as in the checkpoint's own training.
    """
    folder = Path(checkpoint)
    if write and not (folder / "config.json").is_file():
        raise UsageError(f"--write needs a checkpoint folder, got {checkpoint}; leave --write out for a Hub id.")
    if "all" in splits and (len(splits) > 1 or write):
        raise UsageError("--splits all must stand alone and without --write, as it joins what other splits keep apart.")
    class_map = pairs(map)
    from fer_hub.evaluation.evaluate import evaluate
    from fer_hub.evaluation.report_folder import table

    metrics = evaluate(
        checkpoint,
        data,
        [str(split) for split in splits],
        images=images,
        labels=labels,
        class_map=class_map,
        partial=partial,
        photographs=photographs,
        report=report,
        trust_remote_code=trust_remote_code,
        image_column=image_column,
        label_column=label_column,
        label_names=label_names,
        group_by=group_by,
        replace=write,
    )
    print(table(metrics))
    if write:
        from fer_hub.files import read_json
        from fer_hub.hub.checkpoint import update_metrics

        if "calibration" in metrics:
            metrics["calibration"] = read_json(folder / "metrics.json")["calibration"] | metrics["calibration"]
        if "groups" in metrics:
            metrics["groups"] = read_json(folder / "metrics.json").get("groups", {}) | metrics["groups"]
        update_metrics(folder, metrics)


def pairs(texts: list[str]) -> dict[str, str]:
    """`["LABEL_0=angry"]` → `{"LABEL_0": "angry"}`."""
    for text in texts:
        if "=" not in text:
            raise ValueError(f"--map must be pairs THEIRS=OURS, got {text!r}; write for example LABEL_0=angry.")
    return dict(text.split("=", 1) for text in texts)
