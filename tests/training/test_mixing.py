"""mixup and CutMix: images and labels are mixed in the same proportion."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fer_hub.training.mixing import Mixing, rectangle


def batch(count=7):
    """Image i is grey value 10 i all over, its label class i, so that a mixture shows what it is made of."""
    labels = torch.arange(count)
    return (10.0 * labels)[:, None, None, None].expand(-1, 1, 20, 30).clone(), labels


@given(st.integers(0, 10_000))
def test_mixup_blends_images_as_it_blends_labels(seed):
    images, labels = batch()
    torch.manual_seed(seed)
    mixed, soft = Mixing(mixup=0.4)(images, labels, 7)
    assert mixed.shape == images.shape and soft.shape == (7, 7)
    assert torch.allclose(soft.sum(1), torch.ones(7))
    expected = soft @ (10.0 * labels)
    assert torch.allclose(mixed, expected[:, None, None, None].expand_as(mixed), atol=1e-3)


@given(st.integers(0, 10_000))
def test_cutmix_puts_a_rectangle_of_the_share_that_the_label_says(seed):
    images, labels = batch()
    torch.manual_seed(seed)
    mixed, soft = Mixing(cutmix=1.0)(images, labels, 7)
    for own, (picture, row) in enumerate(zip(mixed[:, 0], soft, strict=True)):
        foreign = picture != images[own, 0, 0, 0]
        assert torch.equal(foreign, foreign.any(1)[:, None] & foreign.any(0)[None, :])  # a rectangle
        values = picture[foreign].unique()
        assert len(values) <= 1
        assert row[own].item() == pytest.approx(1 - foreign.float().mean().item(), abs=1e-6)
        if len(values):
            assert row[int(values[0]) // 10].item() == pytest.approx(foreign.float().mean().item(), abs=1e-6)


def test_distributions_are_mixed_as_indices_are():
    images, labels = batch()
    for mixing in (Mixing(mixup=0.4), Mixing(cutmix=1.0)):
        results = []
        for given_labels in (labels, torch.eye(7)):
            torch.manual_seed(1)
            results.append(mixing(images, given_labels, 7))
        assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


def test_with_both_each_batch_is_mixed_in_one_of_the_two_ways():
    images, labels = batch()
    torch.manual_seed(0)
    cut = 0
    for _ in range(200):
        mixed, _ = Mixing(mixup=1.0, cutmix=1.0)(images, labels, 7)
        cut += bool(torch.isin(mixed, images).all())
    assert 70 < cut < 130


def test_shares_follow_the_beta_distribution():
    images, labels = batch()
    torch.manual_seed(0)
    larger = []
    for _ in range(400):
        _, soft = Mixing(mixup=0.2)(images, labels, 7)
        larger.append(soft.max(1).values.min())  # of the images that were not mixed with themselves
    # Beta(0.2, 0.2) is nearly all or nothing: max(λ, 1 - λ) is 0.899 on average (two million draws of NumPy's)
    assert torch.stack(larger).mean().item() == pytest.approx(0.899, abs=0.02)


def test_nothing_is_mixed_by_default_and_no_random_number_is_drawn():
    images, labels = batch()
    before = torch.get_rng_state()
    mixed, same = Mixing()(images, labels, 7)
    assert mixed is images and same is labels and torch.equal(before, torch.get_rng_state())


@given(st.integers(1, 64), st.integers(1, 64), st.floats(0, 1))
def test_a_rectangle_lies_inside_and_is_no_larger_than_asked_for(height, width, area):
    top, bottom, left, right = rectangle(height, width, area)
    assert 0 <= top <= bottom <= height and 0 <= left <= right <= width
    assert bottom - top <= height * area**0.5 + 1 and right - left <= width * area**0.5 + 1


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_alpha_must_be_a_number_from_0(name, value):
    with pytest.raises(ValueError) as caught:
        Mixing(**{name: value})
    assert str(caught.value) == (
        f"{name} must be a number from 0, the α of a Beta distribution, got {value}; 0 switches it off."
    )
