"""`fer-hub export`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import UsageError, say


def export(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Checkpoint folder or Hub id.")],
    int8: Annotated[bool, typer.Option("--int8", help="Also write the network in 8 bits; needs --data.")] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Its training images calibrate int8, its validation images measure the files."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the files go; the checkpoint if left out.")
    ] = None,
) -> None:
    """Export a checkpoint to ONNX, in float32 and in 8 bits.

        fer-hub export ./checkpoints/fer2013
        fer-hub export ./checkpoints/fer2013 --int8 --data path/to/fer2013

    Writes model.onnx (and model_int8.onnx) beside the weights, and what was measured about them to onnx.json.
    fer_hub.OnnxClassifier runs the files, as any other ONNX runtime does: input pixel_values float32 (batch, channels,
    size, size), output logits (batch, labels), temperature included.
    """
    if output is None and not Path(checkpoint).is_dir():
        raise UsageError(f"--output must name a folder where the checkpoint is none, got checkpoint {checkpoint}.")
    from fer_hub.onnx.export import NO_DATA, export

    if int8 and data is None:
        raise UsageError(NO_DATA)
    export(checkpoint, output or checkpoint, data=data, int8=int8, say=say)
