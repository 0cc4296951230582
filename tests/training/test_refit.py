"""The last layer fitted to convergence: the best one for given features, which rare classes profit from."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fer_hub.inference.logits import predict_logits
from fer_hub.model import FERImageProcessor
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.fine_tuning import last_layer
from fer_hub.training.refit import refit_last_layer
from tests.training.making import dataset, small_model

PROCESSOR = FERImageProcessor(size={"height": 16, "width": 16})


@pytest.fixture
def made():
    data = dataset(200)
    return data.images[:, 0].numpy(), data.labels.numpy()


def loss(model, images, labels) -> float:
    logits = torch.from_numpy(predict_logits(model, PROCESSOR, images))
    return F.cross_entropy(logits, torch.from_numpy(labels)).item()


def test_only_the_last_layer_changes_and_it_is_the_best_one(made):
    images, labels = made
    model = small_model()
    name = last_layer(model)[0]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    refit_last_layer(model, PROCESSOR, images, labels, PRESETS["none"])
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {f"{name}.weight", f"{name}.bias"}
    best = loss(model, images, labels)
    random = torch.Generator().manual_seed(0)
    head = last_layer(model)[1]
    for _ in range(20):  # the problem is convex: no step in any direction is better, but for the small penalty
        step = 0.05 * torch.randn(head.bias.shape, generator=random)
        with torch.no_grad():
            head.bias += step
        assert loss(model, images, labels) > best
        with torch.no_grad():
            head.bias -= step


def test_labels_and_their_probabilities_give_the_same_layer(made):
    images, labels = made
    layers = []
    for target in (labels, np.eye(7, dtype=np.float32)[labels]):
        model = small_model()
        refit_last_layer(model, PROCESSOR, images, target, PRESETS["none"])
        layers.append(last_layer(model)[1].weight.detach().clone())
    assert torch.equal(*layers)


def test_mean_probabilities_are_the_base_rates_of_training(made):
    """A property of logistic regression with a bias; it is what priors are divided by."""
    images, labels = made
    model = small_model()
    refit_last_layer(model, PROCESSOR, images, labels, PRESETS["none"])
    shares = np.bincount(labels, minlength=7) / len(labels)
    mean = torch.from_numpy(predict_logits(model, PROCESSOR, images)).softmax(1).mean(0)
    assert mean.numpy() == pytest.approx(shares, abs=2e-3)


def test_augmentation_that_crops_is_applied_to_whole_images(made):
    images, labels = made
    model = small_model().train()
    torch.manual_seed(0)
    refit_last_layer(model, PROCESSOR, images, labels, PRESETS["camera"])
    assert model.training and torch.isfinite(last_layer(model)[1].weight).all()
