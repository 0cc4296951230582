"""Turn a PyTorch state_dict in the layout of ScratchCNN into a checkpoint folder with safetensors.

The file is what `torch.save(model.state_dict(), "best_model.pth")` writes, or a dict that holds it as
`model_state_dict` or `state_dict`. Only tensors, numbers and texts are read from it; a file with anything else in it is
refused and nothing of it is run. The file does not say which class is which, nor how its images were standardised:
`labels`, `mean` and `std` do, and what is assumed without them is reported.
"""

import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from fer_hub.files import building
from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.tensors import first_misfit

ARCHITECTURE = "scratch_cnn"

WRAPPERS = ("model_state_dict", "state_dict")
"""Where training programs put the weights beside an epoch or an optimiser."""

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

LAST = "classifier.4.weight"
"""The tensor with a row for each class."""


def import_weights(
    path: str | Path,
    folder: str | Path,
    *,
    labels: Sequence[str] | None = None,
    mean: float | None = None,
    std: float | None = None,
    image_size: int = 48,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write a checkpoint folder (config, safetensors, image processor, code) from somebody's own weights.

    Args:
        path: file of `torch.save`, old or new format.
        folder: must not be there yet; it appears complete or not at all.
        labels: names of the classes in the order of the network's outputs; FER-2013's for seven classes if `None`.
        mean, std: what its training subtracted from and divided pixels in [0, 1] by; `FERImageProcessor`'s if `None`.
        image_size: height and width of its images in pixels.
        say: is told what was read and what was assumed, a line each.

    Returns:
        The folder, for `from_pretrained`.

    Raises:
        FileNotFoundError: there is no such file.
        FileExistsError: `folder` is there.
        ValueError: the file holds other objects than tensors, or other tensors than this network's; or an option does
            not fit.
    """
    path, folder = Path(path), Path(folder)
    if folder.exists():
        raise FileExistsError(f"the output must be a new folder, {folder} is there already; choose another name.")
    image_processor = _image_processor(mean, std, image_size)
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
    """Read the tensors of a file by `torch.save`, without running anything that may be in it.

    Returns:
        Name → tensor on the CPU, without wrappers and prefixes, and the names of what stands beside the weights.

    Raises:
        FileNotFoundError, ValueError: as `import_weights`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"the weights must be a file, there is none at {path}; correct the path.")
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd formats, all of which are refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, from EOFError to KeyError
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found:
            raise ValueError(
                f"{path} must hold tensors, numbers and texts only, but holds {found[1]}, which would run code when "
                "loaded; load it where you trust it and save model.state_dict() alone."
            ) from None
        raise ValueError(
            f"{path} must be a state_dict as torch.save writes it, cannot be read as one; save model.state_dict() "
            "anew, or copy the file again."
        ) from error
    left_out: list[str] = []
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            left_out = [str(name) for name in content if name != wrapper]
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(
            f"{path} must hold a dict of tensors, or one of {', '.join(WRAPPERS)} with it, got {_kind(content)}; save "
            "model.state_dict()."
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
    """A network with as many classes as the tensors are for, filled with them."""
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
            f"{path} must hold the tensors of {ARCHITECTURE} for {image_size}x{image_size} grey pixels, but {name} "
            f"must be {must} and is {has}; see --image-size, or train this network anew."
        )
    model.network.load_state_dict(state_dict, strict=False)  # checked above, but for the counters
    return model


def _image_processor(mean: float | None, std: float | None, image_size: int) -> FERImageProcessor:
    if mean is not None and not math.isfinite(mean):
        raise ValueError(f"mean must be a finite number, got {mean}; it is subtracted from pixels in [0, 1].")
    if std is not None and not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number above 0, got {std}; pixels in [0, 1] are divided by it.")
    return FERImageProcessor(
        image_mean=FERImageProcessor.image_mean if mean is None else [mean],
        image_std=FERImageProcessor.image_std if std is None else [std],
        size={"height": image_size, "width": image_size},
    )


def _kind(content: object) -> str:
    """What a file holds in place of tensors, in a few words."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    name = next(name for name, value in content.items() if not isinstance(value, torch.Tensor))
    return f"{type(content[name]).__name__} under {name!r}"
