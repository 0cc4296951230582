"""Mixing, class weights and smoothing apply to training batches, and not to evaluation batches."""

import pytest
import torch
from torch.nn import functional as F

from fer_hub.model import FERConfig, FERForImageClassification
from fer_hub.training.soft_labels import class_weights
from tests.training.making import dataset, small_trainer

OPTIONS = {"mixup": 0.2, "class_weights": "balanced", "label_smoothing_factor": 0.1}


def test_training_batches_are_mixed_and_weighted(tmp_path):
    trainer = small_trainer(tmp_path, augmentation="none", **OPTIONS)
    batch = dataset()[list(range(16))]
    trainer.model.train()
    torch.manual_seed(0)
    prepared = trainer._prepare_inputs(batch)
    weights = class_weights(dataset().labels, 7, "balanced")
    torch.manual_seed(0)
    images, mixed = trainer.mixing(batch["pixel_values"].float(), batch["labels"], 7)
    assert torch.allclose(prepared["pixel_values"], trainer.image_processor.normalize_batch(images))
    assert torch.allclose(prepared["labels"].sum(1), mixed @ weights)
    expected = (mixed @ weights)[:, None] * (0.9 * mixed + 0.1 / 7)
    assert torch.allclose(prepared["labels"], expected)


def test_evaluation_batches_are_not_changed(tmp_path):
    trainer = small_trainer(tmp_path, ema=0.9, **OPTIONS)
    batch = next(iter(trainer.get_eval_dataloader()))
    trainer.model.eval()
    prepared = trainer._prepare_inputs(batch)
    assert torch.equal(prepared["labels"], batch["labels"])
    with torch.no_grad():
        plain = F.cross_entropy(trainer.model(prepared["pixel_values"]).logits, batch["labels"])
    assert trainer.evaluate()["eval_loss"] == pytest.approx(plain.item(), rel=1e-6)


def test_class_weights_make_a_rare_class_pull_harder(tmp_path):
    """The gradient of the last layer's bias is the mean of weight * (probability - target)."""
    trainer = small_trainer(tmp_path, augmentation="none", label_smoothing_factor=0.0, class_weights="balanced")
    batch, weights = dataset()[list(range(70))], class_weights(dataset().labels, 7, "balanced")
    trainer.model.train()
    prepared = trainer._prepare_inputs(batch)
    torch.manual_seed(0)
    trainer.compute_loss(trainer.model, prepared).backward()
    torch.manual_seed(0)
    probabilities = trainer.model(prepared["pixel_values"]).logits.softmax(1)
    pull = weights[batch["labels"]][:, None] * (probabilities - F.one_hot(batch["labels"], 7))
    assert torch.allclose(trainer.model.network.classifier.bias.grad, pull.mean(0), atol=1e-6)


def test_training_uses_crops_and_evaluation_whole_images(tmp_path):
    trainer = small_trainer(tmp_path, augmentation="crop")
    seen = {True: set(), False: set()}
    trainer.model.register_forward_pre_hook(
        lambda model, _, inputs: seen[model.training].add(tuple(inputs["pixel_values"].shape[2:])), with_kwargs=True
    )
    trainer.train()
    assert seen == {True: {(13, 13)}, False: {(16, 16)}}  # 40 / 48 of 16


def test_crops_need_a_network_that_accepts_them(tmp_path):
    model = FERForImageClassification(FERConfig(architecture="scratch_cnn"))
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, model=model, augmentation="crop")
    assert str(caught.value) == (
        "an augmentation that crops needs a network that takes images of any size, as residual_cnn and those with a "
        "backbone do, got scratch_cnn; choose another --augmentation."
    )
