"""`fer-hub duplicates`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import DataOption


def duplicates(
    data: DataOption,
    checkpoint: Annotated[
        list[str] | None, typer.Option(metavar="FOLDER|ID ...", help="Checkpoints with FER-2013's classes.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file for what is printed.")] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG file for pairs of test and train.")] = None,
) -> None:
    """Count near-duplicates across the splits of FER-2013.

        fer-hub duplicates --data path/to/fer2013 --output results/duplicates.json
        fer-hub duplicates --data path/to/fer2013 --checkpoint checkpoints/fer2013 --sheet pairs.png

    Counts the validation and test images of which train holds a copy, and how often the two copies carry different
    labels; with checkpoints also their accuracy on images with and without a copy. The sheet shows pairs from surely
    the same to surely not. train.py --drop_duplicates leaves such images out of train.
    """
    from fer_hub.data.duplicates import main

    words = ["--data", data]
    for option, values in (("--checkpoint", checkpoint or []), ("--output", [output]), ("--sheet", [sheet])):
        given = [str(value) for value in values if value is not None]
        words += [option, *given] if given else []
    main(words)
