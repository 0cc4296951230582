"""Fits the last layer anew to the features that a training has ended with."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.training.augmentation import Augmentation
from fer_hub.training.fine_tuning import last_layer
from fer_hub.training.soft_labels import to_probabilities

BATCH = 256

PENALTY = 1e-4
"""Weight of the squared weights in the loss, for features with mean 0 and standard deviation 1."""

ITERATIONS = 100
"""Most iterations of L-BFGS; FER-2013 takes about 60."""


def refit_last_layer(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    labels: np.ndarray,
    augmentation: Augmentation,
    *,
    progress: str | None = None,
) -> None:
    """Fit the last layer by logistic regression on the features of augmented training images, to convergence.

    Gradient descent on batches leaves the rows of rare classes near their start: each of them is seen a few times in
    an epoch, and weight decay pulls at every step. On given features the best last layer is a convex problem, solved
    here exactly, which restores rare classes under a uniform prior. Training the classifier separately from the
    features is the second stage of Kang et al. 2020, arXiv:1910.09217; unlike there the images keep their frequencies,
    so that probabilities keep the base rates of training.

    Args:
        model: its last layer is changed; the temperature should be fitted afterwards.
        images: uint8 array (images, size, size), the training images.
        labels: class indices, integer array (images,), or probabilities, float array (images, classes).
        augmentation: applied once to every image, without its crop, as the network is used on whole images.
        progress: label of a progress bar; no bar if `None`.
    """
    features = last_layer_inputs(model, image_processor, images, replace(augmentation, crop=1.0), progress=progress)
    weight, bias = logistic_regression(features, to_probabilities(torch.as_tensor(labels), model.config.num_labels))
    head = last_layer(model)[1]
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)


def logistic_regression(features: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The linear layer with the least cross-entropy, with a small penalty on its weights.

    Args:
        features: float tensor (images, features).
        labels: probabilities, float tensor (images, classes).

    Returns:
        Weight (classes, features) and bias (classes,).
    """
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-6)
    features = (features - mean) / deviation
    fitted = nn.Linear(features.shape[1], labels.shape[1])
    nn.init.zeros_(fitted.weight)
    nn.init.zeros_(fitted.bias)
    optimiser = torch.optim.LBFGS(fitted.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(fitted(features), labels) + PENALTY * fitted.weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    weight = fitted.weight.detach() / deviation  # the standardisation becomes part of the layer
    return weight, fitted.bias.detach() - weight @ mean


@torch.no_grad()
def last_layer_inputs(
    model: FERForImageClassification,
    image_processor: FERImageProcessor,
    images: np.ndarray,
    augmentation: Augmentation,
    *,
    progress: str | None = None,
) -> torch.Tensor:
    """What the last layer sees of each image, float32 (images, features), on the CPU.

    Args: as for `refit_last_layer`; the augmentation must not crop.
    """
    found: list[torch.Tensor] = []
    hook = last_layer(model)[1].register_forward_pre_hook(lambda module, inputs: found.append(inputs[0].float().cpu()))
    was_training = model.training
    model.eval()
    try:
        starts = range(0, len(images), BATCH)
        for start in tqdm(starts, desc=progress, unit="batch", disable=progress is None):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH]))[:, None].to(model.device)
            model(pixel_values=image_processor.normalize_batch(augmentation(batch)))
    finally:
        hook.remove()
        model.train(was_training)
    return torch.cat(found)
