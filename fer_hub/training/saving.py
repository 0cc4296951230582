"""A training whose disk, or whose shared memory, is too small ends with a sentence."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError
from torch.utils.data import Dataset

from fer_hub.environment import is_full
from fer_hub.training.resuming import complete_checkpoints

SHARED = Path("/dev/shm")
"""Where torch's data loader keeps the batches of its worker processes on Linux."""

ROOM = 1_000_000
"""Bytes of shared memory for the locks and queues of the workers."""


@contextlib.contextmanager
def room_on_disk(output_dir: str | Path, then: str) -> Iterator[None]:
    """Turn the error of a full disk into one sentence, and remove the checkpoint that could not be finished.

    Args:
        output_dir: folder of the training, with its `checkpoint-*` folders.
        then: what the same command with `--resume` does once there is room, as "trains on".

    Raises:
        OSError: the disk is full; the sentence says what is saved.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if not is_full(error):
            raise
        complete = complete_checkpoints(output_dir)
        for folder in set(Path(output_dir).glob("checkpoint-*")) - set(complete):
            shutil.rmtree(folder, ignore_errors=True)
        way = (
            f"{complete[0].name} is saved; free some space, then the same command with --resume {then} from there"
            if complete
            else "nothing is saved yet; free some space and start again, or choose another --output-dir"
        )
        raise OSError(f"{output_dir} must have room for checkpoints, but its disk is full; {way}.") from error


def check_shared_memory(dataset: Dataset, workers: int, batch_size: int, prefetch: int | None = None) -> None:
    """Refuse workers whose batches do not fit into shared memory: torch would wait for them without end.

    Args:
        dataset: a `FaceDataset`.
        workers: `--dataloader-num-workers`; nothing is checked without any.
        batch_size: images in a batch.
        prefetch: `--dataloader-prefetch-factor`, 2 if `None`.

    Raises:
        OSError: there is too little of it.
    """
    if not workers or not sys.platform.startswith("linux") or not SHARED.is_dir():
        return
    batch = batch_size * sum(column[0].nbytes for column in (dataset.images, dataset.labels))
    needed = workers * (prefetch or 2) * batch + ROOM
    info = os.statvfs(SHARED)
    free = info.f_bavail * info.f_frsize
    if free < needed:
        raise OSError(
            f"--dataloader-num-workers {workers} needs {needed / 1e6:.1f} MB in {SHARED}, but {free / 1e6:.1f} MB are "
            "free; leave it out, as the images are in memory anyway, or give the container more (docker run "
            "--shm-size 1g)."
        )
