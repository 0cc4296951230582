"""A split's images as one array of grey pixels, decoded once."""

from __future__ import annotations

import io

import numpy as np
from datasets import Dataset
from PIL import Image
from tqdm.auto import tqdm

from fer_hub.model.image_processing_fer import to_grey

_BATCH = 1024


def decode_images(split: Dataset, size: int = 48) -> np.ndarray:
    """Decode every image of a split to grey pixels.

    Images are rotated upright (EXIF), converted to grey with Pillow's luma weights (ITU-R 601-2), and resized with
    Pillow's bilinear filter unless they already are `size` x `size`; 16-bit pixels are divided by 257.
    A progress bar is shown if it takes longer than a second.

    Args:
        split: a dataset with a column `image` (`datasets.Image`), such as `load_fer2013(...)["train"]`.
        size: height and width of the result in pixels, at least 1.

    Returns:
        uint8 array of shape (images, size, size), values 0 (black) to 255 (white), in the order of the rows.

    Raises:
        ValueError: an image cannot be read (split, row from 0 and file are named), or `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}; FER-2013 images are 48.")
    pixels = np.empty((len(split), size, size), dtype=np.uint8)
    encoded = split.select_columns("image").with_format("arrow")
    row = 0
    with tqdm(total=len(split), desc="Decoding images", unit="image", delay=1) as progress:
        for batch in encoded.iter(batch_size=_BATCH):
            for image in batch.column("image").to_pylist():
                try:
                    pixels[row] = grey_pixels(image["bytes"], image["path"], size)
                except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                    name = split.split or "unnamed"
                    file = image["path"] or "embedded in the dataset"
                    raise ValueError(
                        f"{name} split, row {row} (from 0), file {file}: the image cannot be read ({error}); replace "
                        "or remove the image."
                    ) from error
                row += 1
            progress.update(len(batch))
    return pixels


def grey_pixels(data: bytes | None, path: str | None, size: int) -> np.ndarray:
    """Grey pixels, uint8 (size, size), of one encoded image; `path` is read where `data` is None.

    Raises OSError, ValueError or SyntaxError (Pillow's errors) for an image that cannot be read.
    """
    with Image.open(path if data is None else io.BytesIO(data)) as opened:
        image = to_grey(opened)
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(image)
