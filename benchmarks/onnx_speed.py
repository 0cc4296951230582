"""Latency of a face on PyTorch, on ONNX Runtime, and on ONNX Runtime with int8 weights.

    python -m benchmarks.onnx_speed checkpoints/fer2013                  # exported and quantised beforehand
    python -m benchmarks.onnx_speed checkpoints/fer2013 --batch 16 --threads 2
    python -m benchmarks.onnx_speed checkpoints/fer2013 --clock cpu      # on a busy machine

All run interleaved in one process, so that other load on the machine affects them equally; the order changes from round
to round. Results are medians and quartiles over the rounds, per face, and the ratio of the medians to PyTorch's.
"""

import argparse
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads shall not slow the others down

import numpy as np
import onnxruntime
import torch

from benchmarks.timing import CLOCKS, in_turns
from fer_hub.inference.onnx_classifier import INT8_FILE, MODEL_FILE, OnnxClassifier
from fer_hub.model import FERForImageClassification


def runtimes(checkpoint: Path, threads: int) -> dict[str, Callable[[torch.Tensor], object]]:
    """Name → callable network; the quantised one only if it has been exported."""
    torch.set_num_threads(threads)
    found: dict[str, Callable] = {}
    for name, file in (("ONNX Runtime", MODEL_FILE), ("ONNX Runtime, int8", INT8_FILE)):
        if file == MODEL_FILE or (checkpoint / file).is_file():
            found[name] = OnnxClassifier.from_pretrained(checkpoint, file=file, threads=threads)
    model = FERForImageClassification.from_pretrained(checkpoint, dtype=torch.float32).eval()
    return {"PyTorch": model, **found}


def table(times: dict[str, np.ndarray]) -> str:
    """One line per runtime."""
    first = np.median(next(iter(times.values())))
    lines = [f"{'':24}{'ms per face':>12}{'quartiles':>18}{'times as fast':>15}"]
    for name, values in times.items():
        low, middle, high = np.percentile(values, [25, 50, 75])
        lines.append(f"{name:24}{middle:12.2f}{f'{low:.2f} to {high:.2f}':>18}{first / middle:15.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.onnx_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder with model.onnx, and model_int8.onnx if any")
    parser.add_argument("--batch", type=int, default=1, help="faces in one call")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=300, help="calls of each")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="time that passes, or that is computed")
    args = parser.parse_args()
    try:
        networks = runtimes(args.checkpoint, args.threads)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    config = networks["ONNX Runtime"].config
    batch = torch.randn(args.batch, config.num_channels, config.image_size, config.image_size)
    print(
        f"{config.architecture}, batch {args.batch}, threads {args.threads}, rounds {args.rounds}, {args.clock} "
        f"time; torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, {platform.machine()}"
    )
    calls = {name: partial(network, batch) for name, network in networks.items()}
    times = in_turns(calls, args.rounds, clock=args.clock)
    print(table({name: values / args.batch for name, values in times.items()}))


if __name__ == "__main__":
    main()
