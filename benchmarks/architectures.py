"""Train every network of the field with one recipe per family, and put them side by side.

    python -m benchmarks.architectures --data path/to/fer2013                # all rows; days on a CPU
    python -m benchmarks.architectures --data path/to/fer2013 --length cpu   # with epochs that a CPU has time for
    python -m benchmarks.architectures --data path/to/fer2013 --rows baseline_cnn-light wide_cnn-ferplus-light
    python -m benchmarks.architectures --collect                             # only the table, from what is there

Every row is one run of train.py in its own folder, so the command can be interrupted and restarted: finished rows are
kept, an unfinished one resumes from its last epoch. The finished rows are then added to results/architectures.csv, and
results/architectures.md and .png are made from it. Rows that are not trained here keep their line.

Transfer networks start from ImageNet weights if `--pretrained` is given (they come from the Hub), otherwise from random
weights, and their row says which.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.architecture_rows import ROWS, Row
from benchmarks.architecture_table import COLUMNS, read_table, write_table
from benchmarks.timing import in_turns
from benchmarks.training_runs import finished_rows
from fer_hub.model import FERConfig, FERForImageClassification


def line(row: Row, final: Path) -> dict[str, object]:
    """The columns (`COLUMNS`) of a finished row, except latency, which is measured separately."""
    metrics, options = (json.loads((final / f"{name}.json").read_text()) for name in ("metrics", "training_args"))
    test, validation, training = metrics["test"], metrics["validation"], metrics["training"]
    uncalibrated = metrics.get("calibration", {}).get("test", {}).get("before", test)
    config = FERConfig.from_pretrained(final)
    kind = {"labels": _labels(options), "augmentation": options["augmentation"]}
    kind |= {"pretrained": options["pretrained"]} if row.weights else {}
    trained = Row(config.architecture, row.family, row.epochs, kind)
    if trained.name != row.name:
        raise SystemExit(f"{final} must hold a run of {row.name}, got {trained.name}; move it away and train again.")
    return {
        "row": row.name,
        "architecture": row.architecture,
        "labels": _labels(options),
        "augmentation": options["augmentation"],
        "weights": _weights(row, options),
        "image_size": config.image_size,
        "epochs": round(training["epochs"], 2),
        "validation_accuracy": validation["accuracy"],
        "test_accuracy": test["accuracy"],
        "test_low": test["accuracy_interval"][0],
        "test_high": test["accuracy_interval"][1],
        "test_macro_f1": test["macro_f1"],
        "test_calibration_error": uncalibrated["calibration_error"],
        "parameters": training["parameters"],
        "macs": multiply_accumulates(config),
        "cpu_ms": None,
        "minutes": round(training["seconds"] / 60, 1),
        "device": "GPU" if "cuda" in training["device"] else "CPU",
        "command": " ".join(["python train.py --data path/to/fer2013", *_arguments(row, options)]),
    }


def _arguments(row: Row, options: dict) -> list[str]:
    """The options of train.py that made a run, whose epochs need not be those of a length."""
    arguments = row.arguments("full", options.get("pretrained") != "none")
    arguments[arguments.index("--num_train_epochs") + 1] = f"{options['num_train_epochs']:g}"
    return arguments


def _labels(options: dict) -> str:
    """One of `LABELS`; `auto` means FER-2013's own labels."""
    labels = options.get("labels", "auto")
    return "fer2013" if labels == "auto" else labels


def _weights(row: Row, options: dict) -> str:
    start = options.get("pretrained") if row.family == "transfer" else None
    return "random" if start in (None, "none") else "ImageNet"


def multiply_accumulates(config: FERConfig) -> int:
    """Multiply-accumulates of convolutions and linear layers for one face.

    Example:
        >>> multiply_accumulates(FERConfig(architecture="baseline_cnn"))
        13470848
    """
    model = FERForImageClassification(config).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, config.num_channels, config.image_size, config.image_size))
    return counter.get_total_flops() // 2  # it counts multiplications and additions


def latencies(configs: dict[str, FERConfig], rounds: int) -> dict[str, float]:
    """Name → milliseconds for one face on one CPU core, float32, medians; the networks take turns in every round.

    Latency does not depend on the weights, so they are random.
    """
    torch.set_num_threads(1)
    models = {name: FERForImageClassification(config).eval() for name, config in configs.items()}
    calls = {}
    for name, model in models.items():
        face = torch.zeros(1, model.config.num_channels, *(model.config.image_size,) * 2)
        calls[name] = partial(model, pixel_values=face)
    times = in_turns(calls, rounds, clock="cpu")
    return {name: round(float(np.median(values)), 2) for name, values in times.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.architectures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--data", help="FER-2013 with FER+ votes: Hub dataset id, parquet folder, ...")
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--length", choices=["full", "cpu"], default="full", help="how many epochs (%(default)s)")
    parser.add_argument("--pretrained", action="store_true", help="transfer networks start from ImageNet weights")
    parser.add_argument("--runs", type=Path, default=Path("runs/architectures"), help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the table (%(default)s)")
    parser.add_argument("--collect", action="store_true", help="train nothing, only make the table")
    parser.add_argument("--rounds", type=int, default=50, help="of the measurement of latency (%(default)s)")
    args = parser.parse_args(argv)
    if not (args.collect or args.data):
        parser.error("--data must name FER-2013, got nothing; or pass --collect to make the table of what is there.")
    chosen = [row for row in ROWS if row.name in args.rows]
    data = None if args.collect else args.data
    finished = finished_rows(chosen, args.runs, data, lambda row: row.arguments(args.length, args.pretrained))
    known = read_table(args.output)
    known |= {row.name: line(row, args.runs / row.name / "final") for row in finished}
    measured = latencies({name: _config(entry) for name, entry in known.items()}, args.rounds)
    for name, value in measured.items():
        known[name]["cpu_ms"] = value
    order = {name: position for position, name in enumerate(names)}
    lines = sorted(known.values(), key=lambda entry: order.get(entry["row"], len(order)))
    write_table(args.output, [{column: entry[column] for column in COLUMNS} for entry in lines])
    print(f"{args.output}/architectures.md: {len(lines)} rows", flush=True)


def _config(entry: dict) -> FERConfig:
    labels = 7 if entry["labels"] == "fer2013" else 8
    return FERConfig(architecture=entry["architecture"], image_size=entry["image_size"], num_labels=labels)


if __name__ == "__main__":
    main()
