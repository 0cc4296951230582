"""Matrix scaling: a linear map of the logits, fitted on the validation split with the temperature.

A network that learnt from soft labels and augmented views names common classes too often, on FER-2013 neutral at the
price of disgust and surprise, and is too sure of some classes and not sure enough of others, which one temperature for
all cannot mend. Matrix scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2) can, with a penalty on what lies off
the diagonal (Kull et al. 2019, arXiv:1910.12656, section 3) as there are few validation images for so many numbers.
The map goes into the last layer, so that it costs nothing and needs no code where the network is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from fer_hub.evaluation.temperature import BOUNDS, check_logits, fit_temperature
from fer_hub.model import FERForImageClassification
from fer_hub.training.fine_tuning import last_layer

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 10000.0)
"""Penalties on the numbers off the diagonal from which validation chooses; the last leaves next to nothing there."""

DIAGONAL = 10.0
"""Penalty on the numbers on the diagonal, that of the offsets being 1. Between 1 and 30 nothing changes much: the loss
on images that were not fitted on differs by 0.0002 for the shipped checkpoints."""

FOLDS = 5


@dataclass(frozen=True)
class MatrixScaling:
    """A linear map of logits.

    Args:
        matrix: float64 array (classes, classes); near the identity, so that no class changes its place.
        offsets: float64 array (classes,), in the unit of the logits.
        penalty: on the numbers off the diagonal, which validation chose.
    """

    matrix: np.ndarray
    offsets: np.ndarray
    penalty: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """The map of an array (images, classes).

        >>> MatrixScaling(np.array([[1.0, 0.5], [0.0, 1.0]]), np.array([0.0, 1.0]), 30.0)(np.array([[2.0, 4.0]]))
        array([[4., 5.]])
        """
        return np.asarray(logits, dtype=np.float64) @ self.matrix.T + self.offsets

    def undo(self, logits: np.ndarray) -> np.ndarray:
        """What the logits were before, an array (images, classes).

        >>> MatrixScaling(np.array([[1.0, 0.5], [0.0, 1.0]]), np.array([0.0, 1.0]), 30.0).undo(np.array([[4.0, 5.0]]))
        array([[2., 4.]])
        """
        return np.linalg.solve(self.matrix, (np.asarray(logits, dtype=np.float64) - self.offsets).T).T

    @torch.no_grad()
    def put_into(self, model: FERForImageClassification) -> None:
        """Change the model's last layer so that it gives the mapped logits."""
        head = last_layer(model)[1]
        weight, bias = (value.double().cpu().numpy() for value in (head.weight, head.bias))
        _set(head, self.matrix @ weight, self.matrix @ bias + self.offsets)

    @torch.no_grad()
    def take_out_of(self, model: FERForImageClassification) -> None:
        """Undo `put_into`, up to the precision of the weights."""
        head = last_layer(model)[1]
        weight, bias = (value.double().cpu().numpy() for value in (head.weight, head.bias))
        _set(head, np.linalg.solve(self.matrix, weight), np.linalg.solve(self.matrix, bias - self.offsets))

    def entry(self) -> dict:
        """JSON-ready dict, for metrics.json; `from_entry` reads it."""
        return {"matrix": self.matrix.tolist(), "offsets": self.offsets.tolist(), "penalty": self.penalty}

    @classmethod
    def from_entry(cls, entry: Mapping) -> "MatrixScaling":
        return cls(np.array(entry["matrix"]), np.array(entry["offsets"]), float(entry["penalty"]))


def fit_matrix_scaling(logits: np.ndarray, labels: np.ndarray) -> MatrixScaling:
    """The linear map after which logits, divided by a fitted temperature, have a softmax that fits the labels best.

    Minimises the mean cross-entropy, which is convex, plus penalties that are divided by twice the number of images:
    on the square of every offset 1, of every number on the diagonal of the matrix `DIAGONAL` and off it one of
    `PENALTIES`. These are as if the numbers came from normal distributions with such inverse variances; they are of the
    logits divided by their temperature, less their mean over the classes, and the matrix counts from a multiple of the
    identity. The penalty off the diagonal is the one with the lowest loss on images that were not fitted on, in a
    five-fold cross-validation whose division is the same every time.

    Args:
        logits: float array (images, classes), of images that the network was not trained on.
        labels: integer array (images,), values 0 to classes - 1.

    Returns:
        The map. Its matrix leaves the mean over the classes as it is, and the mean of its offsets is 0.

    Raises:
        ValueError: as `fit_temperature`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> true = random.normal(0, 2, (5000, 3))
        >>> labels = (true + random.gumbel(size=true.shape)).argmax(1)
        >>> seen = true + [0.0, 0.0, 1.5]  # a network that names its third class too often
        >>> scaling = fit_matrix_scaling(seen, labels)
        >>> [round(float((logits.argmax(1) == labels).mean()), 2) for logits in (seen, scaling(seen))]
        [0.69, 0.74]
    """
    logits, labels = check_logits(logits, labels)
    labels = labels.astype(np.int64)
    temperature = fit_temperature(logits, labels)
    scaled = logits - logits.mean(1, keepdims=True)
    scaled /= temperature
    losses = {penalty: 0.0 for penalty in PENALTIES}
    for kept, held_out in _folds(len(labels)):
        for penalty in PENALTIES:
            _, matrix, offsets = _minimise(scaled[kept], labels[kept], penalty)
            said = torch.from_numpy(scaled[held_out] @ matrix.T + offsets)
            losses[penalty] += F.cross_entropy(said, torch.from_numpy(labels[held_out]), reduction="sum").item()
    penalty = min(reversed(PENALTIES), key=losses.__getitem__)  # the highest of equals, so with too few images the last
    slope, matrix, offsets = _minimise(scaled, labels, penalty)
    classes = len(offsets)
    mean = np.full((classes, classes), 1 / classes)
    matrix = matrix / slope @ (np.eye(classes) - mean)
    matrix += mean - mean @ matrix
    offsets = offsets * temperature / slope
    return MatrixScaling(matrix, offsets - offsets.mean(), penalty)


def _folds(images: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Which images are fitted on and which are held out, as boolean arrays, `FOLDS` times; never if there are fewer."""
    if images < FOLDS:
        return
    fold = np.random.default_rng(0).permutation(images) % FOLDS
    for number in range(FOLDS):
        yield fold != number, fold == number


def _minimise(scaled: np.ndarray, labels: np.ndarray, penalty: float) -> tuple[float, np.ndarray, np.ndarray]:
    """The multiple of the identity that is free of charge, the matrix with it, and offsets."""
    values, wanted, classes = torch.from_numpy(scaled), torch.from_numpy(labels), scaled.shape[1]
    identity = torch.eye(classes, dtype=torch.float64)
    penalties = penalty * (1 - identity) + DIAGONAL * identity
    slope = torch.ones((), dtype=torch.float64, requires_grad=True)
    added = torch.zeros(classes, classes, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(classes, dtype=torch.float64, requires_grad=True)

    def minimise(*variables: torch.Tensor) -> None:
        optimizer = torch.optim.LBFGS(
            variables, max_iter=200, tolerance_grad=1e-8, tolerance_change=1e-11, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            said = values @ (slope * identity + added).T + offsets
            kept_small = (penalties * added.square()).sum() + offsets.square().sum()
            value = F.cross_entropy(said, wanted) + kept_small / 2 / len(wanted)
            value.backward()
            return value

        optimizer.step(loss)

    minimise(slope, added, offsets)
    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    if not low <= slope.item() <= high:  # all images are classified right, or logits say nothing
        slope = slope.detach().clamp(low, high)
        minimise(added, offsets)
    return slope.item(), (slope * identity + added).detach().numpy(), offsets.detach().numpy()


def _set(head: torch.nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    head.weight.copy_(torch.from_numpy(weight))
    head.bias.copy_(torch.from_numpy(bias))
