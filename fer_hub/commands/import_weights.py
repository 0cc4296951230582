"""`fer-hub import-weights`."""

from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import say


def import_weights(
    weights: Annotated[Path, typer.Argument(metavar="FILE", help="File of torch.save, such as best_model.pth.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Checkpoint folder; must be new.")],
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME ...", help="Classes in the order of its outputs; FER-2013's for seven if left out."),
    ] = None,
    mean: Annotated[
        float | None, typer.Option(metavar="X", help="What its training subtracted from pixels in [0, 1].")
    ] = None,
    std: Annotated[float | None, typer.Option(metavar="X", help="What its training divided by afterwards.")] = None,
    image_size: Annotated[int, typer.Option(metavar="PIXELS", help="Height and width of its images.")] = 48,
) -> None:
    """Turn a PyTorch state_dict into a checkpoint folder.

        fer-hub import-weights best_model.pth --output ./checkpoints/mine
        fer-hub import-weights best_model.pth --output ./checkpoints/mine --mean 0.5 --std 0.5
            --labels angry disgust fear happy neutral sad surprise

    The network is a ScratchCNN. The file is what torch.save(model.state_dict(), "best_model.pth") writes, or a dict
    that holds it as model_state_dict or state_dict. Only tensors, numbers and texts are read; a file with anything else
    in it is refused and nothing of it is run. The file does not say which class is which, nor how its images were
    standardised: --labels, --mean and --std do, and what is assumed without them is printed.
    """
    from fer_hub.training.import_weights import import_weights

    import_weights(weights, output, labels=labels or None, mean=mean, std=std, image_size=image_size, say=say)
