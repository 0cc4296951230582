"""Learning from trained networks what they see in the training images, beside the labels.

A label says one class; a trained network says how likely each is, and doubts labels that fit their image badly. Labels
blended with such answers teach more than labels alone (distillation: Hinton et al. 2015, arXiv:1503.02531), even where
the teacher is no larger than the network that learns (Furlanello et al. 2018, arXiv:1805.04770). The teachers are asked
once, before training; training itself takes no longer.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from fer_hub.model import FERForImageClassification, FERImageProcessor
from fer_hub.predict import predict_logits, softmax


class Teachers:
    """Checkpoints that answer for training images.

    Args:
        checkpoints: folders or Hub ids.
        kinds: the lists of classes that are to be learnt. Every checkpoint must know one of them, in any order.
        size: side of the training images in pixels.
        device: where they compute.

    Raises:
        ValueError: a checkpoint has other classes, or takes images of another size.
    """

    def __init__(
        self,
        checkpoints: Sequence[str],
        kinds: Sequence[Sequence[str]],
        size: int,
        device: str | torch.device = "cpu",
    ):
        self._networks = [(name, FERForImageClassification.from_pretrained(name).to(device)) for name in checkpoints]
        for name, network in self._networks:
            classes = list(network.config.id2label.values())
            if not any(sorted(classes) == sorted(kind) for kind in kinds):
                wanted = " or ".join(", ".join(kind) for kind in kinds)
                raise ValueError(
                    f"a teacher must know the classes that are learnt, {wanted}, got {name} with {', '.join(classes)}; "
                    "leave it out of --teachers."
                )
            if network.config.image_size != size:
                raise ValueError(
                    f"a teacher must take images of {size} pixels as the network that learns, got {name}, which takes "
                    f"{network.config.image_size}; leave it out of --teachers."
                )

    def blend(self, labels: np.ndarray, names: Sequence[str], images: np.ndarray, share: float) -> np.ndarray:
        """Labels that are in part what the teachers with these classes answer, the mean of their probabilities.

        Args:
            labels: class indices (images,), or probabilities (images, classes); a row of zeros, an image without such
                a label, stays one.
            names: the classes.
            images: uint8 array (images, size, size), not augmented.
            share: of the answers, in [0, 1]; the rest is the label's.

        Returns:
            float32 array (images, classes), or the labels as they came where no teacher has these classes.
        """
        answers = list(self._answers(names, images))
        if not answers:
            return labels
        labels = np.asarray(labels)
        known = np.eye(len(names), dtype=np.float32)[labels] if labels.ndim == 1 else labels.astype(np.float32)
        return (1 - share) * known + share * known.sum(1, keepdims=True) * np.mean(answers, axis=0)

    def _answers(self, names: Sequence[str], images: np.ndarray) -> Iterator[np.ndarray]:
        """Of every teacher with these classes, with its temperature, for an image and its mirror image together."""
        mirrored = np.ascontiguousarray(images[:, :, ::-1])
        for name, network in self._networks:
            known = list(network.config.id2label.values())
            if sorted(known) != sorted(names):
                continue
            image_processor = FERImageProcessor.from_pretrained(name)
            sides = [
                predict_logits(network, image_processor, view, progress=f"ask {name}") for view in (images, mirrored)
            ]
            yield softmax(np.mean(sides, axis=0))[:, [known.index(each) for each in names]]
