"""Loads a checkpoint for inference: on ONNX Runtime where its folder has a fitting `model.onnx`, else on PyTorch.

Nothing here imports torch or transformers but where PyTorch runs the network; `fer_hub.inference.torch_loading` does.
"""

import json
import warnings
from pathlib import Path
from typing import Any

from fer_hub.files import at_home
from fer_hub.hub.names import check_name
from fer_hub.inference.crops import CropProcessor
from fer_hub.inference.onnx_classifier import MODEL_FILE, RUNTIMES, OnnxClassifier

OURS = "fer_cnn"
"""`FERConfig.model_type`, whose module would import transformers."""

MOST_JSON = 10_000_000
"""Largest JSON file of a checkpoint in bytes."""


OPTIONS = ("token", "cache_dir", "local_files_only", "force_download", "subfolder", "variant")
"""What else may be said about where a checkpoint comes from, beside `revision` and `trust_remote_code`."""


def load_network(
    checkpoint: str | Path, *, runtime: str = "auto", device: Any = None, **options: Any
) -> tuple[Any, Any]:
    """Load the network of a checkpoint and what converts crops for it.

    Args:
        checkpoint: a folder or a Hub id.
        runtime: a key of `RUNTIMES`. "auto" is "onnx" for checkpoints of fer_hub with a `model.onnx` that was exported
            from their weights, on the CPU, and "torch" for all others.
        device: where the network will run; for "auto" `None` means the CPU.
        options: `revision`, `trust_remote_code` and those of `OPTIONS`.

    Returns:
        `OnnxClassifier` and `CropProcessor`, or model and image processor of transformers.

    Raises:
        TypeError, FileNotFoundError, ValueError, OSError: as `FERPipeline.from_pretrained`.
    """
    if unknown := [name for name in options if name not in ("revision", "trust_remote_code", *OPTIONS)]:
        raise TypeError(
            f"a checkpoint is loaded with revision, trust_remote_code, {', '.join(OPTIONS)} and the options of the "
            f"pipeline, got {', '.join(unknown)}; for a model of another type or on several devices load it with "
            "transformers and call FERPipeline(model, image_processor)."
        )
    checkpoint = at_home(checkpoint)
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {runtime!r}; choose one of these.")
    options = {name: value for name, value in options.items() if value is not None}
    check_checkpoint(checkpoint, options.get("subfolder", ""))
    if Path(checkpoint).exists():
        check_json(Path(checkpoint, options.get("subfolder", "")))
    hub = {name: value for name, value in options.items() if name != "trust_remote_code"}
    classifier = None
    if runtime == "auto":
        if "variant" not in options and (device is None or str(device).partition(":")[0] == "cpu"):
            classifier = _fitting(checkpoint, hub)
    elif file := RUNTIMES[runtime]:
        classifier = OnnxClassifier.from_pretrained(checkpoint, file=file, **hub)
    if classifier is not None:
        return classifier, CropProcessor(classifier.metadata)
    from fer_hub.inference.torch_loading import load_transformers

    return load_transformers(checkpoint, options)


def check_checkpoint(checkpoint: str | Path, subfolder: str = "") -> None:
    """Refuse what is neither a folder with a config.json nor a possible Hub id.

    Raises:
        TypeError: not a text or path. FileNotFoundError: no such folder, or it has no config.json.
    """
    if not isinstance(checkpoint, (str, Path)) or not str(checkpoint):
        raise TypeError(f"checkpoint must be a checkpoint folder or a Hub id, got {checkpoint!r}.")
    folder = Path(checkpoint)
    check_name(checkpoint)
    if folder.exists():
        if not (folder / subfolder / "config.json").is_file():
            raise FileNotFoundError(
                f"checkpoint must be a folder with config.json, got {str(folder / subfolder)!r}, which lacks it; pass "
                "a folder written by save_pretrained."
            )
    elif isinstance(checkpoint, Path) or not _may_be_hub_id(checkpoint):
        raise FileNotFoundError(
            f"checkpoint must be a checkpoint folder or a Hub id, got {str(checkpoint)!r}; there is no such folder."
        )


def check_json(folder: Path) -> None:
    """Refuse a folder whose JSON files cannot be what `save_pretrained` writes, before a library reads them.

    Raises:
        ValueError: one is not UTF-8, not JSON, nested too deeply, not an object, or larger than `MOST_JSON` bytes.
    """
    for name in ("config.json", "preprocessor_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        problem = None
        try:
            if path.stat().st_size > MOST_JSON:
                problem = f"has more than {MOST_JSON:,} bytes"
            elif not isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
                problem = "is JSON of another kind"
        except (ValueError, RecursionError) as error:
            problem = f"cannot be read ({str(error).splitlines()[0][:100]})"
        if problem:
            raise ValueError(
                f"{name} must be a JSON object, but that of {folder} {problem}; copy or download it again."
            )


def _fitting(checkpoint: str | Path, hub: dict[str, Any]) -> OnnxClassifier | None:
    """The exported network of a checkpoint if it has one that fits its weights; whatever fails is told by PyTorch."""
    if not Path(checkpoint).exists():
        return _fitting_on_hub(str(checkpoint), hub)
    if not Path(checkpoint, hub.get("subfolder", ""), MODEL_FILE).is_file():
        return None
    try:
        return OnnxClassifier.from_pretrained(checkpoint, **hub)
    except (ValueError, ModuleNotFoundError) as error:
        warnings.warn(f"PyTorch runs the network, as its exported file cannot: {error}", stacklevel=5)
        return None


def _fitting_on_hub(name: str, hub: dict[str, Any]) -> OnnxClassifier | None:
    """The same of a repository: of ours, and published by one commit with the weights, as `fer-hub publish` does."""
    from huggingface_hub import hf_hub_download

    try:
        config = Path(hf_hub_download(name, "config.json", **hub))
        if json.loads(config.read_text(encoding="utf-8")).get("model_type") != OURS:
            return None
        hf_hub_download(name, "preprocessor_config.json", **hub)
        classifier = OnnxClassifier(hf_hub_download(name, MODEL_FILE, **hub))
    except Exception:  # of any library below; loading it with PyTorch meets the same and has the sentence for it
        return None
    return classifier if classifier.agrees_with(config.parent) and _same_weights(classifier, name, hub) else None


def _same_weights(classifier: OnnxClassifier, name: str, hub: dict[str, Any]) -> bool:
    """Whether the file was exported from the repository's weights, whose SHA-256 the Hub knows without a download."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    where = {key: hub[key] for key in ("revision", "subfolder") if key in hub}
    url = hf_hub_url(name, "model.safetensors", **where)
    try:
        known = None if hub.get("local_files_only") else get_hf_file_metadata(url, token=hub.get("token")).etag
    except Exception:
        known = None
    # without a connection the two files in the cache are of one commit, which was checked when it was published
    return known is None or len(known) != 64 or known == classifier.metadata["checkpoint_sha256"]


def _may_be_hub_id(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= 2 and all(part and part[0].isalnum() for part in parts) and "\\" not in name
