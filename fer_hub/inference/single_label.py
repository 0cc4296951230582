"""Models that choose one class of an image, and those that do not."""

from typing import Any


def check_single_label(model: Any) -> None:
    """Refuse a model for several classes at once: a softmax of its logits would be wrong in silence.

    Raises:
        ValueError: the config's `problem_type` is "multi_label_classification".
    """
    if getattr(getattr(model, "config", None), "problem_type", None) == "multi_label_classification":
        raise ValueError(
            "the model must choose one expression of a face, but its problem_type is multi_label_classification, with "
            "which each class is yes or no by itself; use transformers' pipeline('image-classification') on face "
            "crops, which gives the sigmoid of every class."
        )
