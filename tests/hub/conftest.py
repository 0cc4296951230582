"""A Hub on loopback, and a finished checkpoint to publish."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.hub.stand_in import WRITE_TOKEN, HubStandIn

SPLITS = ("validation", "test")


@pytest.fixture(scope="module")
def hub():
    """An empty Hub for one test file."""
    with HubStandIn() as hub:
        yield hub


@pytest.fixture
def api(hub, monkeypatch):
    """The Hub's client of a user with write permission."""
    from huggingface_hub import HfApi

    monkeypatch.delenv("HF_TOKEN", raising=False)
    return HfApi(endpoint=hub.url, token=WRITE_TOKEN)


@pytest.fixture(scope="session")
def finished_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint as train.py leaves it, of a small network with random weights and made-up figures; do not change."""
    import torch

    from fer_hub.evaluation.metrics import classification_metrics
    from fer_hub.hub.checkpoint import write_checkpoint
    from fer_hub.model import EMOTIONS, FERConfig, FERForImageClassification, FERImageProcessor
    from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments
    from fer_hub.training.recipe import recipe

    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(7), 70)
    metrics = {name: classification_metrics(probabilities, random.permutation(70) % 7, EMOTIONS) for name in SPLITS}
    metrics["training"] = {"epochs": 1.0, "chosen_step": 6, "steps": 6, "seconds": 1.0, "images_per_second": 70.0,
                           "parameters": 9000, "device": "cpu", "train_images": 70}  # fmt: skip
    options = recipe(DataArguments(data="faces"), ModelArguments(), FERTrainingArguments())
    log = [{"epoch": 1.0, "step": 6, "loss": 1.9}, {"epoch": 1.0, "step": 6, "eval_loss": 1.9, "eval_accuracy": 0.2}]
    torch.manual_seed(0)
    model = FERForImageClassification(FERConfig(embedding_size=4, hidden_sizes=(8, 8), depths=(1, 1)))
    folder = tmp_path_factory.mktemp("finished") / "final"
    return write_checkpoint(folder, model, FERImageProcessor(), metrics=metrics, training_args=options, log=log)


@pytest.fixture
def checkpoint(finished_checkpoint, tmp_path) -> Path:
    """A copy of the finished checkpoint to change."""
    return Path(shutil.copytree(finished_checkpoint, tmp_path / "final"))
