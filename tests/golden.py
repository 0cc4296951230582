"""Face crops that may be handed on, and what the shipped checkpoints make of them: a stand-in for FER-2013.

    python -m tests.golden

remakes tests/golden.json. Run it after the weights of a checkpoint changed; tests/test_golden.py says when. The crops
are cut from the portraits of examples/ at the stored frames, so that they do not depend on the detector: each portrait
as it is, mirrored, darker, moved and enlarged, and moved and shrunk.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "tests" / "golden.json"
CHECKPOINTS = ("fer2013", "ferplus", "photographs")
SIDE = 48

VARIANTS = (
    # moved to the right and down and scaled, in sides of the frame; mirrored; brightness
    (0.0, 0.0, 1.0, False, 1.0),
    (0.0, 0.0, 1.0, True, 1.0),
    (0.0, 0.0, 1.0, False, 0.6),
    (0.05, -0.03, 1.1, False, 1.0),
    (-0.04, 0.04, 0.92, False, 1.0),
    (0.0, 0.05, 1.0, True, 1.2),
)


def crops(frames: Mapping[str, list[float]]) -> list[Image.Image]:
    """Grey crops of 48x48 pixels, those of a portrait one after the other.

    Args:
        frames: file name in examples/ → (x0, y0, x1, y1), the square that is cut out.
    """
    made = []
    for name, (x0, y0, x1, y1) in frames.items():
        with Image.open(ROOT / "examples" / name) as photo:
            grey = photo.convert("L")
        side = x1 - x0
        for right, down, scale, mirrored, brightness in VARIANTS:
            x, y = (x0 + x1) / 2 + right * side, (y0 + y1) / 2 + down * side
            half = side * scale / 2
            box = [round(edge) for edge in (x - half, y - half, x + half, y + half)]
            crop = grey.crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=None)
            crop = ImageEnhance.Brightness(crop).enhance(brightness)
            made.append(ImageOps.mirror(crop) if mirrored else crop)
    return made


def weights(checkpoint: str) -> str:
    """SHA-256 of the weights of a checkpoint of checkpoints/."""
    return hashlib.sha256((ROOT / "checkpoints" / checkpoint / "model.safetensors").read_bytes()).hexdigest()


def logits_of_checkpoint(checkpoint: str, images: list[Image.Image]) -> np.ndarray:
    """Logits (images, classes) of a checkpoint of checkpoints/, float32."""
    from fer_hub import FERForImageClassification, FERImageProcessor
    from fer_hub.inference.logits import predict_logits

    folder = ROOT / "checkpoints" / checkpoint
    model, processor = (kind.from_pretrained(folder) for kind in (FERForImageClassification, FERImageProcessor))
    return predict_logits(model, processor, np.stack([np.asarray(image) for image in images]))


def main() -> None:
    from fer_hub.detection.detector import FaceDetector
    from fer_hub.detection.framing import frame_box
    from fer_hub.files import write_json
    from fer_hub.images import load_image

    frames = {}
    with FaceDetector() as detector:
        for path in sorted((ROOT / "examples").glob("*.jpg")):
            faces = detector.detect(load_image(path))
            if len(faces) == 1:  # the group shows the others once more
                frames[path.name] = [round(edge, 1) for edge in frame_box(faces[0].box)]
    images = crops(frames)
    logits = {
        name: {"weights": weights(name), "logits": logits_of_checkpoint(name, images).round(3).tolist()}
        for name in CHECKPOINTS
    }
    write_json(STORED, {"frames": frames, "logits": logits})
    print(f"{STORED.relative_to(ROOT)}: {len(images)} crops, {', '.join(CHECKPOINTS)}")


if __name__ == "__main__":
    main()
