"""`fer-hub contact-sheet`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import spare

PRESETS = ["none", "light", "heavy", "crop", "frames", "camera"]
EFFECTS = ["cover", "gamma", "fade", "side_light", "blur", "low_resolution", "noise", "exposure", "jpeg"]
Preset = StrEnum("Preset", PRESETS + EFFECTS)


def contact_sheet(
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Hub dataset id, parquet, Kaggle CSV or image folder; the examples if left out."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(metavar="FILE", help="PNG.")] = Path("augmentation.png"),
    presets: Annotated[list[Preset], typer.Option(metavar="NAME ...", help="A block for each.")] = list(Preset),  # noqa: B006 (typer's way of a default)
    images: Annotated[int, typer.Option(metavar="N", help="Rows of a block, with --data.")] = 4,
    draws: Annotated[int, typer.Option(metavar="N", help="Columns beside the original.")] = 8,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same sheet.")] = 0,
) -> None:
    """Show what the augmentation presets do, as one picture.

        fer-hub contact-sheet
        fer-hub contact-sheet --data path/to/fer2013 --output augmentation.png

    One block for each preset, one row for each image: first the image itself, then as training would see it, each time
    drawn anew; then, one by one, what `camera` is made of. Without --data the faces of the example photographs are
    taken.
    """
    spare("--output", output, data, "the data")
    from fer_hub.hub.plots import save_picture
    from fer_hub.training.contact_sheet import contact_sheet, example_crops, training_crops

    crops = training_crops(data, images, seed) if data else example_crops()
    save_picture(contact_sheet(crops, presets, draws, seed), output)
    print(f"{output}: {len(crops)} images, {draws} draws of {', '.join(presets)}")
