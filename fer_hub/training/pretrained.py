"""ImageNet weights for the backbones of the transfer networks, from the Hub or a local file; safetensors only."""

from pathlib import Path

import torch
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError, safe_open

from fer_hub.environment import causes, environment_problem
from fer_hub.hub.remote import redact
from fer_hub.model import FERForImageClassification
from fer_hub.training.tensors import first_misfit

PRETRAINED = {
    "resnet50": "microsoft/resnet-50",
    "vgg16": "timm/vgg16.tv_in1k",
    "mobilenet_v2": "google/mobilenet_v2_1.0_224",
    "efficientnet_lite0": "timm/tf_efficientnet_lite0.in1k",
}
"""Architecture → Hub repository with ImageNet weights for its backbone."""

FILE = "model.safetensors"

CURE = "pass a local folder with --pretrained FOLDER, or train from random weights with --pretrained none"


def load_backbone(
    model: FERForImageClassification, source: str | Path | None = None, *, revision: str | None = None
) -> dict:
    """Load the backbone of a transfer network; its head does not change.

    The names in the file may share a prefix, such as `resnet.`, so that the files of the repositories in `PRETRAINED`
    can be loaded, as well as those of other classifiers with the same backbone and of fer_hub's checkpoints
    (`network.backbone.`). Either the whole backbone is loaded, or nothing.

    Args:
        model: changed in place; its dtype and device are kept.
        source: folder with a `model.safetensors`, safetensors file, or Hub id; `PRETRAINED`'s if `None`.
        revision: branch, tag or commit, for a Hub id.

    Returns:
        `source`, as text; `tensors`, the number of tensors loaded; `left_over`, the sorted names of the other tensors
        in the file, such as those of an ImageNet classifier.

    Raises:
        ValueError: the network has no backbone, or the file does not match it: a tensor is missing, has another
            shape, or the file contains more backbone tensors than the network.
        FileNotFoundError: there is no such folder, file, repository or revision, or it has no safetensors file.
        PermissionError: you have no access to the repository on the Hub.
        ConnectionError: the Hub is unreachable and the weights are not in the cache.
    """
    architecture = model.config.architecture
    if architecture not in PRETRAINED:
        raise ValueError(
            f"pretrained weights need a network with a backbone, one of {', '.join(PRETRAINED)}, got {architecture}; "
            "leave them out, or choose another architecture."
        )
    source = str(PRETRAINED[architecture] if source is None else source)
    path = _local(Path(source)) or _from_hub(source, revision)
    backbone = model.network.backbone.state_dict()
    tensors, left_over = _read(path, architecture, backbone)
    for name, tensor in tensors.items():
        backbone[name].copy_(tensor)
    return {"source": source, "tensors": len(tensors), "left_over": left_over}


def _read(path: Path, architecture: str, backbone: dict[str, torch.Tensor]) -> tuple[dict, list[str]]:
    """The backbone's tensors under the network's names, and the names of all other tensors in the file."""
    try:
        with safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            prefix = _prefix(shapes, next(iter(backbone)))
            _check(path, architecture, {name: tuple(tensor.shape) for name, tensor in backbone.items()}, shapes, prefix)
            tensors = {name: file.get_tensor(prefix + name) for name in backbone if prefix + name in shapes}
    except SafetensorError as error:
        raise ValueError(
            f"{path} must be a complete safetensors file, but cannot be read ({error}); copy or download it again."
        ) from error
    return tensors, sorted(shapes.keys() - {prefix + name for name in tensors})


def _prefix(names: dict[str, tuple], first: str) -> str:
    """The prefix of the backbone's first name in the file; empty if the file does not have it."""
    return min((name.removesuffix(first) for name in names if f".{name}".endswith(f".{first}")), key=len, default="")


def _check(path: Path, architecture: str, wanted: dict[str, tuple], held: dict[str, tuple], prefix: str) -> None:
    """Raise a `ValueError` for the first tensor that does not match this backbone."""
    parts = {name.partition(".")[0] for name in wanted}
    inside = {name.removeprefix(prefix): shape for name, shape in held.items() if name.startswith(prefix)}
    inside = {name: shape for name, shape in inside.items() if name.partition(".")[0] in parts}
    if misfit := first_misfit(wanted, inside):
        name, must, has = misfit
        raise ValueError(
            f"{path} must contain the backbone of {architecture}, but {prefix}{name} must be {must} and is {has}; "
            f"{CURE}."
        )


def _local(path: Path) -> Path | None:
    """The safetensors file at a path; None if the path does not exist."""
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ValueError(f"a backbone must be a safetensors file, got {path}; others may run code when loaded.")
        return path
    if not path.is_dir():
        return None
    if not (path / FILE).is_file():
        pickles = sorted(each.name for each in path.iterdir() if each.suffix in (".bin", ".pth", ".pt"))
        raise _lacks("folder", path, pickles)
    return path / FILE


def _lacks(kind: str, name: str | Path, pickles: list[str]) -> FileNotFoundError:
    there = f", only {', '.join(pickles)}, which may run code when loaded" if pickles else ""
    return FileNotFoundError(
        f"the {kind} of a backbone must contain {FILE}, but {name} does not{there}; choose another one."
    )


def _from_hub(name: str, revision: str | None) -> Path:
    try:
        return Path(hf_hub_download(name, FILE, revision=revision))
    except RemoteEntryNotFoundError as error:
        pickles = [each for each in ("pytorch_model.bin",) if HfApi().file_exists(name, each, revision=revision)]
        raise _lacks("repository", name, pickles) from error
    except Exception as error:
        raise _explain(redact(name), revision, error) or error from error


def _explain(name: str, revision: str | None, error: Exception) -> Exception | None:
    """One sentence for an error of the Hub's client; None for other errors."""
    if problem := environment_problem(causes(error)):
        return problem
    for cause in causes(error):
        if isinstance(cause, HFValidationError):
            return FileNotFoundError(
                f"pretrained weights must be a folder, a safetensors file or a Hub id, got {name!r}: nothing is there, "
                "and Hub ids are owner/name; correct it."
            )
        if isinstance(cause, RevisionNotFoundError):
            return FileNotFoundError(
                f"revision must be a branch, tag or commit of {name}, got {revision!r}; omit it to load the latest."
            )
        if isinstance(cause, RepositoryNotFoundError):
            return FileNotFoundError(
                f"pretrained weights must be a folder, a safetensors file or a Hub id, but {name} is none of these, "
                "or is private; correct the name, or run hf auth login."
            )
        if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (401, 403):
            return PermissionError(
                f"{name} must be a repository that you can access, but the Hub refused it "
                f"({cause.response.status_code}); run hf auth login, and request access on its page if it is gated."
            )
    network = (HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError)
    if any(isinstance(cause, network) for cause in causes(error)):
        silent = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} does not respond"
        return ConnectionError(
            f"pretrained weights must come from the Hub or its cache, but {name} is not in the cache and {silent}; "
            f"{CURE}."
        )
    return None
