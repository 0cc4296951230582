"""Training throughput of train.py's Trainer, and of an equivalent plain PyTorch loop, in images per second.

    python -m benchmarks.throughput                                   # the shipped recipe on this machine
    python -m benchmarks.throughput --architecture scratch_cnn --batch 64
    python -m benchmarks.throughput --hidden_sizes 48 112 224 --depths 1 2 2 --augmentation crop --batch 512
    python -m benchmarks.throughput --clock cpu --threads 1           # on a busy machine

The plain loop trains the same network on the same images with the same batch size, augmentation, label smoothing,
precision, memory format, optimiser, schedule and gradient clipping. The two are interleaved, some steps each, so that
other load on the machine affects them equally. Results are medians over the rounds, and the median ratio of the rounds;
the exit code is 1 if it is below the floor. Images are random grey values, as their content does not affect the speed.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads shall not slow others down

import numpy as np
import torch
from transformers import TrainerCallback, get_scheduler

from fer_hub.files import write_json
from fer_hub.model import ARCHITECTURES, FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.arguments import FERTrainingArguments, ModelArguments
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.soft_labels import smooth_labels
from fer_hub.training.trainer import FaceDataset, FERTrainer

FLOOR = 0.9
"""Smallest allowed ratio of the Trainer's throughput to that of the plain loop."""

IMAGES = 28_709
"""Number of training images of FER-2013."""

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""What passes, or what this process computes, all its threads added up."""


def bare_steps(trainer: FERTrainer, model: FERForImageClassification) -> Iterator[None]:
    """Train `model` forever in a plain loop equivalent to `trainer`; every item is one step.

    Args:
        trainer: only its data, augmentation and arguments are used.
    """
    args, device = trainer.args, trainer.args.device
    images, labels = trainer.train_dataset.images, trainer.train_dataset.labels
    decayed = set(trainer.get_decay_parameter_names(model))
    groups = [[p for name, p in model.named_parameters() if (name in decayed) == decay] for decay in (True, False)]
    optimizer = torch.optim.SGD(
        [{"params": group, "weight_decay": w} for group, w in zip(groups, (args.weight_decay, 0.0), strict=True)],
        lr=args.learning_rate,
        momentum=0.9,
        nesterov=True,
    )
    schedule = get_scheduler(args.lr_scheduler_type, optimizer, args.get_warmup_steps(args.max_steps), args.max_steps)
    model.train()
    while True:
        for chosen in torch.randperm(len(images)).split(args.per_device_train_batch_size):
            batch, target = (_sent(tensor[chosen], device) for tensor in (images, labels))
            batch = trainer.augmentation(batch)
            batch = trainer.image_processor.normalize_batch(batch).contiguous(memory_format=trainer.memory_format)
            soft = smooth_labels(target, model.config.num_labels, args.label_smoothing_factor)
            with torch.autocast(device.type, torch.bfloat16, enabled=args.bf16):
                loss = model(pixel_values=batch, labels=soft).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            yield


def _sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


class TakeTurns(TrainerCallback):
    """After every `steps` steps of the Trainer, runs as many of the other loop, and times both.

    Attributes:
        seconds: duration of every turn of each of the two.
    """

    def __init__(self, other: Iterator[None], steps: int, clock: Callable[[], float]):
        self.other, self.steps, self.clock = other, steps, clock
        self.seconds: dict[str, list[float]] = {"trainer": [], "bare loop": []}

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step % self.steps == 0:
            if state.global_step > self.steps:  # the first turn of each warms up
                self.seconds["trainer"].append(self._now() - self.since)
            start = self._now()
            for _ in range(self.steps):
                next(self.other)
            if state.global_step > self.steps:
                self.seconds["bare loop"].append(self._now() - start)
            self.since = self._now()

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self.clock()


def measure(options: argparse.Namespace) -> dict:
    """Train both interleaved; returns JSON-ready results."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 48, 48), dtype=np.uint8)
    data = FaceDataset(images, random.integers(0, 7, IMAGES))
    sizes = ModelArguments(hidden_sizes=options.hidden_sizes, depths=options.depths).sizes()
    config = FERConfig(architecture=options.architecture, **sizes)
    models = [FERForImageClassification(config) for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        args = FERTrainingArguments(
            output_dir=folder,
            max_steps=options.steps * (options.rounds + 1),
            per_device_train_batch_size=options.batch,
            precision=options.precision,
            use_cpu=options.cpu,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
        )
        trainer = FERTrainer(
            model=models[0],
            args=args,
            image_processor=FERImageProcessor(),
            augmentation=PRESETS[options.augmentation],
            train_dataset=data,
        )
        other = models[1].to(args.device, memory_format=trainer.memory_format)
        turns = TakeTurns(bare_steps(trainer, other), options.steps, CLOCKS[options.clock])
        trainer.add_callback(turns)
        trainer.train()
    done = options.steps * options.batch
    speeds = {name: done / np.array(seconds) for name, seconds in turns.seconds.items()}
    ratios = speeds["trainer"] / speeds["bare loop"]
    medians = {name: float(np.median(values)) for name, values in speeds.items()}
    return {
        "architecture": options.architecture,
        **sizes,
        "batch": options.batch,
        "augmentation": options.augmentation,
        "precision": "bf16" if args.bf16 else "fp32",
        "memory_format": str(trainer.memory_format).removeprefix("torch."),
        "device": torch.cuda.get_device_name() if args.device.type == "cuda" else f"CPU, {platform.machine()}",
        "threads": torch.get_num_threads(),
        "clock": options.clock,
        "rounds": options.rounds,
        "steps": options.steps,
        "torch": torch.__version__,
        "trainer_images_per_second": round(medians["trainer"], 1),
        "bare_images_per_second": round(medians["bare loop"], 1),
        "overhead_ms_per_step": round(1000 * options.batch * (1 / medians["trainer"] - 1 / medians["bare loop"]), 3),
        "ratio": round(float(np.median(ratios)), 4),
        "ratio_quartiles": [round(float(value), 4) for value in np.percentile(ratios, [25, 75])],
        "floor": FLOOR,
    }


def table(figures: dict) -> str:
    """The results as lines of text."""
    low, high = figures["ratio_quartiles"]
    return "\n".join(
        [
            f"{figures['architecture']}, batch {figures['batch']}, augmentation {figures['augmentation']}, "
            f"{figures['precision']}, {figures['memory_format']}, {figures['device']}, {figures['clock']} time",
            f"Trainer    {figures['trainer_images_per_second']:10,.1f} images/s",
            f"bare loop  {figures['bare_images_per_second']:10,.1f} images/s",
            f"ratio      {figures['ratio']:10.3f} (quartiles {low:.3f} to {high:.3f}; floor {figures['floor']}), "
            f"{figures['overhead_ms_per_step']:.2f} ms more per step",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="residual_cnn", help="(%(default)s)")
    parser.add_argument("--hidden_sizes", type=int, nargs="+", help="of residual_cnn, as for train.py")
    parser.add_argument("--depths", type=int, nargs="+", help="of residual_cnn, as for train.py")
    parser.add_argument("--batch", type=int, default=128, help="images per step (%(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="of a turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each (%(default)s)")
    parser.add_argument("--augmentation", choices=PRESETS, default="light", help="(%(default)s)")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", help="(%(default)s)")
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="time that passes, or that is computed")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    figures = measure(options)
    print(table(figures))
    if options.output:
        write_json(options.output, figures)
    return int(figures["ratio"] < FLOOR)


if __name__ == "__main__":
    raise SystemExit(main())
