"""Two kinds of labels of the same images learnt at once, by one network with a last layer for both.

What people voted for in FER+ says more about a picture than FER-2013's one noisy label, and the other way round
neither knows all that the other does; features that serve both are better for each (multi-task learning, Caruana 1997).
While training, the last layer has the rows of the first labels followed by those of the second, and the loss is the sum
of two cross-entropies. Afterwards it is cut in two: a network for each.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from fer_hub.data.targets import LABELS
from fer_hub.model import FERForImageClassification
from fer_hub.training.fine_tuning import with_rows


def joined_names(names: Sequence[str], second: str) -> list[str]:
    """Class names of the network that learns both: the first ones as they are, the second ones with their kind.

    Args:
        names: of the first labels.
        second: kind of the second labels, a key of `LABELS`.

    Raises:
        ValueError: the second labels have the same classes as the first.

    Example:
        >>> joined_names(["calm", "tense"], "ferplus_votes")[:3]
        ['calm', 'tense', 'ferplus_votes: neutral']
    """
    if tuple(names) == LABELS[second]:
        others = ", ".join(kind for kind, classes in LABELS.items() if classes != LABELS[second])
        raise ValueError(
            f"second_labels must have other classes than the first labels, got {second}, which has the same; choose "
            f"{others} or none."
        )
    return [*names, *(f"{second}: {name}" for name in LABELS[second])]


def joint_loss(logits: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """The sum of the cross-entropies of the first and of the second labels, each a mean over the images.

    Args:
        logits: (images, first classes + second classes).
        labels: probabilities of the same shape; a row of zeros among the second ones is an image without such a label.
        classes: how many the first labels have.

    Example:
        >>> labels = torch.tensor([[1.0, 0.0, 0.5, 0.5], [0.0, 1.0, 0.0, 0.0]])
        >>> joint_loss(torch.zeros(2, 4), labels, 2) / torch.tensor(2.0).log()
        tensor(1.5000)
    """
    first, second = logits.float()[:, :classes], logits.float()[:, classes:]
    return F.cross_entropy(first, labels[:, :classes]) + F.cross_entropy(second, labels[:, classes:])


def cut_in_two(
    model: FERForImageClassification, names: Sequence[str], second: str
) -> tuple[FERForImageClassification, FERForImageClassification]:
    """A network for the first labels and one for the second, with weights of their own.

    Args:
        model: with the classes of `joined_names(names, second)`.
    """
    count = len(names)
    rows = range(model.config.num_labels)
    return with_rows(model, rows[:count], names).eval(), with_rows(model, rows[count:], LABELS[second]).eval()
