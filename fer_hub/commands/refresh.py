"""`fer-hub refresh`."""

from pathlib import Path
from typing import Annotated

import typer


def refresh(
    checkpoint: Annotated[Path, typer.Argument(metavar="FOLDER", help="Checkpoint folder, as train.py wrote it.")],
) -> None:
    """Write a checkpoint's code files and model card anew.

        fer-hub refresh ./checkpoints/fer2013

    They come from this version of fer_hub. The weights and metrics.json stay as they are. A model.onnx that is not that
    of the weights any more is exported again; fer-hub export makes the first one.
    """
    from fer_hub.commands.parts import say
    from fer_hub.hub.checkpoint import refresh
    from fer_hub.inference.onnx_classifier import MODEL_FILE, is_fresh

    refresh(checkpoint)
    if (checkpoint / MODEL_FILE).is_file() and not is_fresh(checkpoint):
        from fer_hub.onnx.export import export

        export(checkpoint, checkpoint, say=say)
