"""What the heat map of a face marks: covering it changes the probability more than covering as much elsewhere."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fer_hub import FERPipeline, explain
from fer_hub.inference.explaining import occlusion, pixel_values_of, probabilities_of
from fer_hub.results import Face

SHARE = 0.2
"""Of the crop is covered."""


def drop(model, pixel_values, index, mask):
    """How far the probability of a label moves when those pixels are covered with the mean."""
    covered = pixel_values.copy()
    covered[..., mask] = pixel_values.mean()
    before, after = (probabilities_of(model, each)[0, index] for each in (pixel_values, covered))
    return abs(before - after)


def marked(heat):
    """The pixels with the strongest heat."""
    return heat > np.quantile(heat, 1 - SHARE)


def test_only_what_a_network_looks_at_is_marked():
    def corner(pixel_values):
        light = pixel_values[..., :16, :16].mean((1, 2, 3))
        return SimpleNamespace(logits=torch.stack([8 * (light - 0.8), torch.zeros_like(light)], -1))

    values = np.zeros((1, 1, 48, 48), np.float32)
    values[..., :16, :16] = 1
    heat = occlusion(corner, values, 0)
    assert heat.shape == (48, 48) and heat[:16, :16].mean() > 0.05
    assert np.abs(heat[26:, 26:]).max() == 0


def test_an_unknown_expression_is_refused(tiny_checkpoint):
    sentence = r"emotion must be one of angry, .*, got 'bored'; choose one of these"
    with FERPipeline.from_pretrained(tiny_checkpoint) as pipeline, pytest.raises(ValueError, match=sentence):
        explain(pipeline, Image.new("RGB", (99, 99)), Face((9, 9, 90, 90), 1.0), "bored")


def test_the_smiles_probability_depends_on_the_face_and_the_picture_shows_it():
    with FERPipeline.from_pretrained() as pipeline:
        [face] = pipeline("examples/astronaut.jpg")
        told = explain(pipeline, "examples/astronaut.jpg", face)
    assert told.emotion == "happy" and told.probability == pytest.approx(face.probabilities["happy"], abs=0.02)
    assert told.heat.max() > 0
    picture = np.asarray(told.picture(), int)
    assert picture.shape == (224, 224, 3)
    y, x = np.unravel_index(told.heat.argmax(), told.heat.shape)
    factor = 224 / told.heat.shape[0]
    assert picture[int(y * factor) + 2, int(x * factor) + 2, 0] > picture[int(y * factor) + 2, int(x * factor) + 2, 2]


def test_covering_what_is_marked_changes_more_than_covering_as_much_elsewhere(fer2013_folder):
    """On 200 validation images of FER-2013, with the checkpoint for its kind of image."""
    rows = pd.read_parquet(fer2013_folder / "validation-00000-of-00001.parquet").iloc[::17][:200]
    [column] = [name for name in rows if isinstance(rows[name].iloc[0], dict)]
    generator = np.random.default_rng(0)
    there, elsewhere = [], []
    with FERPipeline.from_pretrained("checkpoints/fer2013") as pipeline:
        for value in rows[column]:
            image = Image.open(io.BytesIO(value["bytes"])).convert("L")
            values = pixel_values_of(pipeline.image_processor, image)
            index = int(probabilities_of(pipeline.model, values).argmax())
            mask = marked(occlusion(pipeline.model, values, index))
            # as much, in the same shape, moved elsewhere
            shift = generator.integers(16, 33, 2)
            other = np.roll(mask, shift, (0, 1)) & ~mask
            there.append(drop(pipeline.model, values, index, mask))
            elsewhere.append(drop(pipeline.model, values, index, other))
    print(f"covering what is marked {np.mean(there):.3f}, as much elsewhere {np.mean(elsewhere):.3f}")
    assert len(there) == 200 and np.mean(there) > 1.5 * np.mean(elsewhere)
    assert np.mean(np.array(there) > np.array(elsewhere)) > 0.7
