"""A user's own base rates in place of those of the training labels.

A network that was trained where one face in a hundred shows contempt says contempt only when it is very sure. Whoever
meets it more often, or must not miss it, gives base rates of their own: by Bayes' rule the probability of every class
is multiplied by its new share and divided by its share in training, and the sum made 1 again (Saerens et al. 2002,
doi:10.1162/089976602753284446; as an addition to the logits Menon et al. 2021, arXiv:2007.07314). It costs nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TRAINING, UNIFORM = "training", "uniform"
"""Base rates by name: as common as among the training labels, which changes nothing, or all the same."""

Prior = str | Mapping[str, float]
"""`TRAINING`, `UNIFORM`, or label → share."""


def logit_shift(config: Any, prior: Prior = TRAINING) -> list[float] | None:
    """What must be added to a network's logits for other base rates.

    Args:
        config: of the network, with `id2label` and `class_shares`.
        prior: "training", "uniform", or label → how common it is, any numbers from 0 of which one is above, for every
            label of the network.

    Returns:
        One number for each class, in the order of the logits (minus infinity for a share of 0); `None` where nothing
        is to be added.

    Raises:
        ValueError: the prior is none of these, or the network's config does not say what was common in training.

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
            "a prior needs a checkpoint whose config.json says in class_shares how common each class was in training, "
            "got one that does not; leave prior out, or train with this version of fer_hub."
        )
    return [math.log(share / old) if share else -math.inf for share, old in zip(new, known, strict=True)]


def _shares(prior: Prior, labels: Sequence[str]) -> list[float]:
    if prior == UNIFORM:
        return [1 / len(labels)] * len(labels)
    if not isinstance(prior, Mapping):
        raise ValueError(
            f"prior must be {TRAINING}, {UNIFORM} or a share for each label, got {prior!r}; choose one of these."
        )
    if sorted(prior) != sorted(labels):
        raise ValueError(
            f"prior must have a share for each of {', '.join(labels)}, got {', '.join(prior)}; correct it."
        )
    numbers = all(isinstance(value, (int, float)) and math.isfinite(value) and value >= 0 for value in prior.values())
    if not numbers or not sum(prior.values()):
        raise ValueError(
            f"prior must hold numbers from 0, one of them above, got {dict(prior)}; give each label how common it is."
        )
    return [prior[label] / sum(prior.values()) for label in labels]
