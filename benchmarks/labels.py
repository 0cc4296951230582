"""Label quality of FER-2013's test images, and predictions of the checkpoints for images without a clear label.

    python -m benchmarks.labels --data path/to/fer2013

Needs FER-2013 with the votes of FER+. Writes fer_hub/assets/fer2013_labels.json: how often FER-2013's label is the one
with the most votes, how often one annotator agrees with the others, and how many images have no majority or no face.
These numbers bound the accuracy of any network. Writes to the metrics.json of each shipped checkpoint its confidence on
the images that FER+ excludes (`without_face`) and its accuracy on images with a tie of the most votes (`ties`), and
rewrites the cards.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_hub.data import decode_images, load_fer2013
from fer_hub.data.ferplus import FERPLUS_VOTES, ferplus_majority, has_clear_majority
from fer_hub.data.names import FERPLUS_EMOTIONS, emotion_index
from fer_hub.files import write_json
from fer_hub.hub.card_facts import wilson
from fer_hub.hub.checkpoint import update_metrics
from fer_hub.inference.logits import predict_probabilities
from fer_hub.model import FERForImageClassification, FERImageProcessor

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "fer_hub" / "assets" / "fer2013_labels.json"
SURE = 0.8
"""Smallest probability of a confident prediction."""


def agreement(votes: Sequence[int]) -> float:
    """Probability that a random one of the ten annotators agrees with the majority of the other nine.

    >>> agreement([10, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    1.0
    >>> agreement([9, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    0.9
    """
    total = 0
    for index, count in enumerate(votes):
        others = [each - (index == place) for place, each in enumerate(votes)]
        total += count * (count > 0 and others.index(max(others)) == index)
    return total / sum(votes)


def is_tied(votes: Sequence[int]) -> bool:
    """Whether several of the ten classes tie for the most votes."""
    return sorted(votes)[-1] == sorted(votes)[-2]


def label_facts(labels: Sequence[int], votes: Sequence[Sequence[int] | None]) -> dict:
    """Statistics of the labels of a split, based on the votes.

    Args:
        labels: FER-2013's, in the order of its classes.
        votes: ten numbers for each image, or `None` where FER+ has none.

    Returns:
        JSON-ready counts and shares: `images`; `ferplus_images` (with a FER+ class); `left_out`, and of those
        `without_votes`; `label_is_plurality` and `annotator_agrees`, each `share` and `interval` (95 %: Wilson's,
        and the mean's by its standard error); `no_majority`; `ties`; `ties_for_neutral`.
    """
    plurality = [ferplus_majority(each) for each in votes]
    known = [index for index, each in enumerate(plurality) if each is not None]
    same = sum(emotion_index(FERPLUS_VOTES[plurality[index]]) == labels[index] for index in known)
    shares = np.array([agreement(each) for each in votes if each is not None])
    half = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares))
    ties = [index for index in known if is_tied(votes[index])]
    return {
        "split": "test",
        "images": len(labels),
        "ferplus_images": len(known),
        "left_out": len(labels) - len(known),
        "without_votes": sum(each is None for each in votes),
        "label_is_plurality": {"share": same / len(known), "interval": wilson(same, len(known))},
        "annotator_agrees": {"share": shares.mean(), "interval": [shares.mean() - half, shares.mean() + half]},
        "no_majority": sum(not has_clear_majority(votes[index]) for index in known),
        "ties": len(ties),
        "ties_for_neutral": sum(FERPLUS_EMOTIONS[plurality[index]] == "neutral" for index in ties),
    }


def at_the_edge(checkpoint: Path, split) -> dict:
    """The entries `without_face` and, with the classes of FER+, `ties` of a checkpoint's metrics.json."""
    model = FERForImageClassification.from_pretrained(checkpoint)
    image_processor = FERImageProcessor.from_pretrained(checkpoint)
    votes = split["ferplus_votes"][:]
    plurality = [ferplus_majority(each) for each in votes]

    def probabilities(rows: list[int]) -> np.ndarray:
        return predict_probabilities(model, image_processor, decode_images(split.select(rows)))

    without = [row for row, each in enumerate(plurality) if each is None]
    sure = int((probabilities(without).max(1) >= SURE).sum())
    found = {"without_face": {"images": len(without), "sure": sure, "threshold": SURE}}
    if tuple(model.config.id2label.values()) == FERPLUS_EMOTIONS:
        ties = [row for row, each in enumerate(plurality) if each is not None and is_tied(votes[row])]
        right = int((probabilities(ties).argmax(1) == [plurality[row] for row in ties]).sum())
        found["ties"] = {"images": len(ties), "right": right, "interval": wilson(right, len(ties))}
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="FER-2013 with FER+ votes, as train.py takes it")
    parser.add_argument("--ferplus_csv", help="FER+'s fer2013new.csv, where --data has no votes")
    args = parser.parse_args(argv)
    split = load_fer2013(args.data, ferplus_csv=args.ferplus_csv)["test"]
    if "ferplus_votes" not in split.column_names:
        parser.error("--data must carry the votes of FER+; name FER+'s fer2013new.csv with --ferplus_csv.")
    facts = label_facts(split["label"][:], split["ferplus_votes"][:])
    write_json(OUTPUT, facts)
    print(json.dumps(facts, indent=2))
    for folder in sorted(path.parent for path in (ROOT / "checkpoints").glob("*/metrics.json")):
        found = at_the_edge(folder, split)
        update_metrics(folder, found)
        print(folder.name, json.dumps(found))


if __name__ == "__main__":
    main()
