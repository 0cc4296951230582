"""Trainings on a disk, or with shared memory, that is too small: one sentence, and what can be saved is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SAVE = """
import json, logging, os, sys
from pathlib import Path
from fer_hub import FERForImageClassification, FERImageProcessor
from fer_hub.hub.afterwards import Afterwards
from fer_hub.hub.checkpoint import write_checkpoint, write_network
from fer_hub.training.saving import room_on_disk

logging.basicConfig(format="%(message)s")
disk, afterwards = Path(sys.argv[1]), Afterwards()
model, processor = FERForImageClassification.from_pretrained(sys.argv[2]), FERImageProcessor()
parts = {"training_args": {}, "log": []}
write_network(disk / "final", model, processor, **parts)
weights = (disk / "final" / "model.safetensors").stat().st_size
(disk / "other").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - weights // 2))
model.config.temperature = 1.5
metrics = {"test": {"accuracy": 0.5}}
write_checkpoint(disk / "final", model, processor, metrics=metrics, afterwards=afterwards, **parts)
again = FERForImageClassification.from_pretrained(disk / "final")
print(json.dumps([afterwards.failed, again.config.temperature, json.loads((disk / "final/metrics.json").read_text())]))
try:
    with room_on_disk(disk, "trains on"):
        write_network(disk / "more", model, processor, **parts)
except OSError as error:
    print(error)
print(sorted(path.name for path in disk.iterdir()))
"""


def on_small(place: Path, size: str, *command: object) -> list[str]:
    """A command that runs while a file system of that size, in memory, lies at a folder; nobody else sees it."""
    mount = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    small = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount]
    try:
        can = subprocess.run([*small, str(place), "true"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs unshare of util-linux")
    if can.returncode:
        pytest.skip(f"cannot mount a small file system here: {can.stderr.strip()}")
    return [*small, str(place), *map(str, command)]


def run(command: list[str]) -> subprocess.CompletedProcess:
    variables = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, timeout=560)


@pytest.fixture
def training(small_csv, tiny_checkpoint):
    """The words of a training of one step, but for --output-dir."""
    return [
        sys.executable, ROOT / "train.py", "--data", small_csv, "--start_from", tiny_checkpoint, "--max_steps", "1",
        "--per_device_train_batch_size", "8", "--precision", "fp32", "--calibrate", "no", "--disable_tqdm", "true",
        "--save_strategy", "steps", "--eval_strategy", "steps", "--save_steps", "1", "--eval_steps", "1",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_disk_that_is_full_in_the_middle(tmp_path, training):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = run(on_small(disk, "32k", *training, "--output-dir", disk))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"error: {disk} must have room for checkpoints, but its disk is full; nothing is saved yet; free some space "
        "and start again, or choose another --output-dir."
    )


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end(tmp_path, tiny_checkpoint):
    """There is room for the network and not for a second copy of it: what was measured is added in place."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = run(on_small(disk, "2m", sys.executable, "-c", SAVE, disk, tiny_checkpoint))
    assert done.returncode == 0, done.stderr
    saved, refused, left = done.stdout.splitlines()
    failed, temperature, metrics = json.loads(saved)
    assert "saving what was measured" not in failed
    assert (temperature, metrics) == (1.5, {"test": {"accuracy": 0.5}})
    assert refused.startswith(f"{disk} must have room for checkpoints, but its disk is full; nothing is saved yet; ")
    assert left == "['final', 'other']"  # nothing half-written


@pytest.mark.slow
def test_workers_without_shared_memory_do_not_wait_for_ever(tmp_path, training):
    if not Path("/dev/shm").is_dir():
        pytest.skip("needs /dev/shm, which Linux has")
    words = [*training, "--output-dir", tmp_path / "run", "--dataloader-num-workers", "2"]
    done = run(on_small(Path("/dev/shm"), "64k", *words))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("error: --dataloader-num-workers 2 needs 1.1 MB in /dev/shm, but 0.1 MB are free; leave it ")
