"""What test_two_processes.py has torchrun run in two processes.

    torchrun --standalone --nproc-per-node 2 tests/training/two_processes.py DATA START OUT

First train.py, then a small training on its own and the same one resumed half-way. Every process notes in
OUT/rank-N.json what it saw.
"""

import json
import shutil
import sys
from pathlib import Path

import torch

import train
from fer_hub.training.augmentation import PRESETS, Augmentation
from tests.training.making import small_trainer

SMALL = {"max_steps": 14, "eval_steps": 7, "save_steps": 7, "per_device_train_batch_size": 5, "ema": 0.7, "mixup": 0.2}
"""Two epochs: 70 images are seven steps of two times five."""


class Noting(Augmentation):
    """No augmentation, but a note of which images came, by their first pixels, and of a random number of each batch."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        SEEN.append({"images": images[:, 0, 0, :6].tolist(), "random": torch.rand(()).item()})
        return super().__call__(images)


SEEN: list[dict] = []


def main(data: str, start: str, out: Path) -> None:
    metrics = train.main(["--data", data, "--start-from", start, "--output-dir", str(out / "run"), "--max-steps", "3",
                          "--per-device-train-batch-size", "8", "--class-weights", "balanced"])  # fmt: skip
    PRESETS["none"] = Noting()
    whole = small_trainer(out / "whole", augmentation="none", **SMALL)
    whole.train()
    seen, checkpoint = SEEN.copy(), out / "again" / "checkpoint-7"
    if whole.is_world_process_zero():
        shutil.copytree(out / "whole" / "checkpoint-7", checkpoint)
    torch.distributed.barrier()
    again = small_trainer(out / "again", augmentation="none", **SMALL)
    again.train(resume_from_checkpoint=str(checkpoint))
    note = {
        "metrics": metrics,
        "seen": seen,
        "seen again": SEEN[len(seen) :],
        "weights": [{name: tensor.tolist() for name, tensor in t.model.state_dict().items()} for t in (whole, again)],
        "evaluated": [row for row in whole.state.log_history if "eval_loss" in row],
    }
    (out / f"rank-{whole.args.process_index}.json").write_text(json.dumps(note))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
