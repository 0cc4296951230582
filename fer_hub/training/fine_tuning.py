"""Fine-tuning a checkpoint on custom classes: the backbone is kept, the last layer is fitted from scratch."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from fer_hub.inference.logits import predict_logits
from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor

PROBE_IMAGES = 5000
"""Largest number of training images, chosen at random, on which the last layer is fitted."""

PROBE_C = 0.1
"""Inverse regularisation strength of that fit, for features with a mean square of 1. With 3, 10, 20 and 60 images of
each of three classes its loss on 900 other images was within 0.03 of the best of 0.01, 0.1, 1, 10 and 100."""


def continue_from(
    checkpoint: str, names: Sequence[str], *, say: Callable[[str], object] = print
) -> tuple[FERForImageClassification, FERImageProcessor, bool]:
    """Load a checkpoint as the start of a training with the classes `names`.

    With the same classes the network is used unchanged. If the classes are a subset or a permutation of the
    checkpoint's, they keep their rows of the last layer. With any other class the last layer is random, for
    `fit_last_layer`. The temperature, which belongs to the trained weights, is reset to 1, and
    `class_shares`, which belong to the old training labels, are removed.

    Args:
        checkpoint: folder or Hub id.
        names: class names in the order of the training's labels.
        say: called with a line about the last layer, if it changes.

    Returns:
        The network, the checkpoint's image processor, and whether the last layer is random.
    """
    trained = FERForImageClassification.from_pretrained(checkpoint)
    trained.config.temperature, trained.config.class_shares = 1.0, None
    image_processor = FERImageProcessor.from_pretrained(checkpoint)
    known = list(trained.config.id2label.values())
    if known == list(names):
        return trained, image_processor, False
    if all(name in known for name in names):
        say(f"{checkpoint}: has {', '.join(names)}, whose rows of the last layer are kept")
        return with_rows(trained, [known.index(name) for name in names], names), image_processor, False
    say(
        f"{checkpoint}: its classes {', '.join(known)} are replaced by {', '.join(names)}: all weights except the "
        "last layer are kept"
    )
    config = FERConfig.from_dict(trained.config.to_dict(), id2label=dict(enumerate(names)))
    model = FERForImageClassification(config)
    head = f"{last_layer(trained)[0]}."
    own = {key: value for key, value in model.state_dict().items() if key.startswith(head)}
    model.load_state_dict(trained.state_dict() | own)
    return model, image_processor, True


def with_rows(model: FERForImageClassification, rows: Sequence[int], names: Sequence[str]) -> FERForImageClassification:
    """A copy of the network with a selection of the rows of its last layer.

    Args:
        rows: the classes of the model to keep, in their new order.
        names: names of these classes.
    """
    head = f"{last_layer(model)[0]}."
    config = FERConfig.from_dict(model.config.to_dict(), id2label=dict(enumerate(names)))
    part = FERForImageClassification(config).to(model.device)
    weights = model.state_dict()
    part.load_state_dict({key: value[list(rows)] if key.startswith(head) else value for key, value in weights.items()})
    return part


def fit_last_layer(
    model: FERForImageClassification, image_processor: FERImageProcessor, images: np.ndarray, labels: np.ndarray
) -> None:
    """Fit the last layer to training images by logistic regression; the other layers do not change.

    Fine-tuning from a random last layer would first distort the pretrained features (Kumar et al. 2022,
    arXiv:2202.10054), or with a low learning rate make no progress.

    Args:
        model: its last layer is changed; rows of classes without images are kept.
        images: uint8 array (images, size, size), not augmented.
        labels: integer array (images,).
    """
    from sklearn.linear_model import LogisticRegression  # from the extra `train`

    chosen = np.random.default_rng(0).permutation(len(images))[:PROBE_IMAGES]
    head = last_layer(model)[1]
    features: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0].float().cpu()))
    try:
        predict_logits(model, image_processor, images[chosen], progress="fit the last layer")
    finally:
        hook.remove()
    known = torch.cat(features).numpy()
    scale = float(np.sqrt(np.square(known).mean())) or 1.0
    fitted = LogisticRegression(C=PROBE_C, max_iter=1000).fit(known / scale, labels[chosen])
    weight, bias = fitted.coef_ / scale, fitted.intercept_
    if len(fitted.classes_) == 2:  # one row for the difference between the two
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        head.weight[fitted.classes_] = torch.from_numpy(weight).to(head.weight)
        head.bias[fitted.classes_] = torch.from_numpy(bias).to(head.bias)


def last_layer(model: FERForImageClassification) -> tuple[str, nn.Linear]:
    """Name and module of the linear layer that computes the logits.

    >>> last_layer(FERForImageClassification(FERConfig()))
    ('network.classifier', Linear(in_features=256, out_features=7, bias=True))
    """
    *_, last = (
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == model.config.num_labels
    )
    return last
