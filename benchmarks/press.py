"""Labelled press photographs through the whole chain: detector, framing and network of fer_hub.

    python -m benchmarks.press path/to/press_photographs

Evaluates the shipped checkpoints as benchmarks/alternatives.py does other packages: the most prominent face counts, a
missed face is wrong. Writes results/press.json with the recall of neutral, happy, angry and sad, the classes with
enough photographs, and their mean. The photographs are for choosing and reporting; nothing is trained or fitted on
them.
"""

import argparse
from pathlib import Path

from tqdm.auto import tqdm

from benchmarks.alternatives import read_press, score_press
from fer_hub import FERPipeline
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.framing import face_crop
from fer_hub.files import write_json

NAMES = ("photographs", "fer2013", "ferplus")

SIDE = 48
"""Input size of the shipped networks, in pixels."""


def crops(photos: list) -> list:
    """The crop of the first face of each photograph, `None` where no face is found."""
    with FaceDetector() as detector:
        found = [(photo, detector.detect(photo)) for photo in tqdm(photos, desc="find faces", unit="photo")]
    return [face_crop(photo, faces[0], SIDE) if faces else None for photo, faces in found]


def measure(checkpoint: Path, photos: list, emotions: list[str], prior: str = "training") -> dict:
    """`score_press` of one checkpoint.

    Args:
        photos: from `crops`.
        emotions: the labels.
        prior: class prior of the pipeline.
    """
    with FERPipeline.from_pretrained(checkpoint, prior=prior) as pipeline:
        rows = iter(pipeline.classify_crops([crop for crop in photos if crop is not None]))
    answers = [None if crop is None else max(row := next(rows), key=row.get) for crop in photos]
    return score_press(answers, emotions, lambda answer: answer, lambda done: None)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.press", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with photographs as parquet, columns image and label")
    parser.add_argument("--output", type=Path, default=Path("results/press.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    photos, emotions = read_press(args.data)
    photos = crops(photos)
    result = {name: measure(Path("checkpoints") / name, photos, emotions) for name in NAMES}
    write_json(args.output, result)
    for name, row in result.items():
        said = ", ".join(f"{emotion} {share:.1%}" for emotion, share in row["recall"].items())
        print(f"{name}: {said}, mean {row['mean']:.1%}, accuracy {row['accuracy']:.1%}, {row['missed']} missed")


if __name__ == "__main__":
    main()
