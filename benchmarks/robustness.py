"""Robustness of checkpoints: thirteen corruptions at five strengths, and the rule that selects the default.

    python -m benchmarks.robustness --data path/to/fer2013 --press path/to/press_photographs
    python -m benchmarks.robustness --data path/to/fer2013 --checkpoints runs/fer/final --medium
    python -m benchmarks.robustness --data path/to/fer2013 --checkpoints checkpoints/photographs --prior uniform \\
        --names "photographs, uniform prior" --medium

Evaluates checkpoints on FER-2013's validation split, on that of FER+, and, with --press, on the faces of press photos.
Writes results/robustness.csv, with a line for every checkpoint, set, kind and strength, and makes results/robustness.md
and .png from it. Lines of checkpoints that are not evaluated now are kept. Test is not used.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.robustness_table import read_lines, write_table
from fer_hub.data import FERPLUS_EMOTIONS, decode_images, load_fer2013, prepare, targets
from fer_hub.data.prepared import ALL
from fer_hub.evaluation.corruptions import MEDIUM, STRENGTHS
from fer_hub.evaluation.robustness import PART, PRESS_CLASSES, Judged, all_kinds, measure, rule
from fer_hub.inference.priors import TRAINING, UNIFORM, logit_shift
from fer_hub.model import EMOTIONS, FERForImageClassification, FERImageProcessor
from fer_hub.training.fine_tuning import last_layer

FEWER = 1200
"""Number of images, the first of the first set, on which all strengths are measured."""

TENTH = ("dark", 4)
"""A tenth of the light, which is measured on every image beside the medium strength."""


def validation_sets(data: str) -> list[Judged]:
    """FER-2013's validation split with its own labels and with those of FER+."""
    split = load_fer2013(data)["validation"]
    images = decode_images(split)
    majority = np.full(len(split), -1)
    ferplus = targets(split, "ferplus")
    majority[ferplus.rows] = ferplus.classes
    return [
        Judged("FER-2013", images, EMOTIONS, targets(split, "fer2013").classes),
        Judged("FER+", images, FERPLUS_EMOTIONS, majority),
    ]


def press_set(folder: str) -> Judged:
    """Press photos, cropped to the largest face of each."""
    split = prepare(folder, images="photographs", wanted=[ALL]).splits[ALL]
    found = targets(split)
    return Judged("press", decode_images(split), found.names, found.classes, PRESS_CLASSES)


def measure_checkpoint(folder: Path, sets: list[Judged], strengths: tuple[int, ...], prior: str) -> list[dict]:
    """All lines of a checkpoint: at medium strength of every image, at all strengths of the first `FEWER` faces."""
    model = FERForImageClassification.from_pretrained(folder).eval()
    if shift := logit_shift(model.config, prior):
        with torch.no_grad():  # the logits are divided by the temperature afterwards
            last_layer(model)[1].bias += model.config.temperature * torch.tensor(shift)
    image_processor = FERImageProcessor.from_pretrained(folder)
    lines = []
    for kind, strength in [*all_kinds(), TENTH]:
        lines += measure(model, image_processor, sets, kind, strength)
    if strengths != (MEDIUM,):
        judged = sets[0]
        part = replace(judged, name=judged.name + PART, images=judged.images[:FEWER], labels=judged.labels[:FEWER])
        for kind, strength in all_kinds(strengths):
            lines += measure(model, image_processor, [part], kind, strength)
    return lines


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.robustness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--press", help="folder of press photographs with a label; left out where it is not given")
    shipped = sorted(path.parent for path in Path("checkpoints").glob("*/config.json"))
    parser.add_argument("--checkpoints", nargs="+", type=Path, default=shipped, metavar="FOLDER")
    parser.add_argument("--names", nargs="+", help="what to call them; the folder's name")
    parser.add_argument("--prior", choices=[TRAINING, UNIFORM], default=TRAINING, help="base rates (%(default)s)")
    parser.add_argument("--medium", action="store_true", help="medium strength alone, all that the rule needs")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the table (%(default)s)")
    args = parser.parse_args(argv)
    names = args.names or [path.name for path in args.checkpoints]
    if len(names) != len(args.checkpoints):
        parser.error(f"--names must name {len(args.checkpoints)} checkpoints, got {len(names)} names.")
    sets = validation_sets(args.data) + ([press_set(args.press)] if args.press else [])
    known = [line for line in read_lines(args.output) if line["checkpoint"] not in names]
    for name, folder in zip(names, args.checkpoints, strict=True):
        lines = measure_checkpoint(folder, sets, (MEDIUM,) if args.medium else STRENGTHS, args.prior)
        known += [{"checkpoint": name} | line for line in lines]
        write_table(args.output, known)
        print(f"{name}: {json.dumps({key: round(100 * value, 1) for key, value in rule(lines).items()})}", flush=True)


if __name__ == "__main__":
    main()
