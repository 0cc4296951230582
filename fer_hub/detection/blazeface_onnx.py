"""MediaPipe's short-range BlazeFace on ONNX Runtime, without MediaPipe: the same weights, the same faces.

`python -m benchmarks.convert_blazeface` makes its file of the one that MediaPipe runs. What MediaPipe's Tasks API does
before and after the network is done here as there (a test compares them), with two differences: boxes keep their
fractions, which MediaPipe cuts off, and may reach beyond the upper and the left edge of the image.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from fer_hub.detection.onnx_network import OnnxDetector
from fer_hub.results import KEYPOINTS, Face

FILE = "blazeface_short_range.onnx"
"""Name of the network's file in `fer_hub/assets/face_detection/`."""

SIDE = 128
"""Width and height of what the network sees, in pixels."""

GRIDS = ((16, 2), (8, 6))
"""Squares along a side, and guesses in each, of the network's two output scales."""

MAX_IOU = 0.3
"""Guesses that overlap the best one by more than this (intersection over union) are averaged with it."""


def _centres(squares: int, guesses: int) -> np.ndarray:
    along = (np.arange(squares, dtype=np.float32) + 0.5) / squares
    places = np.stack(np.broadcast_arrays(along[None, :], along[:, None]), -1)  # (down, along, xy)
    return places.reshape(-1, 2).repeat(guesses, 0)


CENTRES = np.concatenate([_centres(*grid) for grid in GRIDS])
"""(x, y) that each of the network's 896 guesses is relative to, in sides of what it sees."""


class BlazeFaceOnnx(OnnxDetector):
    """The network with what MediaPipe does around it."""

    file = FILE

    def find_all(self, images: Sequence[Image.Image]) -> list[list[Face]]:
        """The same for several images, of any sizes, at once."""
        if not images:
            return []
        views = np.stack([np.asarray(_seen(image)) for image in images])
        pixels = views.transpose(0, 3, 1, 2) * np.float32(2 / 255) - np.float32(1)
        outputs = self._network.run(pixels)
        rows = zip(outputs["regressors"], outputs["scores"][..., 0], images, strict=True)
        return [_faces(guesses, logits, image.size, self.min_score) for guesses, logits, image in rows]


def _seen(image: Image.Image) -> Image.Image:
    """The whole image in a black square, sampled where MediaPipe does: at the corners of the pixels."""
    side = max(image.size)
    step = side / SIDE
    x, y = ((step - 1 + side - length) / 2 for length in image.size)
    where = (step, 0, -x, 0, step, -y)
    return image.transform((SIDE, SIDE), Image.Transform.AFFINE, where, Image.Resampling.BILINEAR)


def _faces(guesses: np.ndarray, logits: np.ndarray, size: tuple[int, int], min_score: float) -> list[Face]:
    """The faces of an image of that size.

    Args:
        guesses: float32 (896, 16): centre, size and six keypoints in `SIDE`-ths, the places relative to `CENTRES`.
        logits: (896,).
    """
    scores = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-100, 100)))
    chosen = np.flatnonzero(scores >= min_score)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    pairs = guesses[chosen].reshape(-1, 8, 2) / SIDE
    centres, halves, points = pairs[:, :1], pairs[:, 1:2] / 2, pairs[:, 2:]
    around = CENTRES[chosen][:, None]
    places = np.concatenate([centres - halves, centres + halves, points], 1) + around
    places = places * max(size) - (max(size) - np.array(size)) / 2
    faces = []
    for place, score in _averaged(places, scores[chosen]):
        (x0, y0), (x1, y1), *points = place.tolist()
        if x0 < x1 and y0 < y1:
            faces.append(Face((x0, y0, x1, y1), score, dict(zip(KEYPOINTS, points, strict=True))))
    return faces


def _averaged(places: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Weighted non-maximum suppression: each face is the mean of its guesses, weighted by score, with the best score.

    Args:
        places: (guesses, 8, 2), first the corners of the boxes; the best guess first.
        scores: (guesses,).
    """
    found = []
    while len(scores):
        low, high = places[:, 0], places[:, 1]
        areas = (high - low).clip(0).prod(1)
        common = (np.minimum(high[0], high) - np.maximum(low[0], low)).clip(0).prod(1)
        same = common > MAX_IOU * (areas[0] + areas - common)
        same[0] = True
        weights = scores[same] / scores[same].sum()
        found.append(((places[same] * weights[:, None, None]).sum(0), float(scores[0])))
        places, scores = places[~same], scores[~same]
    return found
