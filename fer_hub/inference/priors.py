"""Adjusts predictions to a class prior other than that of the training labels.

A network trained on data with one face of contempt in a hundred predicts contempt only with strong evidence. Users for
whom it is more frequent, or who must not miss it, can set their own prior: by Bayes' rule the probability of every
class is multiplied by its new prior, divided by its training prior, and renormalised (Saerens et al. 2002,
doi:10.1162/089976602753284446; as an addition to the logits Menon et al. 2021, arXiv:2007.07314). It costs nothing.
The training prior is that of the network's own calibrated probabilities, their mean over validation images.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fer_hub.own_numbers import is_number

TRAINING, UNIFORM = "training", "uniform"
"""Priors by name: that of the training labels, which has no effect, or equal for all classes."""

Prior = str | Mapping[str, float]
"""`TRAINING`, `UNIFORM`, or label → prior."""


def logit_shift(config: Any, prior: Prior = TRAINING) -> list[float] | None:
    """The offsets of a network's logits for another class prior.

    Args:
        config: config of the network, with `id2label` and `class_shares`.
        prior: "training", "uniform", or label → relative frequency for every label of the network; not negative, at
            least one above 0.

    Returns:
        One number per class, in the order of the logits (minus infinity for a prior of 0); `None` if the logits do not
        change.

    Raises:
        ValueError: the prior is invalid, or the network's config does not contain the training prior.

    Example:
        >>> from types import SimpleNamespace
        >>> config = SimpleNamespace(id2label={0: "calm", 1: "afraid"}, class_shares=[0.9, 0.1])
        >>> [round(math.exp(value), 2) for value in logit_shift(config, "uniform")]
        [0.56, 5.0]
    """
    if prior == TRAINING:
        return None
    labels = [config.id2label[index] for index in range(len(config.id2label))]
    new = _shares(prior, labels)
    known: Sequence[float] | None = getattr(config, "class_shares", None)
    if known is None:
        raise ValueError(
            "a prior needs a checkpoint whose config.json has the class frequencies of its training in class_shares, "
            "but it does not; leave prior out, or train with this version of fer_hub."
        )
    return [math.log(share / old) if share else -math.inf for share, old in zip(new, known, strict=True)]


def _shares(prior: Prior, labels: Sequence[str]) -> list[float]:
    if prior == UNIFORM:
        return [1 / len(labels)] * len(labels)
    if not isinstance(prior, Mapping):
        raise ValueError(
            f"prior must be {TRAINING}, {UNIFORM} or a number per label, got {prior!r}; choose one of these."
        )
    if set(prior) != set(labels):
        raise ValueError(
            f"prior must have a number for each of {', '.join(labels)}, got {', '.join(map(str, prior))}; correct it."
        )
    try:
        values = [float(prior[label]) if is_number(prior[label]) else math.nan for label in labels]
    except OverflowError:  # a whole number of hundreds of digits
        values = [math.inf]
    if not all(0 <= value < math.inf for value in values) or not any(values):
        raise ValueError(
            f"prior must have numbers of at least 0, one of them above 0, got {dict(prior)}; give each label its "
            "relative frequency."
        )
    largest = max(values)
    parts = [value / largest for value in values]  # the sum of the values themselves can be infinite
    total = sum(parts)
    return [part / total for part in parts]
