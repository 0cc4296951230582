"""Initial weights of a training: random, from a checkpoint, or an ImageNet backbone."""

import logging

from fer_hub.hub.names import check_name
from fer_hub.model import NETWORKS, FERConfig, FERForImageClassification
from fer_hub.training.arguments import ModelArguments
from fer_hub.training.pretrained import PRETRAINED, load_backbone

logger = logging.getLogger(__name__)


def check_start(arguments: ModelArguments) -> None:
    """Refuse conflicting options before any data is read.

    Raises:
        FileNotFoundError: `start_from` is a path of ours and no folder.
        ValueError: `pretrained` is given for a network without a backbone, or together with `start_from`; or sizes for
            another network than `residual_cnn`, or together with `start_from`; or `image_size` together with it, or
            too small or too large for the network.
    """
    if arguments.start_from:
        check_name(arguments.start_from)
    for name in (name.replace("_", "-") for name in arguments.sizes()):
        if arguments.start_from:
            raise ValueError(
                f"--{name} must be left out with --start-from, whose network has fixed sizes; give one of the two."
            )
        if arguments.architecture != "residual_cnn":
            raise ValueError(
                f"--{name} is for --architecture residual_cnn, got {arguments.architecture}, which has fixed sizes; "
                "leave it out."
            )
    if arguments.image_size is not None:
        if arguments.start_from:
            raise ValueError(
                "--image-size must be left out with --start-from, whose network has one; give one of the two."
            )
        FERConfig(architecture=arguments.architecture, image_size=arguments.image_size).check()
    FERConfig(**arguments.sizes())  # checks them
    if arguments.pretrained == "auto":
        return
    if arguments.start_from:
        raise ValueError(
            "--pretrained must be left out with --start-from, whose weights are used instead, got "
            f"{arguments.pretrained}; give one of the two."
        )
    if not hasattr(NETWORKS[arguments.architecture], "backbone_stages"):
        able = ", ".join(name for name, network in NETWORKS.items() if hasattr(network, "backbone_stages"))
        raise ValueError(
            f"--pretrained needs a network with a backbone, one of {able}, got {arguments.architecture}; leave it out, "
            "or choose another --architecture."
        )


def load_pretrained(model: FERForImageClassification, source: str, *, resuming: bool = False) -> str | None:
    """Load the backbone given by `--pretrained` into a transfer network.

    Args:
        source: `auto`, `none`, a folder or a Hub id.
        resuming: the weights will come from a checkpoint of this run, so nothing is loaded.

    Returns:
        The resolved source: a Hub id, a folder or `none`; None for a network without a backbone.
    """
    if not hasattr(model.network, "backbone_stages"):
        return None
    if source == "none":
        return source
    source = PRETRAINED[model.config.architecture] if source == "auto" else source
    if not resuming:
        loaded = load_backbone(model, source)
        logger.info(f"backbone: {loaded['tensors']} tensors of {source}")
    return source
