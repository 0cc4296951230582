"""The preprocessing: from face crops to `pixel_values`. Needs Pillow, not torchvision."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import ChannelDimension, PILImageResampling
from transformers.utils import logging

logger = logging.get_logger(__name__)

FLOATS = {"float16", "bfloat16", "float32", "float64"}
"""Names of the dtypes of arrays and tensors with values from 0 to 1."""

STRETCHES = ("none", "percentiles")
"""Values of `FERImageProcessor.stretch`."""


WHOLE_SIDE, WHOLE_RATIO = 192, 1.1
"""Images with a longer side above the first and sides that differ by more than the second are no usual face crops,
which are square; a square image counts as a photograph above twice that side."""

LARGEST = 4096
"""Largest height and width of `size` in pixels."""


class FERImageProcessor(PilBackend):
    """Convert face crops to `pixel_values`: grey, 48x48, optionally stretched, scaled to [0, 1], standardised.

    With `stretch="percentiles"` the 1st percentile of a crop's grey values becomes black and the 99th white, which
    removes differences in brightness and contrast between photos; `"none"`, the default, does not change grey values.
    Of n pixels in ascending order these percentiles are number (n - 1) // 100 from either end, counted from 0.

    Mean and standard deviation are those of all pixels of the 28,709 FER-2013 training images; they are saved
    with the checkpoint. Called with one image or a list of images: PIL in any mode, or uint8 arrays / tensors of
    shape (height, width), (height, width, channels) or (channels, height, width) with 1 or 3 channels in RGB
    order (`input_data_format` states the channel axis where it is ambiguous, as for an image of 3 rows). With
    `do_rescale=False` also float arrays with values from 0 to 1, which are rounded to 255ths. Colour is converted to
    grey by ITU-R 601-2 luma, as in Pillow's mode "L".

    Returns:
        `BatchFeature` with `pixel_values` of shape (images, 1, 48, 48), float32.

    Example:
        >>> FERImageProcessor()(Image.new("RGB", (200, 200)), return_tensors="pt").pixel_values.shape
        torch.Size([1, 1, 48, 48])
    """

    model_input_names = ["pixel_values"]
    size = {"height": 48, "width": 48}
    resample = PILImageResampling.BILINEAR
    do_resize = True
    do_rescale = True
    rescale_factor = 1 / 255
    do_normalize = True
    image_mean = [0.5077]
    image_std = [0.2550]
    stretch = "none"

    def __init__(self, **kwargs):
        kwargs = {name: _plain(value) for name, value in kwargs.items()}
        _check_fields(kwargs)
        super().__init__(**kwargs)
        self.stretch = kwargs.get("stretch", type(self).stretch)
        if self.stretch not in STRETCHES:
            raise ValueError(
                f"stretch must be one of {', '.join(STRETCHES)}, got {self.stretch!r}; choose one of these, or upgrade "
                "fer_hub if the checkpoint is newer."
            )

    def preprocess(self, images, *args, **kwargs):
        """As described in the class; lists must not be nested."""
        do_rescale = kwargs.get("do_rescale")
        if not (self.do_rescale if do_rescale is None else do_rescale) and (_dtypes(images) & FLOATS):
            images = _to_uint8(images)  # so that equal values give equal results
            kwargs = {**kwargs, "do_rescale": True, "rescale_factor": 1 / 255}
        last = kwargs.get("input_data_format") in ("channels_last", ChannelDimension.LAST)
        return super().preprocess(_with_channel_axis(images, -1 if last else 0), *args, **kwargs)

    def process_image(self, image, input_data_format=None, **kwargs) -> np.ndarray:
        """One crop → grey array of shape (1, height, width), uint8, before resizing."""
        if isinstance(image, Image.Image):
            _warn_of_photographs(*image.size)
            return np.asarray(to_grey(image), dtype=np.uint8)[None]
        array = np.asarray(image)
        if array.dtype != np.uint8:
            raise ValueError(
                f"an image array must be uint8 with values 0 to 255, got {array.dtype}; convert it, or pass "
                "do_rescale=False for values from 0 to 1."
            )
        channels_last = array.shape[-1] in (1, 3) and array.shape[0] not in (1, 3)
        if input_data_format is not None:
            channels_last = input_data_format in ("channels_last", ChannelDimension.LAST)
        array = np.moveaxis(array, -1, 0) if channels_last else array
        _warn_of_photographs(array.shape[-1], array.shape[-2])
        if array.shape[0] == 1:
            return array
        if array.shape[0] == 3:
            return np.asarray(Image.fromarray(np.ascontiguousarray(np.moveaxis(array, 0, -1))).convert("L"))[None]
        raise ValueError(
            f"an image array must have 1 or 3 channels, got shape {tuple(np.shape(image))}; give (height, width), "
            "(height, width, channels) or (channels, height, width)."
        )

    def rescale(self, image: np.ndarray, scale: float, **kwargs) -> np.ndarray:
        """One resized crop, (1, height, width), 0 to 255 → stretched if enabled, times `scale`."""
        if self.stretch == "percentiles":
            values = np.sort(image, axis=None).astype(np.float32)
            rank = (len(values) - 1) // 100
            black, white = values[rank], values[-1 - rank]
            image = ((image.astype(np.float32) - black) * (255 / max(white - black, 1))).clip(0, 255)
        return super().rescale(image, scale, **kwargs)

    def normalize_batch(self, images):
        """Stretch, rescale and standardise images that already are grey and of the right size.

        The same arithmetic as calling the processor, without decoding and resizing, for training and for crops
        on a GPU.

        Args:
            images: torch tensor (images, 1, height, width), uint8 or float, values 0 to 255.

        Returns:
            `pixel_values`, float32 tensor of the same shape on the same device.
        """
        images = images.float()
        if self.stretch == "percentiles" and len(images):
            flat = images.flatten(1)
            rank = (flat.shape[1] - 1) // 100
            black = flat.kthvalue(rank + 1).values[:, None, None, None]
            white = flat.kthvalue(flat.shape[1] - rank).values[:, None, None, None]
            images = ((images - black) * (255 / (white - black).clamp(min=1))).clamp(0, 255)
        if len(self.image_mean) not in (1, images.shape[1]):
            raise ValueError(
                f"images must have as many channels as image_mean has values, {len(self.image_mean)}, got "
                f"{images.shape[1]}; convert them first."
            )
        mean, std = (images.new_tensor(each)[:, None, None] for each in (self.image_mean, self.image_std))
        return (images * self.rescale_factor - mean) / std


def _check_fields(fields: dict[str, Any]) -> None:
    """Check what preprocessor_config.json holds, which comes from anywhere, before anything is computed with it."""
    for name in ("image_mean", "image_std"):
        value = fields.get(name)
        numbers: Any = value if isinstance(value, (list, tuple)) else [value]
        fits = 1 <= len(numbers) <= 3 and all(_is_finite(number) for number in numbers)
        if value is not None and not (fits and (name == "image_mean" or all(number > 0 for number in numbers))):
            above = "" if name == "image_mean" else " above 0"
            raise ValueError(f"{name} must be one to three numbers{above}, got {ascii(value)[:100]}; correct it.")
    factor = fields.get("rescale_factor")
    if factor is not None and not (_is_finite(factor) and factor > 0):
        raise ValueError(f"rescale_factor must be a number above 0, got {ascii(factor)[:100]}; 1/255 is usual.")
    for name in ("do_resize", "do_rescale", "do_normalize"):
        if not isinstance(fields.get(name), (bool, type(None))):
            raise ValueError(f"{name} must be true or false, got {ascii(fields[name])[:100]}; correct it.")
    resample = fields.get("resample")
    if resample is not None and (isinstance(resample, bool) or resample not in range(6)):
        raise ValueError(f"resample must be one of Pillow's filters, 0 to 5, got {ascii(resample)[:100]}; 2 is usual.")
    size = fields.get("size")
    sides = [side for side in size.values() if side is not None] if isinstance(size, dict) else size
    sides = sides if isinstance(sides, (list, tuple)) else [sides]
    if isinstance(size, (dict, list, tuple, int, float, str)) and not (
        sides and all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= LARGEST for side in sides)
    ):
        raise ValueError(f"size must be a height and a width of 1 to {LARGEST} pixels, got {ascii(size)[:100]}.")


def _plain(value: Any) -> Any:
    """Numbers of numpy, also in a list, an array or a map, as Python's own, which JSON takes."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, dict):
        return {key: item.tolist() if isinstance(item, np.generic) else item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item.tolist() if isinstance(item, np.generic) else item for item in value]
    return value


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e30 < value < 1e30


def to_grey(image: Image.Image) -> Image.Image:
    """Any PIL image → mode "L", as `fer_hub.load_image` would make it grey.

    Upright by its EXIF orientation; transparent pixels over white; 16-bit values divided by 257. Pillow's modes "I" and
    "F" name no range: their values are taken as 16-bit if any exceeds 255, else as 8-bit, and those of "F" as from 0 to
    1 if none exceeds 1.
    """
    image = ImageOps.exif_transpose(image) if image.getexif() else image  # transposing copies
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would clip them at 255
        values = np.asarray(image).astype(np.float64)
        low, high = values.min(initial=0), values.max(initial=0)
        if not (low >= 0 and high <= 65535):
            raise ValueError(f"an image must have grey values from 0 to 65535, got {low:g} to {high:g}; rescale them.")
        if image.mode.startswith("I;16") or high > 255:
            values = values / 257
        elif image.mode == "F" and high <= 1:
            values = values * 255
        return Image.fromarray(np.rint(values).astype(np.uint8))
    if image.mode == "La":  # premultiplied; Pillow converts it by way of LA only
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")  # colours that nobody sees must not be seen by a network
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode == "P":
        image = image.convert("RGB")
    return image.convert("L")


def _warn_of_photographs(width: int, height: int) -> None:
    """Say once that an image looks like a whole photograph, on which a classifier of crops answers nonsense."""
    longer, shorter = max(width, height), max(1, min(width, height))
    if longer > (WHOLE_SIDE if longer > WHOLE_RATIO * shorter else 2 * WHOLE_SIDE):
        logger.warning_once(
            f"An image of {width}x{height} pixels looks like a whole photograph, but this network classifies face "
            "crops. Find the faces first, as fer_hub.FERPipeline does; with crops, this warning can be ignored."
        )


def _with_channel_axis(images: Any, axis: int) -> Any:
    """Add a channel axis to (height, width) arrays, as required by transformers."""
    if isinstance(images, (list, tuple)):
        return [_with_channel_axis(image, axis) for image in images]
    if getattr(images, "ndim", None) != 2:
        return images
    return images[None] if axis == 0 else images[..., None]


def _dtypes(images: Any) -> set[str]:
    """Names of the dtypes of all arrays and tensors in nested lists."""
    if isinstance(images, (list, tuple)):
        return set().union(*map(_dtypes, images))
    return {str(getattr(images, "dtype", "")).removeprefix("torch.")}


def _to_uint8(images: Any) -> Any:
    """Arrays from 0 to 1 in nested lists → 0 to 255, rounded; PIL images and integer arrays are refused."""
    if isinstance(images, (list, tuple)):
        return [_to_uint8(image) for image in images]
    if not _dtypes(images) & FLOATS:
        raise ValueError(
            "with do_rescale=False either all images must be float arrays with values from 0 to 1 or none, got both; "
            "give them in two calls."
        )
    values = np.asarray(images.float() if hasattr(images, "detach") else images, dtype=np.float32)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"with do_rescale=False a float array must have values from 0 to 1, got {values.min():g} to "
            f"{values.max():g}; divide it by 255."
        )
    return (values * 255).round().astype(np.uint8)
