"""The benchmark of throughput: its two loops are equivalent, and its output; not their speed."""

import json

import torch

from benchmarks import throughput
from tests.training.making import dataset, small_model, small_trainer


def test_the_bare_loop_computes_what_the_trainer_computes(tmp_path):
    """With one batch for each epoch the order of the images does not matter."""
    trainer = small_trainer(
        tmp_path, model=small_model(dropout=0.0), train=dataset(32), augmentation="none", max_steps=5,
        per_device_train_batch_size=32, eval_strategy="no", save_strategy="no", load_best_model_at_end=False,
    )  # fmt: skip
    other = small_model(dropout=0.0)
    start = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    steps = throughput.bare_steps(trainer, other)
    for _ in range(5):
        next(steps)
    trainer.train()
    for name, tensor in trainer.model.state_dict().items():
        assert torch.allclose(tensor, other.state_dict()[name], atol=1e-5), name
        assert not torch.equal(tensor, start[name]), name


def test_the_command_prints_and_writes_its_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(throughput, "IMAGES", 64)
    options = ["--architecture", "baseline_cnn", "--batch", "4", "--steps", "2", "--rounds", "3", "--cpu",
               "--precision", "fp32"]  # fmt: skip
    code = throughput.main([*options, "--output", str(tmp_path / "throughput.json")])
    figures = json.loads((tmp_path / "throughput.json").read_text())
    assert code == int(figures["ratio"] < 0.9) and figures["floor"] == 0.9
    assert (figures["architecture"], figures["batch"], figures["precision"]) == ("baseline_cnn", 4, "fp32")
    assert figures["trainer_images_per_second"] > 0 and figures["bare_images_per_second"] > 0
    said = capsys.readouterr().out
    assert f"{figures['ratio']:.3f}" in said and f"{figures['bare_images_per_second']:,.1f} images/s" in said
