"""Latency of one face on one CPU core, with the shipped checkpoints; writes results/latency.json.

    python -m benchmarks.latency
    python -m benchmarks.latency --rounds 500 --output runs/latency.json

For every checkpoint: the network alone, as loaded by the pipeline with its weights in channels-last memory, and as
loaded by `from_pretrained` with the weights in the default order; and the pipeline from a crop to probabilities, with
one pass and with flip averaging. All run interleaved in one process, so that other load on the machine affects them
equally. Results are median wall times in milliseconds per face, float32. The exit code is 1 if a network alone takes
more than 5 ms, or if channels-last memory is not faster.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # must be set before torch is imported

import numpy as np
import torch
from PIL import Image

from benchmarks.timing import in_turns
from fer_hub import FERForImageClassification, FERPipeline
from fer_hub.files import write_json

ROOT = Path(__file__).resolve().parent.parent

LIMIT = 5.0
"""Largest allowed latency of one face in milliseconds."""


def ways(checkpoint: Path) -> dict[str, Callable[[], object]]:
    """Name → what is timed, for one face."""
    network, contiguous = (FERForImageClassification.from_pretrained(checkpoint).eval() for _ in range(2))
    network.to(memory_format=torch.channels_last)
    pipeline = FERPipeline.from_pretrained(checkpoint, runtime="torch")
    mirrored = FERPipeline(pipeline.model, pipeline.image_processor, pipeline.detector, flip_average=True)
    size = network.config.image_size
    face, crop = torch.rand(1, network.config.num_channels, size, size), Image.new("L", (size, size), 128)
    return {
        "network": lambda: network(pixel_values=face),
        "network_contiguous": lambda: contiguous(pixel_values=face),
        "pipeline": lambda: pipeline.classify_crops([crop]),
        "pipeline_mirrored": lambda: mirrored.classify_crops([crop]),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "latency.json", help="(%(default)s)")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    result: dict = {
        "milliseconds": {},
        "rounds": args.rounds,
        "threads": 1,
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    for folder in sorted((ROOT / "checkpoints").iterdir()):
        times = in_turns(ways(folder), args.rounds, warm=True)
        result["milliseconds"][folder.name] = {way: round(float(np.median(each)), 2) for way, each in times.items()}
        print(folder.name, result["milliseconds"][folder.name], flush=True)
    write_json(args.output, result)
    slow = [name for name, times in result["milliseconds"].items() if times["network"] > LIMIT]
    lost = [name for name, times in result["milliseconds"].items() if times["network"] > times["network_contiguous"]]
    return 1 if slow or lost else 0


if __name__ == "__main__":
    sys.exit(main())
