"""Image quality of a face: whether its expression can be recognised at all.

Quality is measured on the network's input, 48x48 grey values, and from size, tilt and detection score. 0.5 means that
the accuracy of the default network on such faces was half of that on FER-2013's own images, 1 that it was the same.
The weights were fitted by

    python -m benchmarks.quality path/to/fer2013

on training images made dark, blurred, noisy, small, hidden in part or compressed, and measured on validation images.
"""

import math

import numpy as np
from PIL import Image

from fer_hub.boxes import Box
from fer_hub.detection.framing import face_crop
from fer_hub.results import Face

SIZE = 48
"""Width and height of the crop that is measured, in pixels."""

TOO_POOR = 0.5
"""Below this quality the probabilities are unreliable."""

SMALL, DARK = 24, 50
"""A poor face with fewer pixels counts as too small, one with a lower mean grey as too dark, others as too blurred."""

MEASURES = ("size", "fine", "coarse", "noise", "dark", "bright", "contrast", "uneven", "flat")
"""What `measures` returns, in this order."""

MEANS = (5.3519, 2.1991, 2.8302, 1.6097, 0.1543, 0.0502, 3.6989, 0.7762, 0.174)
SPREADS = (0.6673, 0.8624, 0.6589, 1.5425, 0.2581, 0.0865, 0.6665, 0.3025, 0.1778)
WEIGHTS = (0.1508, -0.4008, 0.9424, 0.3185, 0.1076, -0.0265, -0.749, -0.031, 0.0183)
INTERCEPT, BEST = 0.2623, 0.6138
"""Logistic regression of "the label was right" over the measures, and what it says of undamaged images on average."""


def face_quality(image: Image.Image, face: Face) -> float:
    """The image quality of a face, 0 to 1.

    Args:
        image: the RGB photo.
        face: the face from `FaceDetector`.
    """
    return crop_quality(face_crop(image, face, SIZE).convert("L"), face.box[2] - face.box[0])


def crop_quality(crop: Image.Image, width: float) -> float:
    """The image quality of a crop with the framing of FER-2013.

    Args:
        crop: grey, `SIZE` x `SIZE` pixels.
        width: width of the face's box in the photo in pixels, which tells how much the crop was enlarged.
    """
    values = (np.array(measures(crop, width)) - MEANS) / SPREADS
    share = 1 / (1 + math.exp(-float(values @ WEIGHTS) - INTERCEPT))
    return min(1.0, share / BEST)


def weakness(image: Image.Image, box: Box) -> str:
    """The reason of a poor quality: "too small", "too dark" or "too blurred".

    Args:
        image: the RGB photo.
        box: of the face, in pixels.
    """
    if box[2] - box[0] < SMALL:
        return "too small"
    grey = np.asarray(face_crop(image, Face(box, 1.0), SIZE).convert("L"), np.float32)
    return "too dark" if float(grey.mean()) < DARK else "too blurred"


def measures(crop: Image.Image, width: float) -> tuple[float, ...]:
    """The features that determine the quality, see `MEASURES`.

    Returns:
        size: binary logarithm of the box's width in pixels, at most that of 48.
        fine, coarse: logarithm of the mean difference of neighbours, in the crop and in one of a quarter of its side.
        noise: logarithm of the mean size of what a plane through every 3x3 pixels does not explain.
        dark, bright: shares of pixels below 32 and above 224 of 255.
        contrast: logarithm of the standard deviation of the grey values.
        uneven: how far left and right differ, in standard deviations.
        flat: share of pixels that equal their right neighbours.
    """
    grey = np.asarray(crop, np.float32)
    small = grey.reshape(12, 4, 12, 4).mean((1, 3))
    deviation = float(grey.std()) + 1
    # Immerkær 1996, "Fast noise variance estimation": a mask that planes and straight edges do not excite
    rough = grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]
    rough = rough[:-2] - 2 * rough[1:-1] + rough[2:]
    return (
        math.log2(min(max(width, 4.0), SIZE)),
        math.log(sharpness(grey) + 0.5),
        math.log(sharpness(small) + 0.5),
        math.log(_median(np.abs(rough)) + 0.5),
        float((grey < 32).mean()),
        float((grey > 224).mean()),
        math.log(deviation),
        float(np.abs(small - small[:, ::-1]).mean()) / deviation,
        float((grey[:, 1:] == grey[:, :-1]).mean()),
    )


def sharpness(grey: np.ndarray) -> float:
    """Mean difference of neighbours, along and across, in the units of the values.

    Args:
        grey: float array (height, width).

    Example:
        >>> sharpness(np.array([[0.0, 8.0], [0.0, 8.0]]))
        4.0
    """
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2


def _median(values: np.ndarray) -> float:
    """As `np.median` of an even number of values, which would import `numpy.ma`, a twentieth of the start."""
    half = values.size // 2
    low, high = np.partition(values.ravel(), (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / 2)
