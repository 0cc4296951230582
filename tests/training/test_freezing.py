"""A frozen backbone: no weight or batch norm statistic changes, then the last stages train, also after resuming."""

import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file

from fer_hub.model import FERConfig, FERForImageClassification
from fer_hub.training.freezing import BackboneFreezing
from tests.training.making import small_model, small_trainer


def small_backbone():
    """Three stages and a head; the made-up data set has five steps in an epoch."""
    model = small_model(hidden_sizes=(8, 8), depths=(1, 1))
    stages = [model.network.stem, *model.network.features]
    model.network.backbone_stages = lambda: stages
    return model


def trainer(folder, **options):
    options = {"max_steps": 7, "eval_steps": 1, "save_steps": 1, "freeze_backbone_epochs": 1} | options
    return small_trainer(folder, model=small_backbone(), **options)


def moved(folder, first, second):
    """Parts of the network of which a tensor differs between two steps: stem, features.0, features.1, classifier."""
    before, after = (load_file(folder / f"checkpoint-{step}" / "model.safetensors") for step in (first, second))
    return {part for name, tensor in before.items() if not torch.equal(tensor, after[name])
            for part in ("stem", "features.0", "features.1", "classifier") if f".{part}." in name}  # fmt: skip


@pytest.mark.parametrize(
    ("unfreeze", "later"),
    [
        (None, {"stem", "features.0", "features.1", "classifier"}),
        (1, {"features.1", "classifier"}),
        (0, {"classifier"}),
    ],
)
def test_the_head_learns_first_then_the_last_stages_too(tmp_path, unfreeze, later):
    trainer(tmp_path, unfreeze_stages=unfreeze).train()
    assert moved(tmp_path, 1, 5) == {"classifier"}
    assert moved(tmp_path, 5, 6) == later
    assert moved(tmp_path, 6, 7) == later


def test_within_an_epoch(tmp_path):
    trainer(tmp_path, freeze_backbone_epochs=0.4, max_steps=4).train()  # two of five steps
    assert moved(tmp_path, 1, 2) == {"classifier"}
    assert len(moved(tmp_path, 2, 3)) == 4


def test_stages_may_stay_frozen_from_the_first_step_on(tmp_path):
    trainer(tmp_path, freeze_backbone_epochs=None, unfreeze_stages=1, max_steps=3).train()
    assert moved(tmp_path, 1, 3) == {"features.1", "classifier"}


def test_a_resumed_run_ends_the_same(tmp_path):
    options = {"unfreeze_stages": 2, "optim": "adamw_torch", "ema": 0.7}  # AdamW has a state only of what has learnt
    trainer(tmp_path / "whole", **options).train()
    for step in (3, 5, 6):  # frozen, about to be unfrozen, unfrozen
        again = tmp_path / f"again{step}"
        shutil.copytree(tmp_path / "whole" / f"checkpoint-{step}", again / f"checkpoint-{step}")
        trainer(again, **options).train(resume_from_checkpoint=str(again / f"checkpoint-{step}"))
        first, second = (load_file(run / "checkpoint-7" / "model.safetensors") for run in (tmp_path / "whole", again))
        assert all(torch.equal(first[name], second[name]) for name in first), step


def test_the_log_says_what_is_trained(tmp_path, caplog):
    caplog.set_level(logging.INFO, "fer_hub.training.freezing")
    run = trainer(tmp_path, unfreeze_stages=1, eval_strategy="no", save_strategy="no", load_best_model_at_end=False)
    run.train()
    model = run.model
    everything = sum(p.numel() for p in model.parameters())
    head = sum(p.numel() for p in model.network.classifier.parameters())
    last = sum(p.numel() for p in model.network.features[1].parameters())
    assert [record.message for record in caplog.records if record.name == "fer_hub.training.freezing"] == [
        f"epoch 0: 3 of 3 backbone stages frozen, {head} of {everything:,} parameters are trained",
        f"epoch 1: 2 of 3 backbone stages frozen, {head + last:,} of {everything:,} parameters are trained",
    ]


def test_all_parameters_are_the_optimisers_from_the_start(tmp_path):
    run = trainer(tmp_path, max_steps=1)
    run.train()
    known = sum(p.numel() for group in run.optimizer.param_groups for p in group["params"])
    assert known == sum(p.numel() for p in run.model.parameters())
    assert any(not p.requires_grad for p in run.model.parameters())


@pytest.mark.parametrize("architecture", ["resnet50", "vgg16", "mobilenet_v2", "efficientnet_lite0"])
def test_the_stages_of_the_transfer_networks_hold_all_but_the_head(architecture):
    with torch.device("meta"):
        model = FERForImageClassification(FERConfig(architecture=architecture))
    freezing = BackboneFreezing(model, 1)
    frozen = {id(p) for stage in freezing.stages for p in stage.parameters()}
    rest = [name for name, p in model.named_parameters() if id(p) not in frozen]
    assert rest == ["network.classifier.weight", "network.classifier.bias"]


@pytest.mark.parametrize("option", [{"freeze_backbone_epochs": 2}, {"unfreeze_stages": 1}], ids=str)
def test_a_network_without_a_backbone_is_refused(tmp_path, option):
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, **option)
    assert str(caught.value) == (
        "--freeze-backbone-epochs and --unfreeze-stages need a network with a backbone, one of resnet50, vgg16, "
        "mobilenet_v2, efficientnet_lite0, got residual_cnn; leave them out, or choose another --architecture."
    )


@pytest.mark.parametrize(
    ("epochs", "unfreeze", "sentence"),
    [
        (-1.0, None, "--freeze-backbone-epochs must be a number from 0, got -1.0; 0 freezes nothing."),
        (float("nan"), None, "--freeze-backbone-epochs must be a number from 0, got nan; 0 freezes nothing."),
        (1, 4, "--unfreeze-stages must be 0 to 3, the stages of residual_cnn, got 4; leave it out to unfreeze all of "
         "them."),
        (1, -1, "--unfreeze-stages must be 0 to 3, the stages of residual_cnn, got -1; leave it out to unfreeze all of "
         "them."),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit(epochs, unfreeze, sentence):
    with pytest.raises(ValueError) as caught:
        BackboneFreezing(small_backbone(), epochs, unfreeze)
    assert str(caught.value) == sentence
