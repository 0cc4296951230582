"""Crops faces with the framing of FER-2013.

The images of FER-2013 are squares that reach from above the hairline to the chin. A network trained on them performs
best on crops with the same framing. The position of the square relative to the detector's box was measured on the
training images, whose frames are known: the images themselves (`benchmarks/framing.py`).
"""

import math

from PIL import Image

from fer_hub.boxes import Box, check_box, shift, square
from fer_hub.images import crop
from fer_hub.results import Face

FER_BOX_SCALE = 1.17
"""Side of FER-2013's frame in widths of the detector's box."""

FER_CENTRE_RAISE = 0.09
"""How far the frame's centre lies above the box's centre, in heights of the box."""


def frame_box(box: Box, angle: float = 0.0) -> Box:
    """The square around a face with the framing of FER-2013.

    Args:
        box: (x0, y0, x1, y1) in pixels, of a `Face` from `FaceDetector`.
        angle: angle of that face, degrees clockwise.

    Returns:
        A square (x0, y0, x1, y1) with fractional pixels; it may extend beyond the photo. It must be rotated around its
        centre by the angle, as in `images.crop`.

    Raises:
        ValueError: the box is not four finite numbers with x0 < x1 and y0 < y1.

    Example:
        >>> [round(edge, 1) for edge in frame_box((100, 100, 200, 200))]
        [91.5, 82.5, 208.5, 199.5]
    """
    box = check_box(box)
    rise = FER_CENTRE_RAISE * (box[3] - box[1])
    turn = math.radians(angle)  # "above" is where the forehead is
    return square(shift(box, rise * math.sin(turn), -rise * math.cos(turn)), FER_BOX_SCALE * (box[2] - box[0]))


def face_crop(
    image: Image.Image, face: Face, size: int | None, resample: int = Image.Resampling.BILINEAR
) -> Image.Image:
    """An upright crop of a face with the framing of FER-2013.

    Args:
        image: the RGB photo in which `FaceDetector` detected the face.
        size: width and height of the crop in pixels: the input size of the network, as resampling twice would blur;
            `None` keeps the photo's resolution.
        resample: Pillow's filter.

    Returns:
        RGB image of size x size pixels.
    """
    return crop(image, frame_box(face.box, face.angle), size, resample=resample, angle=face.angle)
