"""Converts a Keras file to a checkpoint folder, and compares the two."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from fer_hub.data import FERPLUS_EMOTIONS
from fer_hub.files import building
from fer_hub.model import EMOTIONS, LISTED, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.import_pixels import image_processor_of
from fer_hub.training.keras_file import load
from fer_hub.training.keras_layers import Converted, convert

LARGEST_DIFFERENCE = 1e-5
"""Of a probability between Keras and the checkpoint."""

CROPS = 100
"""Number of crops on which the two are compared."""

USUAL = {len(names): tuple(sorted(names)) for names in (EMOTIONS, FERPLUS_EMOTIONS)}
"""Number of classes → their names as Keras's `flow_from_directory` numbers them, by the alphabet."""

BATCH = 20


def import_keras(
    path: Path,
    folder: Path,
    *,
    weights: Path | None = None,
    labels: Sequence[str] | None = None,
    mean: float | None = None,
    std: float | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write a checkpoint folder from a Keras file; it loads without Keras.

    Args:
        path: model.keras, model.h5, model.hdf5 or model.json; see `keras_file.load`.
        folder: must not exist yet; it is written atomically, once the two were compared.
        weights: for a model.json, the file of its weights; the only one beside it if `None`.
        labels: class names in the order of the outputs; for seven and eight classes those of FER-2013 and FER+ by the
            alphabet if `None`.
        mean, std: constants of the standardisation of pixels in [0, 1]; if `None`, as such networks are usually
            trained: 0.5 and 0.5 for mini-XCEPTION, pixels from 0 to 255 where the network scales them itself, else
            pixels from 0 to 1.
        say: called with a line for everything that was read or assumed.

    Raises:
        As `import_weights`, and ValueError where the two differ by more than `LARGEST_DIFFERENCE`.
    """
    theirs = load(path, weights)
    found = convert(theirs)
    names = USUAL.get(found.classes) if labels is None else tuple(labels)
    if names is None or len(names) != found.classes:
        raise ValueError(
            f"labels must name each of the {found.classes} classes of {path}, got {', '.join(labels or ['none'])}; "
            "give them with --labels, in the order of the network's outputs."
        )
    usual = (0.5, 0.5) if found.is_mini_xception else (0.0, 1 / 255) if found.takes_raw_pixels else (0.0, 1.0)
    processor = image_processor_of(
        usual[0] if mean is None else mean, usual[1] if std is None else std, found.image_size
    )
    model = _model(found, names)
    difference = largest_difference(theirs, model, processor)
    if not difference <= LARGEST_DIFFERENCE:
        raise ValueError(
            f"{path} must give the same probabilities here as in Keras, but they differ by {difference:.1g} on {CROPS} "
            "crops; nothing was written. Please report the network's layers."
        )
    with building(folder) as temporary:
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)
    for line in _told(path, folder, found, model, processor, labels, mean, std):
        say(line)
    say(f"agrees with Keras on {CROPS} crops: largest difference of a probability {difference:.1g}")
    return folder


def largest_difference(theirs: Any, model: FERForImageClassification, processor: FERImageProcessor) -> float:
    """The largest difference of a probability between a `keras.Model` and a checkpoint, on crops of seeded noise."""
    random = np.random.default_rng(0)
    size = model.config.image_size
    channels = theirs.inputs[0].shape[3]
    worst = 0.0
    for _ in range(CROPS // BATCH):
        coarse = random.integers(0, 256, (BATCH, 12, 12), dtype=np.uint8)  # shapes, as in faces, not noise alone
        crops = [Image.fromarray(each).resize((size, size), Image.Resampling.BICUBIC) for each in coarse]
        pixels = processor(crops, return_tensors="pt").pixel_values
        with torch.inference_mode():
            ours = model(pixels).logits.double().softmax(1)
        with torch.no_grad():
            seen = theirs(pixels.permute(0, 2, 3, 1).expand(-1, -1, -1, channels).contiguous().numpy(), training=False)
        answer = torch.as_tensor(seen).detach().cpu().double()
        # a network without a softmax at its end gives logits
        sums = answer.sum(1)
        answer = (
            answer
            if torch.allclose(sums, torch.ones_like(sums), atol=1e-3) and (answer >= 0).all()
            else answer.softmax(1)
        )
        worst = max(worst, float((ours - answer).abs().max()))
    return worst


def _model(found: Converted, names: Sequence[str]) -> FERForImageClassification:
    config = FERConfig(
        architecture=LISTED,
        layers=found.layers,
        image_size=found.image_size,
        num_channels=found.num_channels,
        id2label=dict(enumerate(names)),
    )
    model = FERForImageClassification(config).eval()
    model.load_state_dict(found.tensors)
    return model


def _told(path, folder, found, model, processor, labels, mean, std) -> list[str]:
    """What was read and assumed, in lines."""
    lines = [f"{folder}: {LISTED} of {len(found.layers)} layers, {model.num_parameters():,} parameters, from {path}"]
    if found.left_out:
        lines.append(f"left out, as they act in training alone: {', '.join(found.left_out)}")
    if found.colour:
        lines.append("colour: its three channels all get the grey value, as with the images of FER-2013")
    assumed = "" if labels else " (assumed, by the alphabet as flow_from_directory has them; see --labels)"
    lines.append(f"labels{assumed}: {', '.join(model.config.id2label.values())}")
    missing = [option for option, value in (("--mean", mean), ("--std", std)) if value is None]
    [mean], [std] = processor.image_mean, processor.image_std
    told = f" (assumed; see {', '.join(missing)})" if missing else ""
    return [*lines, f"pixels{told}: (value / 255 - {mean:g}) / {std:g}"]
