"""Labels in training: smoothing, weights against imbalance, and how the two go together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from fer_hub.training.soft_labels import class_weights, smooth_labels, training_labels

FER2013 = [3995, 436, 4097, 7215, 4830, 3171, 4965]
"""Training images of each class of FER-2013."""


def fer2013_labels():
    return torch.arange(7).repeat_interleave(torch.tensor(FER2013))


def test_balanced_weights_are_the_inverse_frequency():
    weights = class_weights(fer2013_labels(), 7, "balanced")
    assert torch.allclose(weights, 28709 / (7 * torch.tensor(FER2013)))  # as scikit-learn's "balanced"


def test_effective_weights_are_gentler():
    weights = class_weights(fer2013_labels(), 7, "effective")
    assert (weights[1] / weights[3]).item() == pytest.approx((1 - 0.999**7215) / (1 - 0.999**436), rel=1e-5)
    assert (weights[1] / weights[3]).item() == pytest.approx(2.8, abs=0.05)  # as the docstring says


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=9), st.sampled_from(["balanced", "effective"]))
def test_the_mean_weight_of_the_training_images_is_one(counts, kind):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    weights = class_weights(labels, len(counts), kind)
    assert weights[labels].double().mean().item() == pytest.approx(1, rel=1e-5)
    order = torch.tensor(counts).argsort()
    assert (weights[order].diff() <= 1e-6).all()  # the rarer, the heavier


def test_votes_count_proportionally():
    votes = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert class_weights(votes, 2, "balanced").tolist() == pytest.approx([2 / (2 * 1.5), 2 / (2 * 0.5)])


def test_none_gives_no_weights():
    assert class_weights(torch.tensor([0, 0, 1]), 2, "none") is None


def test_an_empty_class_is_named():
    with pytest.raises(ValueError) as caught:
        class_weights(torch.tensor([0, 2]), 3, "balanced")
    assert str(caught.value) == (
        "class_weights balanced needs training images of every class, but class 1 has none; leave --class-weights "
        "out, or remove the class from the data set."
    )


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError) as caught:
        class_weights(torch.tensor([0, 1]), 2, "rare")
    assert str(caught.value) == (
        "class_weights must be one of none, balanced, effective, got 'rare'; choose one of these."
    )


def test_without_smoothing_and_weights_labels_stay_as_they_are():
    labels = torch.tensor([0, 3])
    assert training_labels(labels, 4) is labels


def test_weights_scale_the_loss_of_an_image_and_not_its_target():
    torch.manual_seed(0)
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    weights = torch.tensor([0.5, 3.0, 1.0])
    loss = F.cross_entropy(logits, training_labels(labels, 3, smoothing=0.1, weights=weights))
    each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
    assert loss.item() == pytest.approx((weights[labels] * each).mean().item(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_mixed_image_weighs_the_mean_of_its_two(smoothing):
    mixed = torch.tensor([[0.25, 0.75, 0.0]])
    weighted = training_labels(mixed, 3, smoothing=smoothing, weights=torch.tensor([1.0, 5.0, 9.0]))
    assert weighted.sum().item() == pytest.approx(0.25 * 1 + 0.75 * 5)
    assert torch.allclose(weighted / weighted.sum(), smooth_labels(mixed, 3, smoothing))


def test_smoothing_spreads_evenly():
    assert torch.allclose(smooth_labels(torch.tensor([2]), 4, 0.2), torch.tensor([[0.05, 0.05, 0.85, 0.05]]))
    assert smooth_labels(labels := torch.tensor([2]), 4, 0.0) is labels
