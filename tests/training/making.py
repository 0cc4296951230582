"""Small trainings that take a fraction of a second: 70 made-up images of 16x16, a network of a few hundred weights."""

import json
from pathlib import Path

import numpy as np
import torch

from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.arguments import FERTrainingArguments
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.trainer import FaceDataset, FERTrainer

CONFIG = {"image_size": 16, "embedding_size": 4, "hidden_sizes": (8,), "depths": (1,)}


def dataset(count: int = 70, seed: int = 0) -> FaceDataset:
    """Every class has its own brightness; class 0 has the most images, class 6 the fewest."""
    random = np.random.default_rng(seed)
    labels = np.minimum(np.arange(count) % 7, np.arange(count) % 5)
    labels[:7] = np.arange(7)
    images = np.clip(random.normal(30 + 30 * labels[:, None, None], 10, (count, 16, 16)), 0, 255)
    return FaceDataset(images.astype(np.uint8), labels)


def small_model(**config) -> FERForImageClassification:
    torch.manual_seed(0)
    return FERForImageClassification(FERConfig(**CONFIG | config))


def small_trainer(folder: Path, *, model=None, train=None, augmentation="light", callbacks=(), **options) -> FERTrainer:
    """Six steps with an evaluation and a checkpoint at every third, in float32, unless `options` say otherwise."""
    usual = {"max_steps": 6, "eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 3, "save_steps": 3,
             "per_device_train_batch_size": 16, "learning_rate": 0.05, "precision": "fp32",
             "disable_tqdm": True, "logging_steps": 1, "save_total_limit": None}  # fmt: skip
    return FERTrainer(
        model=model or small_model(),
        args=FERTrainingArguments(output_dir=str(folder), **usual | options),
        image_processor=FERImageProcessor(size={"height": 16, "width": 16}),
        augmentation=PRESETS[augmentation],
        train_dataset=train or dataset(),
        eval_dataset=dataset(21, seed=1),
        callbacks=list(callbacks),
    )


def log(folder: Path) -> list[dict]:
    """What the Trainer wrote into a checkpoint about every step up to it."""
    return json.loads((folder / "trainer_state.json").read_text())["log_history"]
