"""How FER-2013 frames a face.

The images of FER-2013 are squares that reach from above the hairline to the chin. A network that was trained on
them sees a face best when it is cut out in just that way. Where the square lies, seen from the detector's box,
was measured: every training image shows a face whose frame is known, the image itself (`benchmarks/framing.py`).
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
    """The square that FER-2013 would cut out around a face.

    Args:
        box: (x0, y0, x1, y1) in pixels, of a `Face` that `FaceDetector` found.
        angle: of that face, degrees clockwise.

    Returns:
        A square (x0, y0, x1, y1) in fractions of pixels; it may reach beyond the photo. It is meant to be turned
        around its centre by the angle, as `images.crop` does.

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
    """A face cut out of a photo as FER-2013 would, upright.

    Args:
        image: the RGB photo in which `FaceDetector` found the face.
        size: width and height of the crop in pixels: at once what the network wants, as resampling twice would blur;
            `None` keeps the photo's own pixels.
        resample: Pillow's filter.

    Returns:
        RGB image of size x size pixels.
    """
    return crop(image, frame_box(face.box, face.angle), size, resample=resample, angle=face.angle)
