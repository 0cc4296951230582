"""`fer-hub duplicates` and `fer-hub clean-accuracy`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import DataOption, QuietOption, spare


def duplicates(
    data: DataOption,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file for groups and counts.")] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG file for 300 pairs to look at.")] = None,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the images, where there are several.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the classes, where there are several.")
    ] = None,
    label_names: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="Names of classes that are numbers, in the numbers' order.")
    ] = [],  # noqa: B006
    quiet: QuietOption = False,
) -> None:
    """Find near-duplicates within and between splits.

        fer-hub duplicates --data path/to/fer2013 --output copies.json --sheet pairs.png

    Finds equal images and those that were compressed, cropped anew, moved, resized or mirrored. The file holds the row
    numbers of every group of images, and counts. train.py --drop-duplicates leaves copies of validation and test images
    out of train; fer-hub clean-accuracy measures a checkpoint without them.
    """
    for option, file in (("--output", output), ("--sheet", sheet)):
        spare(option, file, data, "the data")
    from fer_hub.data.duplicates_file import find_duplicates, summary

    result = find_duplicates(
        data,
        output=output,
        sheet=sheet,
        image_column=image_column,
        label_column=label_column,
        label_names=label_names,
        progress=not quiet,
    )
    print(summary(result))


def clean_accuracy(
    checkpoints: Annotated[list[str], typer.Argument(metavar="CHECKPOINT", help="Checkpoint folders or Hub ids.")],
    data: DataOption,
    duplicates: Annotated[Path, typer.Option(metavar="FILE", help="File that fer-hub duplicates wrote.")],
    split: Annotated[str, typer.Option(metavar="NAME", help="Split to measure on.")] = "test",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file for what is printed; others in it are kept.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Measure checkpoints without near-duplicates.

        fer-hub clean-accuracy ./checkpoints/fer2013 --data path/to/fer2013 --duplicates copies.json

    Prints the accuracy on the whole split, on the images without a copy in another split, and on those with one.
    """
    for given in (data, duplicates):
        spare("--output", output, given, "a file that is read")
    from fer_hub.evaluation.copies import measure_clean, summary
    from fer_hub.files import read_json, write_json

    for checkpoint in checkpoints:
        result = measure_clean(checkpoint, data, duplicates, split=split, progress=not quiet)
        print(f"{checkpoint}\n{summary(result)}")
        if output:
            write_json(output, read_json(output) | {checkpoint.removeprefix("./"): result})
