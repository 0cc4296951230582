"""The preprocessing of an exported network: `FERImageProcessor` without torch and transformers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from fer_hub.images import ImageSource, load_image


class CropProcessor:
    """Converts face crops to `pixel_values`, with the constants in the metadata of an ONNX file.

    The same arithmetic in the same order as `FERImageProcessor`, so that the values are equal bit by bit (a test
    compares them).

    Args:
        metadata: of an `OnnxClassifier`.

    Attributes:
        size: `{"height", "width"}` of `pixel_values` in pixels.
        resample: Pillow's filter.
        image_mean, image_std, rescale_factor, stretch: as of `FERImageProcessor`.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.size = dict.fromkeys(("height", "width"), metadata["image_size"])
        self.resample = Image.Resampling[metadata["resample"].upper()]
        self.image_mean, self.image_std = list(metadata["image_mean"]), list(metadata["image_std"])
        self.rescale_factor, self.stretch = metadata["rescale_factor"], metadata["stretch"]

    def __call__(
        self, images: ImageSource | Sequence[ImageSource], return_tensors: str | None = None
    ) -> dict[str, Any]:
        """Convert one image or a list of them.

        Args:
            images: anything that `load_image` accepts.
            return_tensors: "pt" for a torch tensor instead of an array.

        Returns:
            `{"pixel_values": ...}` of shape (images, 1, size, size), float32.
        """
        several: Sequence[Any] = images if isinstance(images, (list, tuple)) else [images]
        side = (self.size["width"], self.size["height"])
        pixels = np.empty((len(several), 1, side[1], side[0]), np.uint8)
        for row, image in zip(pixels, several, strict=True):
            grey = _rgb(image).convert("L")
            row[0] = np.asarray(grey.resize(side, self.resample))
        values = self._normalised(self._stretched(pixels))
        if return_tensors == "pt":
            import torch

            return {"pixel_values": torch.from_numpy(values)}
        return {"pixel_values": values}

    def _stretched(self, pixels: np.ndarray) -> np.ndarray:
        if self.stretch != "percentiles" or not len(pixels):
            return pixels
        flat = pixels.reshape(len(pixels), -1)
        rank = (flat.shape[1] - 1) // 100
        ranked = np.partition(flat, (rank, flat.shape[1] - 1 - rank), axis=1).astype(np.float32)
        black, white = (ranked[:, each][:, None, None, None] for each in (rank, -1 - rank))
        return ((pixels.astype(np.float32) - black) * (255 / np.maximum(white - black, 1))).clip(0, 255)

    def _normalised(self, pixels: np.ndarray) -> np.ndarray:
        values = (pixels.astype(np.float64) * self.rescale_factor).astype(np.float32)
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.image_mean, self.image_std))
        return (values - mean) / std


def _rgb(image: ImageSource) -> Image.Image:
    if isinstance(image, Image.Image) and image.mode in ("RGB", "L") and not image.info and not image.getexif():
        return image
    return load_image(image)
