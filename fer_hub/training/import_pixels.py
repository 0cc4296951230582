"""The preprocessing of imported networks, of which their files say nothing."""

import math

from fer_hub.model import FERImageProcessor


def image_processor_of(mean: float | None, std: float | None, image_size: int) -> FERImageProcessor:
    """An image processor with these constants, where given, and this size."""
    if mean is not None and not math.isfinite(mean):
        raise ValueError(f"mean must be a finite number, got {mean}; it is subtracted from pixels in [0, 1].")
    if std is not None and not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number above 0, got {std}; pixels in [0, 1] are divided by it.")
    return FERImageProcessor(
        image_mean=FERImageProcessor.image_mean if mean is None else [mean],
        image_std=FERImageProcessor.image_std if std is None else [std],
        size={"height": image_size, "width": image_size},
    )
