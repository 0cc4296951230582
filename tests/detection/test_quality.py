"""The quality of a face falls with what makes its expression unrecognisable, and says why."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from fer_hub.detection import quality
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.framing import face_crop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def crop() -> Image.Image:
    with FaceDetector() as detector, Image.open(ROOT / "examples" / "astronaut.jpg") as photo:
        [face] = detector.detect(photo.convert("RGB"))
        return face_crop(photo.convert("RGB"), face, quality.SIZE).convert("L")


def blurred(crop, strength):
    return crop.filter(ImageFilter.GaussianBlur(strength))


def small(crop, strength):
    side = round(quality.SIZE / (1 + strength))
    return crop.resize((side, side)).resize(crop.size, Image.Resampling.BICUBIC)


def noisy(crop, strength):
    random = np.random.default_rng(0)
    values = np.asarray(crop, float) + random.normal(0, 12 * strength, (quality.SIZE, quality.SIZE))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("damage", [blurred, small, noisy])
def test_the_quality_falls_with_the_damage(crop, damage):
    widths = [quality.SIZE / (1 + strength) if damage is small else 90 for strength in range(5)]
    values = [quality.crop_quality(damage(crop, strength), width) for strength, width in enumerate(widths)]
    assert all(0 <= value <= 1 for value in values)
    assert values[0] > 0.95 and values == sorted(values, reverse=True) and values[-1] < values[0] - 0.03, values


def test_a_dim_picture_is_no_poor_one(crop):
    """The default network is right as often on dark pictures, whose grey values it stretches."""
    assert quality.crop_quality(ImageEnhance.Brightness(crop).enhance(0.4), 90) > 0.9


@pytest.mark.parametrize(
    ("width", "brightness", "said"), [(20, 1, "too small"), (80, 0.1, "too dark"), (80, 1, "too blurred")]
)
def test_why_a_face_is_poor(crop, width, brightness, said):
    photo = ImageEnhance.Brightness(crop.convert("RGB").resize((200, 200))).enhance(brightness)
    assert quality.weakness(photo, (60, 60, 60 + width, 60 + width)) == said


def test_accuracy_rises_with_quality_in_the_figures():
    """What docs/faces.md says of results/quality.json, which `python -m benchmarks.quality` measures."""
    parts = json.loads((ROOT / "results" / "quality.json").read_text(encoding="utf-8"))["all"]
    accuracies = [part["accuracy"] for part in parts]
    assert accuracies == sorted(accuracies) and accuracies[-1] > accuracies[0] + 0.15
