"""What the parts of the recipe for photographs do, each changed in turn, with three seeds.

    python train.py --recipe base --data path/to/fer2013 --output-dir runs/base
    python -m benchmarks.ablation --data path/to/fer2013 --press path/to/press_photographs

Trains `VARIANTS` from the common start, for one epoch but where the length is what changes, a folder in runs/ablation
for every run, so that the command can be interrupted and started again. Measures them on validation: accuracy on
FER-2013 and FER+, mean recall on press photographs, and accuracy on FER-2013 with a tenth of the light, with noise and
with few pixels. Writes results/ablation.json with every run, and results/ablation.md: means over the seeds with 95 %
intervals (Student's t), and differences from the whole recipe. Longer trainings are in checkpoints.md, more weights of
the label in label_share.json, the prior in priors.csv.
"""

import argparse
import statistics
from pathlib import Path

from benchmarks.robustness import TENTH, press_set, validation_sets
from benchmarks.training_runs import ROOT, train
from fer_hub.evaluation.corruptions import MEDIUM
from fer_hub.evaluation.robustness import CLEAN, Judged, measure
from fer_hub.files import read_json, write_json, write_text
from fer_hub.model import FERForImageClassification, FERImageProcessor

VARIANTS: dict[str, list[str]] = {
    "the whole recipe": [],
    "without the stretch of grey values": ["--stretch", "none"],
    "`frames` instead of `camera`": ["--augmentation", "frames"],
    "three epochs instead of one": ["--num_train_epochs", "3"],
    "the label weighs 0.7 instead of 0.5": ["--label_share", "0.7"],
}
"""What is changed → options of train.py that change it."""

SEEDS = (1, 2, 3)

EPOCHS = "1"

BAD = {"a tenth of the light": TENTH, "noise": ("noise", MEDIUM), "few pixels": ("low resolution", MEDIUM)}
"""Column → corruption of FER-2013's validation images, and its strength."""

T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Number of runs → 97.5 % quantile of Student's t with one degree of freedom less."""


def measured(folder: Path, sets: list[Judged]) -> dict[str, float]:
    """The figures of one run.

    Args:
        folder: a checkpoint.
        sets: FER-2013, FER+ and press.
    """
    model = FERForImageClassification.from_pretrained(folder).eval()
    processor = FERImageProcessor.from_pretrained(folder)
    clean = {line["data"]: line for line in measure(model, processor, sets, CLEAN, 0)}
    row = {name: clean[name]["accuracy"] for name in ("FER-2013", "FER+")}
    row["press, mean recall"] = clean["press"]["macro_recall"]
    for name, (kind, strength) in BAD.items():
        [line] = measure(model, processor, sets[:1], kind, strength)
        row[name] = line["accuracy"]
    return row


def in_order(known: dict[str, dict[str, dict[str, float]]]) -> dict[str, list[dict[str, float]]]:
    """The runs of every variant in the order of `SEEDS`, whatever the order in which they were trained.

    Args:
        known: the content of results/ablation.json: key of `VARIANTS` → seed → the figures.
    """
    return {name: [known[name][str(seed)] for seed in SEEDS] for name in VARIANTS}


def interval(values: list[float]) -> tuple[float, float]:
    """Mean of some runs, and half of its 95 % interval.

    Example:
        >>> [round(value, 3) for value in interval([0.60, 0.61, 0.62])]
        [0.61, 0.025]
    """
    return statistics.mean(values), T_95[len(values)] * statistics.stdev(values) / len(values) ** 0.5


def markdown(runs: dict[str, list[dict[str, float]]]) -> str:
    """The text of results/ablation.md.

    Args:
        runs: key of `VARIANTS` → the figures of each seed, in the order of the seeds.
    """
    columns = list(next(iter(runs.values()))[0])
    whole = runs[next(iter(VARIANTS))]
    lines = [
        "# What the parts of the recipe do",
        "",
        "Made by `python -m benchmarks.ablation`, which trains the rows; `ablation.json` beside this file has every",
        "run. One epoch of the recipe `photographs` from the common start `base`, whole or with one part changed,",
        f"without the refitting of the last layer, with {len(whole)} seeds. Validation images, in %: mean over the",
        "seeds, and half of its 95 % interval (Student's t). The last three columns are of FER-2013.",
        "",
        "One epoch, not the ten of the shipped checkpoint, and all rows begin from one and the same network, which was",
        "trained with the stretch and with `frames`: what a part does from the beginning of a training is not in it.",
        "More weights of the label are measured on the last layer alone, in label_share.json. Trainings of ten epochs",
        "and more, and the refitting, were not repeated with seeds; what is known of them is in checkpoints.md.",
        "",
        f"| recipe | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for name, rows in runs.items():
        cells = [_cell(*interval([row[column] for row in rows])) for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "Differences from the whole recipe, seed by seed, in points:", ""]
    lines += [f"| changed | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, rows in list(runs.items())[1:]:
        pairs = [[row[column] - full[column] for row, full in zip(rows, whole, strict=True)] for column in columns]
        lines.append(f"| {name} | {' | '.join(_cell(*interval(each), '+') for each in pairs)} |")
    lines += ["", *_said(runs)]
    return "\n".join(lines) + "\n"


def _said(runs: dict[str, list[dict[str, float]]]) -> list[str]:
    """For each variant the columns that are higher or lower than with the whole recipe, by more than chance."""
    whole, *others = runs.items()
    lines = ["Beyond its interval (one in twenty would be so by chance) is:", ""]
    for name, rows in others:
        moved: dict[str, list[str]] = {"higher": [], "lower": []}
        for column in rows[0]:
            mean, half = interval([row[column] - full[column] for row, full in zip(rows, whole[1], strict=True)])
            if abs(mean) > half:
                moved["higher" if mean > 0 else "lower"].append(column)
        parts = [f"{where} {'; '.join(columns)}" for where, columns in moved.items() if columns]
        lines.append(f"- {name}: {' - '.join(parts) or 'nothing'}")
    return lines


def _cell(mean: float, half: float, sign: str = "") -> str:
    return f"{100 * mean:{sign}.1f} ± {100 * half:.1f}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--press", required=True, help="folder of press photographs with a label")
    parser.add_argument("--start", default="runs/base/final", help="checkpoint to begin from (%(default)s)")
    parser.add_argument(
        "--duplicates", type=Path, default=Path("results/fer2013_duplicates.json"), help="(%(default)s)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "results", help="folder of the table (%(default)s)")
    args = parser.parse_args(argv)
    sets = [*validation_sets(args.data), press_set(args.press)]
    file = args.output / "ablation.json"
    known = read_json(file)
    for seed in SEEDS:
        for number, (name, options) in enumerate(VARIANTS.items()):
            folder = args.runs / f"{number}-{seed}"
            if str(seed) in known.get(name, {}):
                continue
            common = ["--recipe", "photographs", "--start_from", args.start, "--num_train_epochs", EPOCHS,
                      "--duplicates", str(args.duplicates.resolve()), "--seed", str(seed),
                      "--refit_last_layer", "no", "--calibrate_degraded", "no"]  # fmt: skip
            train(f"{name}, seed {seed}", [*common, *options], args.data, folder)
            known.setdefault(name, {})[str(seed)] = measured(folder / "final", sets)
            write_json(file, known)
            print(f"{name}, seed {seed}: {known[name][str(seed)]}", flush=True)
    write_text(args.output / "ablation.md", markdown(in_order(known)))


if __name__ == "__main__":
    main()
