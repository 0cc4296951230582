"""Writing a checkpoint folder atomically."""

import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fer_hub.environment import is_full
from fer_hub.files import building, read_json, replacing, write_json, write_text
from fer_hub.hub.afterwards import Afterwards
from fer_hub.hub.card import fill, write_card
from fer_hub.hub.training_log import training_csv
from fer_hub.model import FERForImageClassification, FERImageProcessor, configuration_fer
from fer_hub.model.modeling_fer import AUTO_MODELS


def write_checkpoint(
    folder: str | Path,
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    *,
    metrics: dict,
    training_args: dict,
    log: list[dict],
    afterwards: Afterwards | None = None,
) -> Path:
    """Save all files of a checkpoint, in the layout of a Hub repository.

    Writes config.json, model.safetensors, preprocessor_config.json, the code files, metrics.json,
    training_args.json, training_log.json and .csv, README.md (the model card) and its figures. The write is atomic:
    the folder is built under a temporary name and then moved to its path, replacing a folder of that name.

    Args:
        folder: path of the checkpoint.
        metrics: metrics per split (`fer_hub.evaluation.metrics`), and facts about the training.
        training_args: the options that reproduce the training.
        log: the Trainer's log, one dict per line.
        afterwards: takes a failure of the model card, which `refresh` writes again; without it nothing is written.
            With it and without room for the weights a second time, the folder that `write_network` has written is
            completed in place, unless the weights have changed since.

    Returns:
        The folder.
    """
    folder = Path(folder)
    try:
        with building(folder) as temporary:
            model.save_pretrained(temporary)
            image_processor.save_pretrained(temporary)
            write_json(temporary / "metrics.json", metrics)
            write_json(temporary / "training_args.json", training_args)
            write_json(temporary / "training_log.json", log)
            write_text(temporary / "training_log.csv", training_csv(log))
            if afterwards is None:
                write_card(temporary)
    except (OSError, SafetensorError) as error:
        if afterwards is None or not is_full(error) or not (folder / "model.safetensors").is_file():
            raise
        # there is no room for the weights a second time
        if not _holds(folder / "model.safetensors", model):  # the figures would be of another network
            again = "make room, then the same command with --resume fits it again without training"
            with afterwards.step("saving the network with its last layer fitted anew", again):
                raise
            return folder
        # what was measured is small
        with afterwards.step("saving what was measured", f"fer-hub evaluate and calibrate measure {folder} again"):
            fitted = {name: getattr(model.config, name) for name in ("temperature", "class_shares")}
            write_json(folder / "config.json", read_json(folder / "config.json") | fitted)
            write_json(folder / "metrics.json", metrics)
    if afterwards is not None:
        with afterwards.step("the model card", f"fer-hub refresh {folder} writes it again"):
            write_card(folder)
    return folder


def _holds(file: Path, model: FERForImageClassification) -> bool:
    """Whether a file has the weights of a network."""
    held = load_file(file)
    return all(torch.equal(held[name], tensor.cpu()) for name, tensor in model.state_dict().items())


def write_network(
    folder: Path,
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    *,
    training_args: dict,
    log: list[dict],
) -> None:
    """Save a network as soon as it is trained, so that nothing that happens while it is measured can lose it.

    `write_checkpoint` puts a whole checkpoint in its place.
    """
    with building(folder) as temporary:
        model.save_pretrained(temporary)
        image_processor.save_pretrained(temporary)
        write_json(temporary / "training_args.json", training_args)
        write_json(temporary / "training_log.json", log)
        write_text(temporary / "training_log.csv", training_csv(log))


def update_metrics(folder: Path, metrics: dict) -> None:
    """Add new metrics to a checkpoint's metrics.json and rewrite its card; neither, if the card cannot be filled."""
    path = folder / "metrics.json"
    metrics = read_json(path) | metrics
    parts = {name: read_json(folder / f"{name}.json") for name in ("config", "training_args")}
    fill(**parts, metrics=metrics, size=(folder / "model.safetensors").stat().st_size)
    write_json(path, metrics)
    write_card(folder)


def refresh(folder: Path) -> None:
    """Rewrite the code files and the card of a checkpoint with this version of fer_hub; the weights do not change.

    Raises:
        FileNotFoundError: `folder` is not a checkpoint written by `train.py`.
    """
    config = read_json(folder / "config.json")
    if "auto_map" in config:
        codes = {name: f"modeling_fer.{model}" for name, model in AUTO_MODELS.items()}
        config["auto_map"] = {**config["auto_map"], **codes}
        write_text(folder / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")  # as transformers does
    home = Path(configuration_fer.__file__).parent
    for path in sorted(home.glob("*_fer.py")):
        with replacing(folder / path.name) as temporary:
            shutil.copyfile(path, temporary)
    write_card(folder)
