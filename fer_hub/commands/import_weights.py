"""`fer-hub import-weights`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import say


def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of torch.save or of Keras.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Checkpoint folder; must be new.")],
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of a Keras model.json; the only ones beside it if left out."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME ...", help="Classes in the order of its outputs; see above what is assumed."),
    ] = None,
    mean: Annotated[
        float | None, typer.Option(metavar="X", help="What its training subtracted from pixels in [0, 1].")
    ] = None,
    std: Annotated[float | None, typer.Option(metavar="X", help="What its training divided by afterwards.")] = None,
    image_size: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Height and width of its images, for torch.save; 48.")
    ] = None,
) -> None:
    """Turn a PyTorch or Keras file into a checkpoint.

        fer-hub import-weights best_model.pth --output ./checkpoints/mine
        fer-hub import-weights model.h5 --output ./checkpoints/mine
            --labels angry disgust fear happy neutral sad surprise
        fer-hub import-weights model.json --weights weights.h5 --output ./checkpoints/mine

    A PyTorch file is that of a ScratchCNN, written by torch.save(model.state_dict(), "best_model.pth"), or a dict that
    holds it as model_state_dict or state_dict. A Keras file is a model.keras, model.h5, model.hdf5, or model.json with
    weights, of any version: plain networks and those with shortcuts, such as mini-XCEPTION; it needs the extra "keras",
    and the checkpoint does not. Nothing in either is run: other objects, and Lambda layers, are refused.

    The files do not say which class is which, nor how images were standardised: --labels, --mean and --std do, and what
    is assumed without them is printed. For torch.save that is FER-2013's order; for Keras the alphabetical one of its
    flow_from_directory, and pixels from 0 to 1, or from -1 to 1 for mini-XCEPTION.
    """
    from fer_hub.training.import_weights import import_weights

    import_weights(
        file, output, labels=labels or None, mean=mean, std=std, image_size=image_size, weights=weights, say=say
    )
