"""`fer-hub refresh`."""

from pathlib import Path
from typing import Annotated

import typer


def refresh(
    checkpoint: Annotated[Path, typer.Argument(metavar="FOLDER", help="Checkpoint folder, as train.py wrote it.")],
) -> None:
    """Write a checkpoint's code files and model card anew.

        fer-hub refresh ./checkpoints/fer2013

    They come from this version of fer_hub. The weights and metrics.json stay as they are.
    """
    from fer_hub.hub.checkpoint import refresh

    refresh(checkpoint)
