"""Fits what a detection score means, and measures how true that is.

    python -m benchmarks.detection_score --group ../shared/data/group_photographs --nobody ../shared/data/no_faces

Every second photograph is fitted on, the others are reported on: for each detector slope and intercept of
`fer_hub.detection.score.CURVES`, which are to be copied there by hand, the log likelihood per box before and after, and
in ten bins of the score how many boxes there are, what they claim and how many are faces. Writes
results/detection_score.json.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.marked_faces import DATA, marked_photographs, match, pictures_of_nobody
from fer_hub.detection.detector import FaceDetector
from fer_hub.detection.score import CURVES, own_score
from fer_hub.files import write_json

DETECTORS = {"yunet": "fused", "mediapipe": "mediapipe"}
"""Key of `CURVES` → the model whose faces it scores."""

LOWEST = 0.02
"""Boxes below this score, calibrated as it is now, are not looked at."""


def log_odds(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def boxes(model: str, group: Path, nobody: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of the detector's own kind, whether each box is a face, and which half it belongs to."""
    kind = next(kind for kind, name in DETECTORS.items() if name == model)
    scores, right, half = [], [], []
    with FaceDetector(model, min_score=LOWEST) as detector:
        for position, photo in enumerate(marked_photographs(group)):
            faces = detector.detect(photo.image)
            which, counts = match(faces, photo)
            scores += [face.detection_score for face, use in zip(faces, counts, strict=True) if use]
            right += [index >= 0 for index, use in zip(which, counts, strict=True) if use]
            half += [position % 2] * int(counts.sum())
        for position, picture in pictures_of_nobody(nobody):
            faces = detector.detect(picture)
            scores += [face.detection_score for face in faces]
            right += [False] * len(faces)
            half += [position % 2] * len(faces)
    return np.array([own_score(score, kind) for score in scores]), np.array(right), np.array(half)


def fit(scores: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the log odds that a box is a face, over the log odds of its score."""
    model = LogisticRegression(C=1e6).fit(log_odds(scores)[:, None], right)
    return round(float(model.coef_[0, 0]), 2), round(float(model.intercept_[0]), 2)


def curve(scores: np.ndarray, right: np.ndarray, slope: float, intercept: float) -> list[dict]:
    """In ten bins of the calibrated score: boxes, mean score, share of faces."""
    claimed = 1 / (1 + np.exp(-slope * log_odds(scores) - intercept))
    bins = []
    for low in np.arange(10) / 10:
        inside = (claimed >= low) & ((claimed < low + 0.1) | (low == 0.9))
        if inside.any():
            bins.append(
                {
                    "from": round(float(low), 1),
                    "boxes": int(inside.sum()),
                    "score": round(float(claimed[inside].mean()), 3),
                    "faces": round(float(right[inside].mean()), 3),
                }
            )
    return bins


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detection_score",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--group", type=Path, default=DATA / "group_photographs", help="(%(default)s)")
    parser.add_argument("--nobody", type=Path, default=DATA / "no_faces", help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("results/detection_score.json"), help="(%(default)s)")
    args = parser.parse_args(argv)
    report = {}
    for kind, model in DETECTORS.items():
        scores, right, half = boxes(model, args.group, args.nobody)
        slope, intercept = fit(scores[half == 0], right[half == 0])
        other = half == 1
        report[kind] = {
            "model": model,
            "slope": slope,
            "intercept": intercept,
            "in_use": list(CURVES[kind]),
            "boxes_fitted": int((~other).sum()),
            "other_half": curve(scores[other], right[other], slope, intercept),
        }
        print(kind, report[kind], flush=True)
        write_json(args.output, report)


if __name__ == "__main__":
    main()
