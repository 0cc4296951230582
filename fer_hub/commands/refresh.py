"""`fer-hub refresh`."""

from pathlib import Path
from typing import Annotated

import typer


def refresh(
    checkpoint: Annotated[Path, typer.Argument(metavar="FOLDER", help="Checkpoint folder, as train.py wrote it.")],
) -> None:
    """Write the code files and the model card of a checkpoint anew from this version of fer_hub.

        fer-hub refresh checkpoints/fer2013

    The weights and metrics.json stay as they are.
    """
    from fer_hub.hub.checkpoint import refresh

    refresh(checkpoint)
