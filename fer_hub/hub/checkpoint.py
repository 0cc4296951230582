"""Writing a checkpoint folder: all of it, or nothing."""

import shutil
from pathlib import Path

from fer_hub.files import building, read_json, replacing, write_json, write_text
from fer_hub.hub.card import write_card
from fer_hub.hub.training_log import training_csv
from fer_hub.model import FERForImageClassification, FERImageProcessor, configuration_fer


def write_checkpoint(
    folder: str | Path,
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    *,
    metrics: dict,
    training_args: dict,
    log: list[dict],
) -> Path:
    """Save everything that makes a checkpoint, in the layout of a Hub repository.

    Writes config.json, model.safetensors, preprocessor_config.json, the code files, metrics.json,
    training_args.json, training_log.json and .csv, README.md (the model card) and its pictures. The folder appears
    complete: it is built beside its place under a temporary name and moved there, replacing a folder of that name.

    Args:
        folder: where the checkpoint goes.
        metrics: what was measured, per split (`fer_hub.evaluation.metrics`), and about the training.
        training_args: the options that remake it.
        log: the Trainer's log, one dict per line.

    Returns:
        The folder.
    """
    folder = Path(folder)
    with building(folder) as temporary:
        model.save_pretrained(temporary)
        image_processor.save_pretrained(temporary)
        write_json(temporary / "metrics.json", metrics)
        write_json(temporary / "training_args.json", training_args)
        write_json(temporary / "training_log.json", log)
        write_text(temporary / "training_log.csv", training_csv(log))
        write_card(temporary)
    return folder


def update_metrics(folder: Path, metrics: dict) -> None:
    """Put newly measured figures into a checkpoint's metrics.json and fill its card from them."""
    path = folder / "metrics.json"
    write_json(path, read_json(path) | metrics)
    write_card(folder)


def refresh(folder: Path) -> None:
    """Write the code files and the card of a checkpoint anew from this version of fer_hub; weights stay as they are.

    Raises:
        FileNotFoundError: `folder` is not a checkpoint that `train.py` wrote.
    """
    home = Path(configuration_fer.__file__).parent
    for path in sorted(home.glob("*_fer.py")):
        with replacing(folder / path.name) as temporary:
            shutil.copyfile(path, temporary)
    write_card(folder)


if __name__ == "__main__":
    import sys

    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: fer-hub refresh FOLDER   writes its code files and model card anew")
    refresh(Path(sys.argv[1]))
