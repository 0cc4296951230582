"""Augmentation: `none`, ranges, shapes, and reproducibility by seed."""

import dataclasses

import pytest
import torch

from fer_hub.training.augmentation import PRESETS, Augmentation


def batch(count=16, size=48):
    return torch.randint(0, 256, (count, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def test_none_changes_nothing():
    assert torch.equal(PRESETS["none"](batch()), batch().float())


@pytest.mark.parametrize(("name", "size"), [("light", 48), ("heavy", 48), ("crop", 40), ("frames", 40), ("camera", 40)])
def test_presets_keep_shape_range_and_seed(name, size):
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(PRESETS[name](batch()))
    assert torch.equal(*results)
    assert results[0].shape == (16, 1, size, size) and results[0].dtype == torch.float32
    assert results[0].min() >= 0 and results[0].max() <= 255
    assert not torch.equal(PRESETS[name](batch()), results[0])  # the next call draws anew


def test_heavy_is_wider_than_light_everywhere():
    for item in dataclasses.fields(Augmentation):
        light, heavy = (getattr(PRESETS[name], item.name) for name in ("light", "heavy"))
        assert heavy >= light, item.name


def test_flip_mirrors_exactly_and_only_left_and_right():
    images = batch()
    assert torch.allclose(Augmentation(flip=1.0)(images), images.flip(3).float(), atol=1e-2)


def test_crops_keep_the_scale_and_are_anywhere():
    down, across = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    torch.manual_seed(0)
    windows = Augmentation(crop=0.75)(torch.stack([across, down]).expand(500, 2, 48, 48))
    assert windows.shape == (500, 2, 36, 36)
    for channel, axis in enumerate((2, 1)):
        steps = windows[:, channel, 1:-1, 1:-1].diff(dim=axis)  # a pixel further is a grey value more
        assert torch.allclose(steps, torch.ones_like(steps), atol=1e-3)
    starts = windows[:, :, 18, 18] - 18
    assert starts.min() >= -1e-3 and starts.max() <= 12 + 1e-3
    assert (starts.amin(0) < 0.5).all() and (starts.amax(0) > 11.5).all()
    assert torch.corrcoef(starts.T)[0, 1].abs() < 0.2  # across and down are drawn each for itself


def test_each_image_draws_its_own():
    same = batch(1).expand(32, -1, -1, -1)
    torch.manual_seed(0)
    flipped = (Augmentation(flip=0.5)(same) - same.float()).abs().sum((1, 2, 3)) > 1
    assert 0 < flipped.sum() < 32


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        (Augmentation(shift=0.25), 12),  # a quarter of 48 px
        (Augmentation(zoom=0.5), 4),  # an edge 8 px from the centre moves to 12 px or 5.3 px
        (Augmentation(rotation=0.0), 0),
    ],
)
def test_the_centre_square_moves_no_further_than_said(augmentation, expected):
    images = torch.zeros(64, 1, 48, 48)
    images[:, :, 16:32, 16:32] = 255
    torch.manual_seed(0)
    moved = dataclasses.replace(augmentation)(images)
    centre_column = moved[:, 0].amax(1) > 250  # columns the square covers; the fill is below 250 nearly always
    usable = [row for row in centre_column if 1 <= row.sum() < 40]
    assert len(usable) > 48
    for row in usable:
        columns = row.nonzero().flatten()
        assert columns.min() >= 16 - expected - 1 and columns.max() <= 31 + expected + 1


def test_rotation_turns_by_at_most_the_angle():
    images = torch.zeros(200, 1, 49, 49)
    images[:, :, 24, 24:] = 255  # a hand pointing right from the centre
    torch.manual_seed(0)
    turned = Augmentation(rotation=20)(images)[:, 0]
    # 16 px from the centre the tip lies within 16 * tan(20 degrees) = 5.8 px of the middle; corners stay out of view
    tip = turned[:, 12:37, 40].argmax(1) - 12
    assert tip.abs().max() <= 6 and tip.min() <= -5 and tip.max() >= 5


def test_erasing_blanks_one_rectangle_of_the_promised_area():
    images = torch.full((200, 1, 48, 48), -1.0)
    torch.manual_seed(0)
    erased = Augmentation(erasing=1.0, erasing_area=(0.1, 0.2))(images)[:, 0] >= 0
    area = erased.float().mean((1, 2))
    assert (area > 0.06).all() and (area < 0.26).all()  # whole pixels: half a pixel more or less on every side
    for mask in erased:
        assert torch.equal(mask, mask.any(1)[:, None] & mask.any(0)[None, :])


def test_works_for_colour_and_other_sizes():
    assert PRESETS["heavy"](torch.zeros(3, 3, 64, 64, dtype=torch.uint8)).shape == (3, 3, 64, 64)
