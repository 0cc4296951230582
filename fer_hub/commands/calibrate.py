"""`fer-hub calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import DataOption, say


def calibrate(
    checkpoint: Annotated[str, typer.Argument(metavar="FOLDER", help="Checkpoint folder.")],
    data: DataOption,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Fit on the validation images as they are and as bad pictures together.")
    ] = False,
) -> None:
    """Fit a checkpoint's temperature on the validation split.

        fer-hub calibrate runs/mine/final --data path/to/fer2013

    Probabilities are then as sure as they should be; predictions stay the same. Writes the temperature into
    config.json, the figures before and after into metrics.json, and the model card anew; a model.onnx is exported
    again. train.py does this by itself.
    """
    from fer_hub.evaluation.calibrate import calibrate_checkpoint
    from fer_hub.evaluation.calibration import summary
    from fer_hub.inference.onnx_classifier import MODEL_FILE

    print(summary(calibrate_checkpoint(checkpoint, data, degraded=degraded)))
    if Path(checkpoint, MODEL_FILE).is_file():
        from fer_hub.onnx.export import export

        export(checkpoint, checkpoint, say=say)
