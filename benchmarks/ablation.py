"""What each part of a recipe brings: two recipes, each with three seeds and with one part changed at a time.

    python -m benchmarks.ablation --data path/to/fer2013                # networks of full width and length, on a GPU
    python -m benchmarks.ablation --data path/to/fer2013 --length cpu   # half as wide, as long as a CPU has time for
    python -m benchmarks.ablation --collect                             # only the table, from what is there

Every row is one run of train.py in a folder of its own, so the command can be interrupted and called again: finished
rows are kept, a half-finished one goes on from its last epoch. Then results/ablation.csv takes in the finished rows,
and results/ablation.md and .png are made from it. Rows of another length than those that are there replace them all.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ablation_table import COLUMNS, read_table, write_table
from benchmarks.training_runs import finished_rows

RECIPE = {"second_labels": "ferplus_votes", "drop_duplicates": "yes", "ema": "0.999"}
"""Options of the first recipe, that of the second checkpoints; the rest is train.py's default."""

SHIPPED = RECIPE | {"augmentation": "crop", "hidden_sizes": "48 96 192", "depths": "1 2 2"}
"""Options of the recipe that was found with it, that of the third checkpoints."""

TAUGHT = {"label_smoothing_factor": "0", "teachers": "RUNS/now-seed-42/final RUNS/now-seed-42/second"}
"""What is other where the recipe's first seed teaches; soft answers take the place of label smoothing."""

LENGTHS = {
    "full": {"num_train_epochs": "200"},
    "cpu": {"num_train_epochs": "6", "embedding_size": "16", "hidden_sizes": "32 64 128", "ema": "0.99"},
}
"""Options that say how long and with what network; an average over 1,000 steps is too slow for so short a training."""


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        name: folder of the run, and how the command line calls it.
        what: the change, in words.
        options: options of train.py that are other than in the recipe; `None` leaves one out, `RUNS` in them is the
            folder of all runs.
        recipe: the options that these change.
    """

    name: str
    what: str
    options: dict[str, str | None] = field(default_factory=dict)
    recipe: dict[str, str] = field(default_factory=lambda: RECIPE)

    def arguments(self, length: str, runs: Path | None = None) -> list[str]:
        """The options of train.py, without data and output folder; `length` is a key of `LENGTHS`."""
        options = self.recipe | LENGTHS[length] | self.options
        if length == "cpu" and "hidden_sizes" in self.recipe:
            options["hidden_sizes"] = " ".join(str(int(size) // 2) for size in self.recipe["hidden_sizes"].split())
        words = [part for name, value in options.items() if value for part in (f"--{name}", *value.split())]
        return [word.replace("RUNS", str(runs or usual_runs(length))) for word in words]


ROWS = (
    Row("seed-42", "the recipe, seed 42"),
    Row("seed-43", "the recipe, seed 43", {"seed": "43"}),
    Row("seed-44", "the recipe, seed 44", {"seed": "44"}),
    Row("no-second-labels", "without the FER+ votes as second labels", {"second_labels": None}),
    Row("no-augmentation", "without augmentation", {"augmentation": "none"}),
    Row("heavy", "heavy augmentation instead of light", {"augmentation": "heavy"}),
    Row("no-average", "without the average of the weights", {"ema": None}),
    Row("no-smoothing", "without label smoothing", {"label_smoothing_factor": "0"}),
    Row("duplicates", "with the training images that validation or test hold too", {"drop_duplicates": None}),
    Row("cutmix", "with CutMix (1)", {"cutmix": "1"}),
    Row("mixup", "with mixup (0.2)", {"mixup": "0.2"}),
    Row("class-weights", "rare classes weighted (effective)", {"class_weights": "effective"}),
    Row("crop", "windows of 40 of 48 pixels instead of shifts", {"augmentation": "crop"}),
    Row("now-seed-42", "the recipe, seed 42", recipe=SHIPPED),
    Row("now-seed-43", "the recipe, seed 43", {"seed": "43"}, SHIPPED),
    Row("now-seed-44", "the recipe, seed 44", {"seed": "44"}, SHIPPED),
    Row("now-mixup", "with mixup (0.2)", {"mixup": "0.2"}, SHIPPED),
    Row("now-no-smoothing", "without label smoothing", {"label_smoothing_factor": "0"}, SHIPPED),
    Row("now-taught", "without label smoothing, taught by seed 42", TAUGHT, SHIPPED),
    Row("now-taught-views", "the same, asked about every view", TAUGHT | {"teachers_see": "views"}, SHIPPED),
)


def usual_runs(length: str) -> Path:
    """The folder of all runs, where none is given."""
    return Path("runs") / f"ablation-{length}"


def line(row: Row, folder: Path, length: str) -> dict[str, object]:
    """What the table says of a finished row, by the names of `COLUMNS`. Only validation: test chooses nothing."""
    metrics, second = (_metrics(folder / name) for name in ("final", "second"))
    validation, training = metrics["validation"], metrics["training"]
    before = metrics.get("calibration", {}).get("validation", {}).get("before", validation)
    return {
        "row": row.name,
        "what": row.what,
        "length": length,
        "epochs": training["epochs"],
        "parameters": training["parameters"],
        "train_images": training["train_images"],
        "accuracy": validation["accuracy"],
        "flip_averaged": validation["flip_averaged"]["accuracy"],
        "macro_f1": validation["macro_f1"],
        "fear_recall": validation["recall"]["fear"],
        "calibration_error": before["calibration_error"],
        "ferplus_accuracy": second["validation"]["accuracy"] if second else None,
        "minutes": round(training["seconds"] / 60, 1),
        "device": "GPU" if "cuda" in training["device"] else "CPU",
        "options": " ".join(row.arguments(length)),
    }


def _metrics(folder: Path) -> dict | None:
    path = folder / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--data", help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--length", choices=[*LENGTHS], default="full", help="how long (%(default)s)")
    parser.add_argument("--runs", type=Path, help=f"({usual_runs('LENGTH')})")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the table (%(default)s)")
    parser.add_argument("--collect", action="store_true", help="train nothing, only make the table")
    args = parser.parse_args(argv)
    if not (args.collect or args.data):
        parser.error("--data must name FER-2013, got nothing; or pass --collect to make the table of what is there.")
    runs = args.runs or usual_runs(args.length)
    chosen = [row for row in ROWS if row.name in args.rows]
    data = None if args.collect else args.data
    finished = finished_rows(chosen, runs, data, lambda row: row.arguments(args.length, runs))
    known = read_table(args.output)
    if finished:
        known = {name: entry for name, entry in known.items() if entry["length"] == args.length}
    known |= {row.name: line(row, runs / row.name, args.length) for row in finished}
    lines = [{column: known[name][column] for column in COLUMNS} for name in names if name in known]
    write_table(args.output, lines)
    print(f"{args.output}/ablation.md: {len(lines)} rows", flush=True)


if __name__ == "__main__":
    main()
