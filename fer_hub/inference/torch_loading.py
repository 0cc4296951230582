"""Loads any image classification checkpoint of transformers, ours included, and says in one sentence what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForImageClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.image_processing_auto import AutoImageProcessor

import fer_hub.model  # noqa: F401 (registers our networks with the Auto classes)

T = TypeVar("T")


def load_transformers(checkpoint: str | Path, options: dict[str, Any]) -> tuple[PreTrainedModel, Any]:
    """Model and image processor of a checkpoint, on the CPU.

    Args:
        checkpoint: a folder with a config.json, or a Hub id.
        options: keywords of `from_pretrained`.

    Raises:
        FileNotFoundError, ValueError, OSError: as `FERPipeline.from_pretrained`.
    """
    options = {"trust_remote_code": False, **options}
    config = _in_one_sentence("config.json", checkpoint, lambda: _load_config(checkpoint, options))
    image_processor = _in_one_sentence(
        "preprocessor_config.json", checkpoint, lambda: _load_image_processor(checkpoint, options)
    )
    model = _in_one_sentence("config.json", checkpoint, lambda: _load_model(checkpoint, config, options))
    return model, image_processor


def _in_one_sentence(file: str, checkpoint: str | Path, load: Callable[[], T]) -> T:
    """What `load` returns; what transformers raises for values that no such file has, in one sentence."""
    try:
        return load()
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        RuntimeError,
        TypeError,
    ) as error:
        reason = _first_sentence(error) or type(error).__name__
    except ValueError as error:
        if "\n" not in str(error).strip():
            raise
        reason = " ".join(str(error).split())
    raise ValueError(
        f"{file} must have values that transformers understands, but in {str(checkpoint)!r} has not ({reason[:300]}); "
        "copy or download it again."
    )


def _load_config(checkpoint: str | Path, options: dict[str, Any]) -> PreTrainedConfig:
    remote = {name: value for name, value in options.items() if name != "trust_remote_code"}
    try:
        content, _ = PreTrainedConfig.get_config_dict(checkpoint, **remote)
    except OSError as error:
        raise OSError(
            f"checkpoint must be a checkpoint folder or a Hub id, got {str(checkpoint)!r}, which is not a local "
            f"folder and cannot be loaded from the Hub ({_first_sentence(error)})."
        ) from None
    if not content:
        raise FileNotFoundError(
            f"the checkpoint must contain config.json, but {str(checkpoint)!r} on the Hub does not."
        )
    model_type = content.get("model_type")
    if model_type not in CONFIG_MAPPING and not ("auto_map" in content and options["trust_remote_code"]):
        way_out = (
            "pass trust_remote_code=True to run its own Python files if you trust them"
            if "auto_map" in content
            else "upgrade transformers if it is newer"
        )
        raise ValueError(
            f"the checkpoint's model_type must be supported by transformers or fer_hub, got {model_type!r} in "
            f"{str(checkpoint)!r}; {way_out}."
        )
    config = AutoConfig.from_pretrained(checkpoint, **options)
    if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING and not (
        "AutoModelForImageClassification" in content.get("auto_map", {}) and options["trust_remote_code"]
    ):
        raise ValueError(
            f"the checkpoint must be an image classification model, got model_type {model_type!r} in "
            f"{str(checkpoint)!r}, which is not one; choose another checkpoint."
        )
    return config


def _load_image_processor(checkpoint: str | Path, options: dict[str, Any]) -> Any:
    try:
        return AutoImageProcessor.from_pretrained(checkpoint, **options)
    except ImportError as error:
        raise ValueError(
            f"the image processor of {str(checkpoint)!r} must run without further packages, but does not "
            f"({_first_sentence(error)}); install what it needs."
        ) from None
    except OSError:
        raise FileNotFoundError(
            f"the checkpoint must have an image processor, but {str(checkpoint)!r} has no preprocessor_config.json; "
            "save one next to the weights with image_processor.save_pretrained(folder)."
        ) from None


def _load_model(checkpoint: str | Path, config: PreTrainedConfig, options: dict[str, Any]) -> PreTrainedModel:
    try:
        model, info = AutoModelForImageClassification.from_pretrained(
            checkpoint,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,  # the other format is a pickle, which runs code
            output_loading_info=True,
            **options,
        )
    except OSError as error:
        raise FileNotFoundError(
            f"the checkpoint must have its weights in model.safetensors, but {str(checkpoint)!r} has not "
            f"({_first_sentence(error)})."
        ) from None
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"model.safetensors must be complete and fit config.json, but in {str(checkpoint)!r} does not "
            f"({_first_sentence(error)})."
        ) from None
    if missing := sorted(info["missing_keys"]):  # transformers would fill them with random numbers
        raise ValueError(
            f"the checkpoint must contain all weights of the model, but {str(checkpoint)!r} lacks {len(missing)}, the "
            f"first is {missing[0]!r}; save it again from a trained image classification model."
        )
    if getattr(model, "suits_channels_last", False):  # a face takes a fifth less time on a CPU
        model.to(memory_format=torch.channels_last)
    return model


def _first_sentence(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(". ")
