"""YuNet, a detector with 75,856 parameters for small and many faces, on ONNX Runtime.

The model (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023) is
shipped in `fer_hub/assets/face_detection/`. OpenCV's FaceDetectorYN gives the same faces (a test compares them) and
takes 1.2 to 2 times as long on one core.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from fer_hub.boxes import Box, nms
from fer_hub.detection.onnx_network import OnnxDetector
from fer_hub.results import Face

FILE = "yunet_n_dynamic.onnx"
"""Name of the model's file in `fer_hub/assets/face_detection/`."""

STRIDES = (8, 16, 32)
"""Strides of the network's three output scales in pixels."""

MULTIPLE = 32
"""Height and width of the input are padded with black to multiples of this."""

MAX_IOU = 0.45
"""Threshold of non-maximum suppression (intersection over union)."""

SIDE, DROP = 1.09, 0.064
"""Conversion from YuNet's box, forehead to chin, to MediaPipe's, eyebrows to chin: side of that square, and the offset
of its centre below the centre of YuNet's box, both in widths of YuNet's box."""


class YuNet(OnnxDetector):
    """The network; boxes as MediaPipe's, see `SIDE`."""

    file = FILE

    def find_all(self, images: Sequence[Image.Image]) -> list[list[Face]]:
        """The same for several images of the same size at once."""
        if not images:
            return []
        width, height = images[0].size
        padded = [math.ceil(side / MULTIPLE) * MULTIPLE for side in (height, width)]
        pixels = np.zeros((len(images), 3, *padded), np.float32)
        for row, image in zip(pixels, images, strict=True):
            row[:, :height, :width] = np.asarray(image)[:, :, ::-1].transpose(2, 0, 1)  # BGR, 0 to 255
        outputs = self._network.run(pixels)
        return [_faces(outputs, index, padded[1], self.min_score) for index in range(len(images))]


def _faces(outputs: dict[str, np.ndarray], index: int, width: int, min_score: float) -> list[Face]:
    """Decode the output for one image of a batch; `width` is that of the padded input in pixels."""
    found = []
    for stride in STRIDES:
        # a score is the geometric mean of "there is a face" and "this square is at its centre"
        parts = (outputs[f"{name}_{stride}"][index, :, 0].clip(0, 1) for name in ("cls", "obj"))
        score = np.sqrt(math.prod(parts))
        chosen = np.flatnonzero(score >= min_score)
        corner = np.stack([chosen % (width // stride), chosen // (width // stride)], 1)
        centre_and_size = outputs[f"bbox_{stride}"][index, chosen]
        centres = (centre_and_size[:, :2] + corner) * stride
        sizes = np.exp(centre_and_size[:, 2:]) * stride
        points = (outputs[f"kps_{stride}"][index, chosen].reshape(-1, 5, 2) + corner[:, None]) * stride
        found.append((score[chosen], centres, sizes, points))
    scores, centres, sizes, points = (np.concatenate(parts) for parts in zip(*found, strict=True))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
    return [
        Face(_as_mediapipe(*centres[i].tolist(), float(sizes[i, 0])), float(scores[i]), _keypoints(points[i].tolist()))
        for i in nms(boxes, scores, max_iou=MAX_IOU, max_containment=math.inf)
    ]


def _as_mediapipe(x: float, y: float, width: float) -> Box:
    half = SIDE * width / 2
    return x - half, y + DROP * width - half, x + half, y + DROP * width + half


def _keypoints(points: list[list[float]]) -> dict[str, tuple[float, float]]:
    """Keypoints under MediaPipe's names; the centre of the mouth from its corners. YuNet does not locate ears."""
    right_eye, left_eye, nose, right_corner, left_corner = (tuple(point) for point in points)
    mouth = tuple((a + b) / 2 for a, b in zip(right_corner, left_corner, strict=True))
    return {"right_eye": right_eye, "left_eye": left_eye, "nose_tip": nose, "mouth_center": mouth}
