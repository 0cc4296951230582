"""The average of the weights: its arithmetic, and that it is what is evaluated, saved and left at the end."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from fer_hub.evaluation.measuring import measure
from fer_hub.model import FERForImageClassification
from fer_hub.training.weight_averaging import TRAINED_WEIGHTS, WeightAverage
from tests.training.making import log, small_model, small_trainer


class Weights(TrainerCallback):
    """Notes the weights before the first and after every step."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self.on_step_end(args, state, control, model=model)

    def on_step_end(self, args, state, control, model=None, **kwargs):
        self.seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    folder, weights = tmp_path_factory.mktemp("ema"), Weights()
    trainer = small_trainer(folder, ema=0.7, callbacks=[weights])
    trainer.train()
    return folder, trainer, weights.seen


def average(seen, decay):
    """The definition, step by step."""
    values = {name: tensor.double() for name, tensor in seen[0].items()}
    for step, weights in enumerate(seen[1:], start=1):
        share = min(decay, (1 + step) / (10 + step))
        values = {name: share * value + (1 - share) * weights[name].double() for name, value in values.items()}
    return values


def test_a_hand_calculation():
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
        mean = WeightAverage(model, decay=0.25)
        model.weight.fill_(11.0)
        mean.update()  # warm-up: 2 / 11 of 0, 9 / 11 of 11
        assert mean.values["weight"].item() == pytest.approx(9)
        model.weight.fill_(1.0)
        mean.update()  # 3 / 12 is the decay itself: a quarter of 9, three quarters of 1
        assert mean.values["weight"].item() == pytest.approx(3)


@pytest.mark.parametrize("step", [3, 6])
def test_a_checkpoint_holds_the_average_and_beside_it_what_training_goes_on_from(averaged, step):
    folder, _, seen = averaged
    expected = average(seen[: step + 1], 0.7)
    saved = load_file(folder / f"checkpoint-{step}" / "model.safetensors")
    trained = load_file(folder / f"checkpoint-{step}" / TRAINED_WEIGHTS)
    for name, tensor in saved.items():
        if name.endswith("num_batches_tracked"):
            assert tensor.item() == step
        else:
            assert torch.allclose(tensor, expected[name].float(), atol=1e-6), name
            assert not torch.equal(tensor, seen[step][name]), name
        assert torch.equal(trained[name], seen[step][name]), name


def test_what_was_evaluated_is_the_average(averaged):
    folder, trainer, _ = averaged
    entries = {row["step"]: row for row in log(folder / "checkpoint-6") if "eval_loss" in row}
    assert sorted(entries) == [3, 6]
    for step, row in entries.items():
        model = FERForImageClassification.from_pretrained(folder / f"checkpoint-{step}")
        images, labels = trainer.eval_dataset.images[:, 0].numpy(), trainer.eval_dataset.labels.numpy()
        remade = measure(model, trainer.image_processor, images, labels)
        assert row["eval_loss"] == pytest.approx(remade["loss"], rel=1e-5)
        assert row["eval_accuracy"] == remade["accuracy"]


def test_the_best_average_is_left_at_the_end(averaged):
    folder, trainer, _ = averaged
    best = load_file(folder / f"checkpoint-{trainer.state.best_global_step}" / "model.safetensors")
    assert all(torch.equal(tensor, best[name]) for name, tensor in trainer.model.state_dict().items())


def test_the_last_average_is_left_where_no_best_one_is_chosen(tmp_path):
    weights = Weights()
    trainer = small_trainer(
        tmp_path, ema=0.7, callbacks=[weights], load_best_model_at_end=False, eval_strategy="no", save_strategy="no"
    )
    trainer.train()
    expected = average(weights.seen, 0.7)
    for name, tensor in trainer.model.state_dict().items():
        assert torch.allclose(tensor.double(), expected[name], atol=1e-6) or name.endswith("num_batches_tracked")
    trainer.save_model(tmp_path / "afterwards")
    assert not (tmp_path / "afterwards" / TRAINED_WEIGHTS).exists()  # training is over


def test_the_model_trains_on_with_its_own_weights_even_after_a_failed_evaluation():
    model = small_model()
    mean = WeightAverage(model, 0.9)
    with torch.no_grad():
        model.network.classifier.bias.add_(1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), mean.applied():
        assert not torch.equal(model.network.classifier.bias, before["network.classifier.bias"])
        raise KeyboardInterrupt
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_run_resumes_only_with_the_same_choice_of_averaging(averaged, tmp_path):
    folder, _, _ = averaged
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path / "a").train(resume_from_checkpoint=str(folder / "checkpoint-3"))
    assert str(caught.value) == (
        "--ema is required to resume from checkpoint-3, which was trained with it; add it with the same decay."
    )
    plain = tmp_path / "checkpoint-3"
    plain.mkdir()
    (plain / "trainer_state.json").write_text(json.dumps({}))
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path / "b", ema=0.7).train(resume_from_checkpoint=str(plain))
    assert str(caught.value) == (
        "--ema must be used from the first step on, but checkpoint-3 was trained without it; leave it out, or start "
        "a new run."
    )


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, float("nan")])
def test_the_decay_lies_between_0_and_1(tmp_path, decay):
    with pytest.raises(ValueError) as caught:
        small_trainer(tmp_path, ema=decay)
    assert str(caught.value) == f"ema must be a decay above 0 and below 1, got {decay}; 0.999 is usual."
