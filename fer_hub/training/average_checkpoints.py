"""Make one network of several that were trained from the same weights: the mean of theirs.

    fer-hub average runs/1/final runs/2/final --data path/to/fer2013 --output runs/average/final

Trainings that go on from the same weights with different recipes end in different places, and the mean of those is
often right more often than each, at the cost of one (model soups: Wortsman et al. 2022, arXiv:2203.05482). Whether it
is, validation must say: compare metrics.json of the result with those of its parts. A temperature is fitted on
validation, and then test is looked at once, as at the end of a training.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from fer_hub.data import decode_images
from fer_hub.evaluation.measuring import measure_trained
from fer_hub.evaluation.splits import load_splits
from fer_hub.hub.checkpoint import write_checkpoint
from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.training.recipe import averaged_recipe

SPLITS = ("validation", "test")

SAME = ("architecture", "embedding_size", "hidden_sizes", "depths", "num_channels", "image_size", "id2label")
"""Fields of the config that must be equal; a temperature need not."""


def mean_weights(weights: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of networks, tensor by tensor; of counters, which are whole numbers, the first.

    Example:
        >>> mean_weights([{"weight": torch.tensor([1.0])}, {"weight": torch.tensor([4.0])}])
        {'weight': tensor([2.5000])}
    """
    return {
        name: torch.stack([each[name].float() for each in weights]).mean(0).to(first.dtype)
        if first.is_floating_point()
        else first
        for name, first in weights[0].items()
    }


def average_checkpoints(
    checkpoints: Sequence[str | Path], data: str, output: str | Path, *, matrix_scaling: bool = False
) -> dict:
    """Write the checkpoint that is the mean of others, measured and calibrated.

    Args:
        checkpoints: folders that train.py wrote, at least two, with the same network and classes.
        data: what they were trained on: Hub dataset id, parquet, Kaggle CSV or image folder.
        output: folder of the result; it appears complete or not at all.
        matrix_scaling: fit a linear map of the logits with the temperature, see `fer_hub.evaluation.matrix_scaling`.

    Returns:
        What its metrics.json holds.

    Raises:
        ValueError: fewer than two, networks that differ, or data with other classes.
    """
    folders = [Path(checkpoint) for checkpoint in checkpoints]
    if len(folders) < 2:
        raise ValueError(f"an average takes at least two checkpoints, got {len(folders)}; name more.")
    networks = [FERForImageClassification.from_pretrained(folder) for folder in folders]
    processors = [FERImageProcessor.from_pretrained(folder) for folder in folders]
    for folder, network, processor in zip(folders, networks, processors, strict=True):
        if (differs := _first_difference(networks[0], network)) or processor.to_dict() != processors[0].to_dict():
            raise ValueError(
                f"checkpoints must have the same {differs or 'image processor'} to be averaged, and {folder} has "
                f"another than {folders[0]}; leave it out."
            )
    model = networks[0]
    model.load_state_dict(mean_weights([network.state_dict() for network in networks]))
    names = list(model.config.id2label.values())
    faces = load_splits(folders[0], names, data, SPLITS)
    for split, (_, target) in faces.items():
        if list(target.names) != names:
            raise ValueError(
                f"the data set must have the classes of the checkpoints, {', '.join(names)}, got "
                f"{', '.join(target.names)} in {split}; take the data that they were trained on."
            )
    metrics = measure_trained(
        model,
        processors[0],
        {split: decode_images(images, model.config.image_size) for split, (images, _) in faces.items()},
        {split: target for split, (_, target) in faces.items()},
        matrix_scaling=matrix_scaling,
    )
    known = [_read(folder, "metrics") for folder in folders]
    training = dict(known[0]["training"], seconds=sum(each["training"]["seconds"] for each in known))
    metrics |= {"training": training} | ({"data": known[0]["data"]} if "data" in known[0] else {})
    options = averaged_recipe([_read(folder, "training_args") for folder in folders])
    options |= {"matrix_scaling": matrix_scaling}
    write_checkpoint(
        output, model, processors[0], metrics=metrics, training_args=options, log=_read(folders[0], "training_log")
    )
    return metrics


def _first_difference(one: FERForImageClassification, other: FERForImageClassification) -> str | None:
    """What keeps two networks from being averaged; a temperature does not."""
    ours, theirs = one.config.to_dict(), other.config.to_dict()
    return next((name for name in SAME if ours[name] != theirs[name]), None)


def _read(folder: Path, name: str):
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="fer-hub average",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoints", nargs="+", help="folders that train.py wrote")
    parser.add_argument("--data", required=True, help="Hub dataset id, parquet, Kaggle CSV or image folder")
    parser.add_argument("--output", required=True, type=Path, help="folder of the result")
    parser.add_argument(
        "--matrix_scaling", action="store_true", help="fit a linear map of the logits with the temperature"
    )
    args = parser.parse_args(argv)
    try:
        metrics = average_checkpoints(args.checkpoints, args.data, args.output, matrix_scaling=args.matrix_scaling)
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    for split in SPLITS:
        print(f"{split}: accuracy {metrics[split]['accuracy']:.4f}, macro-F1 {metrics[split]['macro_f1']:.4f}")
    print(f"checkpoint: {args.output}")


if __name__ == "__main__":
    main()
