"""A checkpoint's network on ONNX Runtime: the same predictions as PyTorch, without importing torch.

`fer_hub.onnx.export` writes the files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fer_hub.forking import leave, renew_after_fork
from fer_hub.own_numbers import is_whole

MODEL_FILE = "model.onnx"
INT8_FILE = "model_int8.onnx"
"""File names of the exported network in a checkpoint folder, float32 and quantised."""

RUNTIMES = {"auto": MODEL_FILE, "torch": None, "onnx": MODEL_FILE, "onnx-int8": INT8_FILE}
"""Runtime → the file that it loads instead of the weights; "auto" only where the file is there and fits them."""

FORMAT_VERSION = 1
"""Newest supported checkpoint format; equal to `fer_hub.model.FORMAT_VERSION`, which would import torch."""

_TEXTS = ("architecture", "resample", "checkpoint_sha256")
_JSON = (
    "format_version", "id2label", "image_mean", "image_size", "image_std", "num_channels", "rescale_factor",
    "temperature", "class_shares",
)  # fmt: skip
"""Keys of the metadata of an exported network: plain text, and values encoded as JSON."""

_SINCE = {"stretch": "none", "class_shares": "null"}
"""What older files lack → what they would say."""


_STEPS = ("do_resize", "do_rescale", "do_normalize")
"""Steps of the preprocessing, all of which an exported network expects."""


@dataclass(frozen=True)
class OnnxConfig:
    """The configuration from the metadata of an ONNX file; the fields of `FERConfig` that a caller needs."""

    architecture: str
    id2label: dict[int, str]
    image_size: int
    num_channels: int
    temperature: float
    format_version: int
    class_shares: list[float] | None = None

    @property
    def label2id(self) -> dict[str, int]:
        return {name: index for index, name in self.id2label.items()}

    @property
    def num_labels(self) -> int:
        return len(self.id2label)


class OnnxOutput(NamedTuple):
    """`logits`: (images, labels) before softmax, already divided by the temperature."""

    logits: Any


class OnnxClassifier:
    """Run an exported network; called like `FERForImageClassification` in evaluation mode.

    Args:
        path: an ONNX file written by `fer_hub.onnx.export`.
        threads: threads for one call, at least 1. One is best for single faces; more help with large batches.

    Calls from several threads at once are safe.

    Attributes:
        config: `OnnxConfig`.
        metadata: the metadata of the file, including the image processor's constants.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        FileNotFoundError: there is no such file.
        ValueError: `threads` is below 1, or the file is not an ONNX file, not one of ours, or newer than this.
    """

    def __init__(self, path: str | Path, *, threads: int = 1):
        if not is_whole(threads) or threads < 1:
            raise ValueError(f"threads must be a whole number of at least 1, got {threads!r}; 1 suits single faces.")
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; path must be an ONNX file, write one with fer-hub export.")
        self._start(path, int(threads))

    def _start(self, source: Path | bytes, threads: int) -> None:
        """Load the file, or the content of one that another process has read."""
        self._source, self._threads = source, threads
        self._session = _session(source, threads)
        self.metadata: dict[str, Any] = _parse(self._session.get_modelmeta().custom_metadata_map, _named(source))
        self.config = OnnxConfig(**{name: self.metadata[name] for name in OnnxConfig.__dataclass_fields__})
        renew_after_fork(self)

    def _renew(self) -> None:
        leave(self._session)
        self._session = None

    def _loaded(self) -> Any:
        """The session; made anew in a forked process, where that of the parent has no threads."""
        if self._session is None:
            self._session = _session(self._source, self._threads)
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        source = self._source if isinstance(self._source, bytes) else self._source.read_bytes()
        return {"source": source, "threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._start(state["source"], state["threads"])

    def __deepcopy__(self, memo: dict) -> OnnxClassifier:
        return self  # nothing in it changes, and calls from several threads are safe

    def __copy__(self) -> OnnxClassifier:
        return self

    @classmethod
    def from_pretrained(
        cls, checkpoint: str | Path, *, file: str = MODEL_FILE, threads: int = 1, **hub: Any
    ) -> OnnxClassifier:
        """Load the exported network of a checkpoint folder or Hub repository.

        Args:
            checkpoint: folder or Hub id (`owner/name`).
            file: `MODEL_FILE` or `INT8_FILE`.
            threads: threads for one call.
            hub: `revision`, `subfolder`, `token`, `cache_dir`, `local_files_only`, as for
                `huggingface_hub.hf_hub_download`; for a folder only `subfolder` is used.

        Raises:
            FileNotFoundError: the checkpoint has no such file, or does not exist.
            ConnectionError: the Hub is unreachable, and the file is not in the cache.
            ValueError: the folder's weights, labels, temperature or preprocessing have changed since the export.
        """
        if file not in (MODEL_FILE, INT8_FILE):
            raise ValueError(f"file must be {MODEL_FILE} or {INT8_FILE}, got {file!r}; choose one of the two.")
        if not Path(checkpoint).is_dir():
            return cls(_from_hub(str(checkpoint), file, **hub), threads=threads)
        folder = Path(checkpoint, hub.get("subfolder") or "")
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} must contain {file}, but does not; {_advice(folder, file)}")
        classifier = cls(folder / file, threads=threads)
        for what, exported, here in _differences(classifier.metadata, folder):
            raise ValueError(
                f"{folder / file} must be exported from the checkpoint in its folder, got {what} {exported} where the "
                f"folder has {here}; {_advice(folder, file)}"
            )
        return classifier

    def __call__(self, pixel_values: Any = None) -> OnnxOutput:
        """Classify face crops.

        Args:
            pixel_values: float array or torch tensor (images, channels, size, size) from `FERImageProcessor`.

        Returns:
            `OnnxOutput` whose `logits` (images, labels) are float32: an array for an array, a CPU tensor for a tensor.

        Raises:
            ValueError: the shape is wrong.
        """
        is_tensor = hasattr(pixel_values, "detach")
        array = self._checked(pixel_values)
        # ONNX Runtime refuses an empty batch
        logits = self._run("logits", array) if len(array) else np.zeros((0, self.config.num_labels), np.float32)
        if is_tensor:
            import torch

            return OnnxOutput(torch.from_numpy(logits))
        return OnnxOutput(logits)

    def features(self, pixel_values: Any) -> np.ndarray:
        """Feature vectors of face crops, from which the logits are computed.

        Args:
            pixel_values: as for a call.

        Returns:
            float32 array (images, features).

        Raises:
            ValueError: the shape is wrong, or the file was exported without this output.
        """
        array = self._checked(pixel_values)
        output = next((each for each in self._loaded().get_outputs() if each.name == "features"), None)
        if output is None:
            raise ValueError(
                "feature vectors need an ONNX file with the output features, but this one was exported without; export "
                'the checkpoint again with fer-hub export, or load it with runtime="torch".'
            )
        return self._run("features", array) if len(array) else np.zeros((0, output.shape[1]), np.float32)

    def agrees_with(self, folder: str | Path) -> bool:
        """Whether weights, labels and preprocessing in a checkpoint folder are those of the export."""
        return not _differences(self.metadata, Path(folder))

    def _checked(self, pixel_values: Any) -> np.ndarray:
        """The contiguous float32 array, of the right shape."""
        is_tensor = hasattr(pixel_values, "detach")
        array = pixel_values.detach().float().cpu().numpy() if is_tensor else pixel_values
        wanted = (self.config.num_channels, self.config.image_size, self.config.image_size)
        if np.ndim(array) != 4 or np.shape(array)[1:] != wanted:
            came = "None" if array is None else str(np.shape(array))
            raise ValueError(
                f"pixel_values must have the shape (images, {', '.join(map(str, wanted))}), got {came}; call the model "
                "on what FERImageProcessor returns."
            )
        return np.ascontiguousarray(array, dtype=np.float32)

    def eval(self) -> OnnxClassifier:
        """No effect: an exported network is always in evaluation mode."""
        return self

    def to(self, device: Any) -> OnnxClassifier:
        """No effect for the CPU; raises a `ValueError` for any other device."""
        if str(device).partition(":")[0] != "cpu":
            raise ValueError(
                f"device must be cpu for an exported network, got {str(device)!r}; leave device out, or run the "
                "checkpoint with PyTorch."
            )
        return self

    @property
    def device(self) -> Any:
        """`torch.device("cpu")`, the device of inputs."""
        import torch

        return torch.device("cpu")

    @property
    def dtype(self) -> Any:
        """`torch.float32`, the type of inputs and outputs, also of quantised networks."""
        import torch

        return torch.float32

    def _run(self, output: str, array: np.ndarray) -> np.ndarray:
        return self._loaded().run([output], {"pixel_values": array})[0]


def is_fresh(folder: str | Path) -> bool:
    """Whether `model.onnx` in a checkpoint folder was exported from what lies there now."""
    try:
        return OnnxClassifier(Path(folder, MODEL_FILE)).agrees_with(folder)
    except ValueError:  # of an older version, or damaged
        return False


def checkpoint_sha256(weights: Path) -> str:
    """SHA-256 of a weights file, in hexadecimal."""
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(source: Path | bytes) -> Path | str:
    return "the ONNX file" if isinstance(source, bytes) else source


def _session(source: Path | bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModuleNotFoundError(
            'onnxruntime must be installed to run an ONNX file, got none; run pip install ".[onnx]" in a clone of '
            "fer_hub."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors only; they also arrive as exceptions
    # spinning threads would take CPU time from the face detector between two calls
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each status, all direct children of Exception
        raise ValueError(
            f"{_named(source)} must be an ONNX file that this onnxruntime ({onnxruntime.__version__}) reads, got: "
            f"{' '.join(str(error).split())}; export it again, or upgrade onnxruntime."
        ) from error


def _parse(raw: dict[str, str], path: Path | str) -> dict[str, Any]:
    raw = _SINCE | raw
    missing = [name for name in (*_TEXTS, *_JSON) if name not in raw]
    if missing:
        raise ValueError(
            f"{path} must be written by fer_hub.onnx.export, got an ONNX file whose metadata lacks "
            f"{', '.join(missing)}; export the checkpoint again."
        )
    metadata: dict[str, Any] = {name: json.loads(text) if name in _JSON else text for name, text in raw.items()}
    if metadata["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"format_version must be at most {FORMAT_VERSION}, got {metadata['format_version']}: {path} was written by "
            "a newer fer_hub; upgrade fer_hub to read it."
        )
    metadata["id2label"] = {int(index): name for index, name in metadata["id2label"].items()}
    return metadata


def _differences(metadata: dict[str, Any], folder: Path) -> list[tuple[str, Any, Any]]:
    """(field, exported value, value in the folder) for each field where an ONNX file and its folder disagree."""
    here: dict[str, Any] = {}
    config, processor = (
        json.loads((folder / name).read_text(encoding="utf-8")) if (folder / name).is_file() else {}
        for name in ("config.json", "preprocessor_config.json")
    )
    for content, fields in (
        (config, ("architecture", "id2label", "image_size", "num_channels", "temperature", "class_shares")),
        (processor, ("image_mean", "image_std", "rescale_factor", "stretch", *_STEPS)),
    ):
        here |= {field: content[field] for field in fields if content.get(field) is not None}
    if config.get("problem_type") == "multi_label_classification":  # an exported network chooses one class
        here["problem_type"] = config["problem_type"]
    if "resample" in processor:
        here["resample"] = Image.Resampling(processor["resample"]).name.lower()
    if "id2label" in here:
        here["id2label"] = {int(index): label for index, label in here["id2label"].items()}
    if (folder / "model.safetensors").is_file():
        here["checkpoint_sha256"] = checkpoint_sha256(folder / "model.safetensors")
    metadata = dict.fromkeys(_STEPS, True) | metadata
    return [(name, metadata.get(name), value) for name, value in here.items() if metadata.get(name) != value]


def _advice(folder: Path | str, file: str) -> str:
    options = " --int8 --data path/to/fer2013" if file == INT8_FILE else ""
    return f"write it with fer-hub export {folder}{options}."


def _from_hub(name: str, file: str, **hub: Any) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        return Path(hf_hub_download(name, file, **hub))
    except RemoteEntryNotFoundError as error:
        raise FileNotFoundError(
            f"the Hub repository {name} must contain {file}, but does not; download the checkpoint and "
            f"{_advice('FOLDER', file)}"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        from fer_hub.hub.loading import explain_load_error

        raise explain_load_error(name, error, revision=hub.get("revision")) from error
