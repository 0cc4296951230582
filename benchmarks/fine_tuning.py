"""How many photographs a class needs: fine-tuning the default checkpoint on classes that it does not know.

    python -m benchmarks.fine_tuning path/to/fer2013

FER-2013's training images stand in for somebody's own photographs: three classes, pleased (happy), upset (angry,
disgust, fear, sad) and calm (neutral), with 10, 30, 100 and 300 images each, near-duplicates of validation left out,
three draws of each; the recipe that docs/training.md recommends. Writes results/fine_tuning.json with the accuracy on
900 validation images, 300 of each class, and the seconds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fer_hub.data import decode_images, load_fer2013
from fer_hub.data.duplicates import rows_with_a_copy
from fer_hub.data.duplicates_file import load_groups
from fer_hub.evaluation.evaluate import evaluate
from fer_hub.files import write_json
from fer_hub.hub.shipped import default_checkpoint
from fer_hub.model import EMOTIONS
from fer_hub.training.main import main as train

CLASSES = {"pleased": ("happy",), "upset": ("angry", "disgust", "fear", "sad"), "calm": ("neutral",)}

COUNTS, DRAWS, TESTED = (10, 30, 100, 300), 3, 300

RECIPE = ["--learning-rate", "0.003", "--num-train-epochs", "10", "--per-device-train-batch-size", "32"]
"""As in docs/training.md."""


def rows(split, name: str, left_out: np.ndarray) -> np.ndarray:
    """Rows of a split that belong to one of `CLASSES`."""
    wanted = [EMOTIONS.index(emotion) for emotion in CLASSES[name]]
    own = np.flatnonzero(np.isin(np.asarray(split["label"][:]), wanted))
    return own[~np.isin(own, left_out)]


def folder(root: Path, splits, left_out: np.ndarray, count: int, draw: int) -> Path:
    """An image folder with `count` images of each class, a fifth of them for validation, and the test images."""
    random = np.random.default_rng(1000 * draw + count)
    kept = max(2, count // 5)
    for name in CLASSES:
        chosen = random.permutation(rows(splits["train"], name, left_out))[:count]
        tested = np.random.default_rng(0).permutation(rows(splits["validation"], name, np.array([])))[:TESTED]
        parts = {"train": chosen[kept:], "validation": chosen[:kept], "test": tested}
        for part, positions in parts.items():
            place = root / part / name
            place.mkdir(parents=True)
            source = splits["validation" if part == "test" else "train"]
            for row, image in zip(positions, decode_images(source.select(positions)), strict=True):
                Image.fromarray(image).save(place / f"{row}.png")
    return root


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fine_tuning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help="FER-2013: Hub dataset id, parquet folder, ...")
    parser.add_argument(
        "--duplicates", type=Path, default=Path("results/fer2013_duplicates.json"), help="(%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=Path("results/fine_tuning.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    splits, known = load_fer2013(args.data), load_groups(args.duplicates)
    left_out = rows_with_a_copy(known, "train", ["validation", "test"])
    result = {"checkpoint": default_checkpoint().name, "classes": {name: list(CLASSES[name]) for name in CLASSES},
              "tested": TESTED * len(CLASSES), "recipe": RECIPE, "per_class": []}  # fmt: skip
    for count in COUNTS:
        accuracies, seconds = [], []
        for draw in range(DRAWS):
            with tempfile.TemporaryDirectory() as place:
                data = folder(Path(place) / "photos", splits, left_out, count, draw)
                output, start = Path(place) / "run", time.perf_counter()
                train(["--data", str(data), "--start-from", str(default_checkpoint()), "--output-dir", str(output),
                       *RECIPE])  # fmt: skip
                seconds.append(time.perf_counter() - start)
                accuracies.append(evaluate(str(output / "final"), str(data), ["test"])["test"]["accuracy"])
        result["per_class"].append(
            {"images": count, "accuracy": statistics.mean(accuracies), "of_draws": accuracies,
             "seconds": statistics.median(seconds)}
        )  # fmt: skip
        print(
            f"{count} of each class: {statistics.mean(accuracies):.1%}, {statistics.median(seconds):.0f} s", flush=True
        )
        write_json(args.output, result)


if __name__ == "__main__":
    main()
