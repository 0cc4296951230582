"""Which network made a prediction: the name of its checkpoint, and a version that changes with its weights."""

from pathlib import Path
from typing import Any, NamedTuple

from fer_hub import __version__
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.inference.onnx_classifier import checkpoint_sha256

DIGITS = 12
"""Of a SHA-256 or commit, in hexadecimal."""


class Identity(NamedTuple):
    """What rows of predictions say about their network.

    Attributes:
        model: the checkpoint as it was named, with `@REVISION` where one was; the name of the shipped one.
        version: of fer_hub, `+`, and the first digits of the SHA-256 of the weights, or of the commit on the Hub where
            PyTorch has loaded them from there.
    """

    model: str
    version: str


def identity(network: Any, checkpoint: str | Path | None = None, revision: str | None = None) -> Identity:
    """The identity of a network that `load_network` has loaded from a checkpoint.

    Args:
        network: `OnnxClassifier`, or a model of transformers.
        checkpoint, revision: as for `FERPipeline.from_pretrained`.

    Example:
        >>> from fer_hub.inference.loading import load_network
        >>> network, _ = load_network(default_checkpoint())
        >>> named = identity(network)
        >>> named.model, named.version == f"{__version__}+{network.metadata['checkpoint_sha256'][:DIGITS]}"
        ('photographs', True)
    """
    folder = default_checkpoint() if checkpoint is None else Path(checkpoint)
    name = (folder.name if checkpoint is None else str(checkpoint)) + (f"@{revision}" if revision else "")
    known = getattr(network, "metadata", {}).get("checkpoint_sha256")
    if known is None and (folder / "model.safetensors").is_file():
        known = checkpoint_sha256(folder / "model.safetensors")
    known = known or getattr(network.config, "_commit_hash", None)
    return Identity(name, f"{__version__}+{known[:DIGITS]}" if known else __version__)
