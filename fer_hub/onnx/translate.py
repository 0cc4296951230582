"""A checkpoint's network → `model.onnx`, checked against PyTorch; `fer_hub.onnx.export` is the command."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers.image_utils import PILImageResampling
from transformers.utils import cached_file

from fer_hub.files import replacing
from fer_hub.hub.loading import explain_load_error
from fer_hub.inference.onnx_classifier import MODEL_FILE, OnnxClassifier, checkpoint_sha256
from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor

if TYPE_CHECKING:
    import onnx

OPSET = 20
"""Opset of ONNX 1.15, supported by every onnxruntime since 1.17, including browsers."""

TOLERANCE = 1e-4
"""Largest difference between a logit of PyTorch and of the exported file, relative to the largest logit (at least 1):
the two round differently, and in a deep network such as ResNet-50 rounding errors add up."""

CHECKED_BATCHES = (1, 2, 7, 32)
"""Batch sizes of the random inputs on which the two are compared."""


def export_onnx(checkpoint: str | Path, folder: str | Path) -> float:
    """Write `model.onnx` into a folder, after checking it against PyTorch; nothing is written if the check fails.

    Args:
        checkpoint: checkpoint folder or Hub id, of any architecture.
        folder: output folder; created if missing.

    Returns:
        The largest difference of a logit between PyTorch and the file.

    Raises:
        ModuleNotFoundError: onnx, onnxscript or onnxruntime is not installed.
        FileNotFoundError, ConnectionError, PermissionError, ValueError: the checkpoint cannot be loaded.
        RuntimeError: the outputs differ from PyTorch's; a file of an earlier export is kept.
    """
    _need_packages()
    model, image_processor, weights = _load(checkpoint)
    metadata = describe(model, image_processor) | {"checkpoint_sha256": checkpoint_sha256(weights)}
    exported = _translate(model)
    set_metadata(exported, metadata)
    with replacing(Path(folder) / MODEL_FILE) as temporary:
        temporary.write_bytes(exported.SerializeToString(deterministic=True))
        return check_onnx(temporary, model)


def describe(model: FERForImageClassification, image_processor: FERImageProcessor) -> dict[str, str]:
    """Metadata of an ONNX file about its network: text as it is, everything else as JSON."""
    config = model.config
    values = {
        "format_version": config.format_version,
        "id2label": {str(index): name for index, name in config.id2label.items()},
        "image_size": config.image_size,
        "num_channels": config.num_channels,
        "temperature": config.temperature,
        "class_shares": config.class_shares,
        "image_mean": list(image_processor.image_mean),
        "image_std": list(image_processor.image_std),
        "rescale_factor": image_processor.rescale_factor,
    }
    return {
        "architecture": config.architecture,
        "resample": PILImageResampling(image_processor.resample).name.lower(),
        "stretch": image_processor.stretch,
        **{name: json.dumps(value, ensure_ascii=False) for name, value in values.items()},
    }


def set_metadata(exported: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """Replace the metadata of an ONNX model, in the order of the names."""
    del exported.metadata_props[:]
    for name in sorted(metadata):
        exported.metadata_props.add(key=name, value=metadata[name])


def check_onnx(path: Path, model: FERForImageClassification) -> float:
    """Compare an ONNX file with the network that it was exported from, on random `pixel_values`.

    Returns:
        The largest difference of a logit.

    Raises:
        RuntimeError: it is above what `TOLERANCE` allows.
    """
    classifier = OnnxClassifier(path)
    random = torch.Generator().manual_seed(0)
    size = (model.config.num_channels, model.config.image_size, model.config.image_size)
    largest = 0.0
    for batch in CHECKED_BATCHES:
        pixel_values = torch.randn(batch, *size, generator=random)
        with torch.inference_mode():
            expected = model(pixel_values=pixel_values).logits
        difference = (classifier(pixel_values=pixel_values).logits - expected).abs().max().item()
        allowed = TOLERANCE * max(1.0, expected.abs().max().item())
        if not difference <= allowed:  # true of a NaN as well
            raise RuntimeError(
                f"the exported network must agree with PyTorch to {allowed:.1g}, got a difference of "
                f"{difference:.2g} at batch size {batch}; the file was not kept, please report the architecture "
                f"({model.config.architecture})."
            )
        largest = max(largest, difference)
    return largest


def _load(checkpoint: str | Path) -> tuple[FERForImageClassification, FERImageProcessor, Path]:
    """Network, image processor and weights file of a checkpoint; errors are single sentences."""
    try:
        content, _ = FERConfig.get_config_dict(checkpoint)
        if content.get("model_type") != FERConfig.model_type:
            raise ValueError(
                f"config.json must have the model_type {FERConfig.model_type!r}, got {content.get('model_type')!r} in "
                f"{checkpoint}; export other models with optimum."
            )
        model = FERForImageClassification.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
        image_processor = FERImageProcessor.from_pretrained(checkpoint)
        return model.eval(), image_processor, Path(cached_file(str(checkpoint), "model.safetensors"))
    except Exception as error:
        raise explain_load_error(checkpoint, error) from error


class _Outputs(torch.nn.Module):
    """The network's outputs as tensors, as the exporter needs them: logits, and the features they are computed from."""

    def __init__(self, model: FERForImageClassification):
        super().__init__()
        self.network, self.temperature = model.network, model.config.temperature

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features, head = self.network.forward_features(pixel_values), self.network.classifier
        if isinstance(head, torch.nn.Sequential):  # the plain networks
            features, head = head[:-1](features.flatten(1)), head[-1]
        else:
            features = features.mean((2, 3))
        logits = head(features)
        return (logits if self.temperature == 1 else logits / self.temperature), features


def _translate(model: FERForImageClassification) -> onnx.ModelProto:
    size = (model.config.num_channels, model.config.image_size, model.config.image_size)
    # it logs every missing torchvision operator
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the exporter's own, about torch
            program = torch.onnx.export(
                _Outputs(model).eval(),
                (torch.zeros(2, *size),),
                input_names=["pixel_values"],
                output_names=["logits", "features"],
                dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}},
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    return _without_traces(program.model_proto)


def _without_traces(exported: onnx.ModelProto) -> onnx.ModelProto:
    """Remove the exporter's debug information: stack traces with local file paths."""
    graph = exported.graph
    graph.doc_string = ""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
    del graph.value_info[:]
    return exported


def _need_packages() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(name)
        except ImportError as error:
            raise ModuleNotFoundError(
                f'{name} must be installed to export a checkpoint, got none; run pip install ".[onnx]" in '
                "a clone of fer_hub."
            ) from error
