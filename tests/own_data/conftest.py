"""Small custom folders: face crops, and photos made from the two examples."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def faces() -> dict[str, Image.Image]:
    """Two photos with one face each, downscaled for fast detection."""
    return {
        name: Image.open(EXAMPLES / f"{name}.jpg").convert("RGB").resize(size)
        for name, size in (("astronaut", (256, 256)), ("grace_hopper", (256, 303)))
    }


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory, faces) -> Path:
    """`my_photos/<class>/<photo>`: four photos of each of two classes, and one without a face."""
    folder = tmp_path_factory.mktemp("own") / "my_photos"
    for name, photo in zip(("attentive", "bored"), faces.values(), strict=True):
        (folder / name).mkdir(parents=True)
        for brightness in (0.8, 1.2):
            for mirror in (False, True):
                changed = ImageEnhance.Brightness(ImageOps.mirror(photo) if mirror else photo).enhance(brightness)
                changed.save(folder / name / f"{brightness:g}-{int(mirror)}.jpg", quality=95)
    Image.new("RGB", (256, 256), (90, 120, 150)).save(folder / "bored" / "sky.jpg")
    return folder


@pytest.fixture(scope="session")
def crop_folder(tmp_path_factory) -> Path:
    """`my_crops/<class>/<crop>`: twelve crops of each of three classes that brightness tells apart."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("own") / "my_crops"
    for name, grey in (("level 2", 60), ("level 10", 128), ("calm", 200)):
        (folder / name).mkdir(parents=True)
        for index in range(12):
            pixels = np.clip(random.normal(grey, 12, (64, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(autouse=True)
def _quiet_cache(tmp_path_factory, monkeypatch, request):
    """Made data must not land in the user's cache."""
    if "fer2013_folder" not in request.fixturenames:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets_cache"))
