"""Position of the detector's box in images that are framed as in FER-2013.

    python -m benchmarks.framing path/to/fer2013 --images 3000 --seed 0

prints the medians as JSON: the position of the box in units of the frame, and the resulting constants of
`fer_hub.detection.framing`.
"""

import argparse
import json
import sys

import numpy as np
from PIL import Image

from fer_hub.data import load_fer2013
from fer_hub.detection.detector import MODELS, FaceDetector

ENLARGED, CANVAS = 192, 384
"""Training images are enlarged to the first side and centred on a grey canvas of the second, in pixels."""


def measure_framing(images: list[Image.Image], model: str) -> dict:
    """Position of the detector's box in images that are framed as in FER-2013.

    Args:
        images: square face crops.
        model: one of `fer_hub.detection.detector.MODELS`.

    Returns:
        JSON-ready dict: `images`, `found`; `box`, the medians of x, y, width and height in units of the frame;
        `box_scale` and `centre_raise`, the resulting constants, as medians; `overlap`, the mean intersection
        over union between the true frame and the one that these constants give.

    Raises:
        ValueError: not one face was found.
    """
    offset = (CANVAS - ENLARGED) / 2
    boxes = []
    with FaceDetector(model) as detector:
        for image in images:
            canvas = Image.new("RGB", (CANVAS, CANVAS), (128, 128, 128))
            enlarged = image.convert("RGB").resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
            canvas.paste(enlarged, (int(offset), int(offset)))
            if faces := detector.detect(canvas):
                boxes.append([(edge - offset) / ENLARGED for edge in faces[0].box])
    if not boxes:
        raise ValueError(f"the images must show faces, but in none of {len(images)} one was found.")
    x0, y0, x1, y1 = np.array(boxes).T
    width, height = x1 - x0, y1 - y0
    box_scale = float(np.median(1 / width))
    centre_raise = float(np.median(((y0 + y1) / 2 - 0.5) / height))
    return {
        "images": len(images),
        "found": len(boxes),
        "box": {
            name: round(float(np.median(values)), 4)
            for name, values in (("x", x0), ("y", y0), ("width", width), ("height", height))
        },
        "box_scale": round(box_scale, 4),
        "centre_raise": round(centre_raise, 4),
        "overlap": round(_mean_overlap((x0 + x1) / 2, (y0 + y1) / 2 - centre_raise * height, box_scale * width), 4),
    }


def _mean_overlap(x: np.ndarray, y: np.ndarray, side: np.ndarray) -> float:
    """Mean intersection over union of squares with the unit square, from their centres and sides."""
    common = 1.0
    for middle in (x, y):
        common = common * np.clip(np.minimum(middle + side / 2, 1) - np.maximum(middle - side / 2, 0), 0, None)
    return float(np.mean(common / (1 + side**2 - common)))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.framing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help="FER-2013: Hub dataset id, parquet folder or file, Kaggle CSV, image folder")
    parser.add_argument("--images", type=int, default=600, help="how many random training images (default 600)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default 0)")
    args = parser.parse_args(argv)
    if args.images < 1:
        parser.error(f"--images must be at least 1, got {args.images}.")

    train = load_fer2013(args.data)["train"]
    chosen = np.random.default_rng(args.seed).permutation(len(train))[: args.images]
    images = [train[int(index)]["image"] for index in chosen]
    result = {"seed": args.seed}
    for model in MODELS:
        print(f"measuring {len(images)} images with {model} ...", file=sys.stderr, flush=True)
        result[model] = measure_framing(images, model)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
