"""Lighting and camera effects: each compared with a reference or its definition."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from fer_hub.training import camera
from fer_hub.training.augmentation import EFFECTS, PRESETS, Augmentation


def waves(count=3, size=48):
    """Smooth pictures with values from 40 to 215."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return torch.stack([128 + 87 * torch.sin(x / (3 + n)) * torch.cos(y / 5) for n in range(count)])[:, None]


def each(*values):
    return torch.tensor(values, dtype=torch.float32)


def test_gamma_contrast_and_exposure():
    images = waves()
    assert torch.allclose(camera.gamma(images, each(1, 2, 0.5))[1], images[1] ** 2 / 255, atol=1e-3)
    flat = camera.contrast(images, each(1, 0, 0.5))
    assert torch.allclose(flat[0], images[0], atol=1e-4) and flat[1].std() < 1e-3
    assert torch.allclose(flat[2].std(), images[2].std() / 2, rtol=1e-4)
    dark = camera.expose(images, each(1, 0.05, 3))
    assert torch.equal(dark, dark.round()) and dark[1].max() == 11 and dark[2].max() == 255


def test_light_comes_from_one_side():
    lit = camera.side_light(torch.full((2, 1, 48, 48), 100.0), each(0.5, 0.5), each(0, torch.pi / 2))
    assert lit[0, 0, :, -1].mean().item() == pytest.approx(150) and lit[0, 0, :, 0].mean().item() == pytest.approx(50)
    assert lit[1, 0, -1].mean().item() == pytest.approx(150, abs=0.1) and lit[1, 0, :, 0].std() > 20


def test_blur_is_gaussian_along_each_axis_and_keeps_the_mean_grey():
    dot = torch.zeros(2, 1, 49, 49)
    dot[:, :, 24, 24] = 1
    wide = camera.blur(dot, each(2, 0), each(2, 3))
    place = torch.arange(49.0) - 24
    for number, (across, down) in enumerate(((2, 2), (0, 3))):
        assert (wide[number, 0].sum(0) * place**2).sum().item() == pytest.approx(across**2, abs=0.02)
        assert (wide[number, 0].sum(1) * place**2).sum().item() == pytest.approx(down**2, abs=0.02)
    assert torch.allclose(camera.blur(torch.full((1, 1, 8, 8), 9.0), each(2), each(2)), torch.full((1, 1, 8, 8), 9.0))


def test_downscaling_leaves_the_given_number_of_pixels():
    images = waves()
    assert torch.allclose(camera.shrink(images, each(48, 24, 1))[0], images[0], atol=1e-3)
    assert torch.allclose(camera.shrink(images, each(48, 24, 1))[2], images[2].mean(), atol=1e-3)
    halved = images[1, 0].reshape(24, 2, 24, 2).mean((1, 3))
    enlarged = torch.nn.functional.interpolate(halved[None, None], 48, mode="bilinear")
    assert torch.allclose(camera.shrink(images, each(48, 24, 1))[1], enlarged[0], atol=1e-3)


def test_noise_has_the_deviation_that_is_asked_for():
    torch.manual_seed(0)
    noise = camera.noise(torch.zeros(2, 1, 200, 200), each(5, 20))
    assert noise.std((1, 2, 3)).tolist() == pytest.approx([5, 20], rel=0.02)


@pytest.mark.parametrize("quality", [5, 10, 30, 60, 90])
def test_jpeg_is_what_pillow_makes_of_a_grey_image(quality):
    pixels = (
        (waves(1)[0, 0] + torch.randn(48, 48, generator=torch.Generator().manual_seed(1)) * 12).clamp(0, 255).round()
    )
    file = io.BytesIO()
    Image.fromarray(pixels.byte().numpy()).save(file, "JPEG", quality=quality)
    expected = torch.from_numpy(np.asarray(Image.open(file), dtype=np.float32))
    got = camera.jpeg(pixels[None, None], each(quality))[0, 0]
    assert (got - expected).abs().mean() < 0.7  # libjpeg computes in integers
    assert (got - pixels).abs().mean() > 0.5
    odd = camera.jpeg(pixels[None, None, :45, :43], each(quality))
    assert odd.shape == (1, 1, 45, 43)


def test_occlusion_covers_eyes_mouth_or_any_rectangle():
    torch.manual_seed(0)
    images = torch.full((4000, 1, 48, 48), -1.0)
    hidden = camera.covered(images, 0.5) >= 0
    share = hidden.float().mean((1, 2, 3))
    assert (share > 0).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert share.max() < 0.6
    where = hidden.float().mean((0, 1))
    assert where[18].mean() > where[2].mean() * 2 and where[36].mean() > where[2].mean() * 2  # eyes, mouth; forehead
    assert torch.equal(camera.covered(images, 0.0), images)


def test_each_image_draws_its_own_and_a_preset_changes_all():
    torch.manual_seed(0)
    same = waves(1).expand(64, -1, -1, -1)
    for name in EFFECTS:
        changed = EFFECTS[name](same)
        assert changed.shape == same.shape and changed.min() >= 0 and changed.max() <= 255
        assert ((changed - same).abs().amax((1, 2, 3)) > 0.5).float().mean() > 0.5, name
        assert len(changed.flatten(1).unique(dim=0)) > 30, name
    some = (Augmentation(noise=0.5)(same) != same).any(3).any(2).any(1)
    assert 15 < some.sum() < 49


def test_the_input_is_not_modified():
    images = waves()
    before = images.clone()
    PRESETS["camera"](images)
    assert torch.equal(images, before)
