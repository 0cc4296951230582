"""Converts a PyTorch state_dict in the layout of ScratchCNN, or a Keras file, to a checkpoint folder with safetensors.

The file is what `torch.save(model.state_dict(), "best_model.pth")` writes, or a dict that holds it as
`model_state_dict` or `state_dict`. Only tensors, numbers and text are read; a file with anything else is refused, and
none of its code is run. The file contains neither the class names nor the standardisation of its images: pass `labels`,
`mean` and `std`; assumed defaults are reported.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from fer_hub.files import building
from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification
from fer_hub.training.import_pixels import image_processor_of
from fer_hub.training.keras_file import ENDINGS
from fer_hub.training.tensors import first_misfit

ARCHITECTURE = "scratch_cnn"

WRAPPERS = ("model_state_dict", "state_dict")
"""Keys of the weights in files that also contain an epoch or an optimiser state."""

PREFIXES = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile add to every name."""

LAST = "classifier.4.weight"
"""The tensor with one row per class."""


def import_weights(
    path: str | Path,
    folder: str | Path,
    *,
    labels: Sequence[str] | None = None,
    mean: float | None = None,
    std: float | None = None,
    image_size: int | None = None,
    weights: str | Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write a checkpoint folder (config, safetensors, image processor, code) from existing weights.

    Args:
        path: file written by `torch.save`, in the old or new format, or a file of Keras, see `import_keras`.
        folder: must not exist yet; it is written atomically.
        labels: class names in the order of the network's outputs; FER-2013's for seven classes if `None`.
        mean, std: constants of the standardisation of pixels in [0, 1]; `FERImageProcessor`'s if `None`.
        image_size: height and width of its images in pixels, 48 if `None`; a Keras file says it itself.
        weights: for a Keras model.json, the file of its weights.
        say: called with a line for everything that was read or assumed.

    Returns:
        The folder, for `from_pretrained`.

    Raises:
        FileNotFoundError: there is no such file.
        FileExistsError: `folder` exists.
        ValueError: the file contains other objects than tensors, or tensors of another network; or an option is
            invalid.
    """
    path, folder = Path(path), Path(folder)
    if folder.exists():
        raise FileExistsError(f"the output must be a new folder, but {folder} exists; choose another name.")
    if path.suffix.lower() in ENDINGS:
        if image_size is not None:
            raise ValueError(f"--image-size is for files of torch.save, got {path}, which says it; leave it out.")
        from fer_hub.training.import_keras import import_keras

        weights = None if weights is None else Path(weights)
        return import_keras(path, folder, weights=weights, labels=labels, mean=mean, std=std, say=say)
    if weights is not None:
        raise ValueError(f"--weights is for a Keras model.json, got {path}; leave it out.")
    image_size = 48 if image_size is None else image_size
    image_processor = image_processor_of(mean, std, image_size)
    state_dict, left_out = read_state_dict(path)
    model = _network(path, state_dict, labels, image_size)
    with building(folder) as temporary:
        model.save_pretrained(temporary)
        image_processor.save_pretrained(temporary)
    say(f"{folder}: {ARCHITECTURE}, {model.num_parameters():,} parameters, from {path}")
    if left_out:
        say(f"left out: {', '.join(left_out)}")
    say(f"labels{'' if labels else ' (assumed; see --labels)'}: {', '.join(model.config.id2label.values())}")
    assumed = [option for option, value in (("--mean", mean), ("--std", std)) if value is None]
    [mean], [std] = image_processor.image_mean, image_processor.image_std
    told = f" (assumed; see {', '.join(assumed)})" if assumed else ""
    say(f"pixels{told}: (value / 255 - {mean:g}) / {std:g}")
    return folder


def read_state_dict(path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Read the tensors of a file written by `torch.save`, without running any code in it.

    Returns:
        Name → tensor on the CPU, without wrappers and prefixes, and the names of the other entries in the file.

    Raises:
        FileNotFoundError, ValueError: as for `import_weights`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"the weights must be an existing file, got {path}; correct the path.")
    try:
        with warnings.catch_warnings(action="ignore"):  # about unusual formats, which are all refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, from EOFError to KeyError
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found:
            raise ValueError(
                f"{path} must contain only tensors, numbers and text, but contains {found[1]}, which would run code "
                "when loaded; load it only if you trust it, and save just model.state_dict()."
            ) from None
        raise ValueError(
            f"{path} must be a state_dict written by torch.save, but cannot be read as one; save model.state_dict() "
            "again, or copy the file again."
        ) from error
    left_out: list[str] = []
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            left_out = [str(name) for name in content if name != wrapper]
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(
            f"{path} must contain a dict of tensors, directly or under {', '.join(WRAPPERS)}, got {_kind(content)}; "
            "save model.state_dict()."
        )
    return _without_prefixes({str(name): tensor for name, tensor in content.items()}), left_out


def _without_prefixes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    prefix = next((each for each in PREFIXES if tensors and all(name.startswith(each) for name in tensors)), None)
    if prefix is None:
        return tensors
    return _without_prefixes({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})


def _network(
    path: Path, state_dict: dict[str, torch.Tensor], labels: Sequence[str] | None, image_size: int
) -> FERForImageClassification:
    """A network with the number of classes of the tensors, loaded with them."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state_dict.items()}
    classes = (shapes.get(LAST) or (len(EMOTIONS),))[0]
    if labels is None and classes == len(EMOTIONS):
        labels = EMOTIONS
    if labels is None or len(labels) != classes:
        raise ValueError(
            f"labels must name each of the {classes} classes of {path}, got {', '.join(labels or ['none'])}; give them "
            "with --labels, in the order of the network's outputs."
        )
    config = FERConfig(architecture=ARCHITECTURE, image_size=image_size, id2label=dict(enumerate(labels)))
    model = FERForImageClassification(config).eval()
    wanted = {name: tuple(tensor.shape) for name, tensor in model.network.state_dict().items()}
    if misfit := first_misfit(wanted, shapes):
        name, must, has = misfit
        raise ValueError(
            f"{path} must contain the tensors of {ARCHITECTURE} for {image_size}x{image_size} grey pixels, but {name} "
            f"must be {must} and is {has}; see --image-size, or train this network from scratch."
        )
    model.network.load_state_dict(state_dict, strict=False)  # checked above, except the counters
    return model


def _kind(content: object) -> str:
    """A short description of what a file contains instead of tensors."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    name = next(name for name, value in content.items() if not isinstance(value, torch.Tensor))
    return f"{type(content[name]).__name__} under {name!r}"
