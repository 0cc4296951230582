"""Trainings on a disk, or with shared memory, that is too small: one sentence, and what can be saved is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

SHARED = Path("/dev/shm")

SMALL = """
import json, logging, os, sys
from pathlib import Path
import train
from fer_hub import FERForImageClassification, FERImageProcessor
from fer_hub.hub.afterwards import Afterwards
from fer_hub.hub.checkpoint import write_checkpoint, write_network
from fer_hub.training.fine_tuning import last_layer
from fer_hub.training.saving import room_on_disk

logging.basicConfig(format="%(message)s")
small, large, elsewhere, start, *words = sys.argv[1:]
told = {}

def training(name, *options):
    try:
        train.main([*words, *options])
    except (OSError, SystemExit) as error:
        told[name] = str(error)

training("workers", "--output-dir", elsewhere, "--dataloader-num-workers", "2")
training("middle", "--output-dir", small)

# the end of a training: there is room for the network and not for a second copy of it
disk, afterwards = Path(large), Afterwards()
model, processor = FERForImageClassification.from_pretrained(start), FERImageProcessor()
parts = {"training_args": {}, "log": []}
write_network(disk / "final", model, processor, **parts)
weights = (disk / "final" / "model.safetensors").stat().st_size
(disk / "other").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - weights // 2))
model.config.temperature, model.config.class_shares = 1.5, [0.4, *[0.1] * 6]
write_checkpoint(disk / "final", model, processor, metrics={"test": {"accuracy": 0.5}}, afterwards=afterwards, **parts)
again = FERForImageClassification.from_pretrained(disk / "final")
told["failed"], told["fitted"] = afterwards.failed, [again.config.temperature, again.config.class_shares]
told["metrics"] = json.loads((disk / "final/metrics.json").read_text())
last_layer(model)[1].bias.data += 1  # as a refit of the last layer would
refitted = Afterwards()
write_checkpoint(disk / "final", model, processor, metrics={"test": {"accuracy": 0.9}}, afterwards=refitted, **parts)
told["refitted"] = [refitted.failed, json.loads((disk / "final/metrics.json").read_text())]
try:
    with room_on_disk(disk, "trains on"):
        write_network(disk / "more", model, processor, **parts)
except OSError as error:
    told["more"] = str(error)
told["left"] = sorted(path.name for path in disk.iterdir())
print(json.dumps(told))
"""
"""Three trainings' ends in one process, as its start takes most of the time."""


@pytest.fixture(scope="module")
def disks(tmp_path_factory) -> dict[str, Path]:
    """Size → the folder where a file system of that size is."""
    folder = tmp_path_factory.mktemp("disks")
    return {size: folder / size for size in ("32k", "2m")} | {"64k": SHARED}


@pytest.fixture(scope="module")
def told(tmp_path_factory, disks, small_csv, tiny_checkpoint) -> dict:
    """What `SMALL` said, in a process for which small file systems, in memory, lie at three folders."""
    if not SHARED.is_dir():
        pytest.skip("needs /dev/shm, which Linux has")
    mounts = []
    for size, place in disks.items():
        place.mkdir(exist_ok=True)
        mounts.append(f"mount -t tmpfs -o size={size} none '{place}'")
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", " && ".join([*mounts, 'exec "$0" "$@"'])]
    try:
        can = subprocess.run([*inside, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs unshare of util-linux")
    if can.returncode:
        pytest.skip(f"cannot mount a small file system here: {can.stderr.strip()}")
    words = [
        "--data", small_csv, "--start_from", tiny_checkpoint, "--max_steps", "1",
        "--per_device_train_batch_size", "8", "--precision", "fp32", "--calibrate", "no", "--disable_tqdm", "true",
        "--save_strategy", "steps", "--eval_strategy", "steps", "--save_steps", "1", "--eval_steps", "1",
    ]  # fmt: skip
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "run"
    command = [sys.executable, "-c", SMALL, disks["32k"], disks["2m"], elsewhere, tiny_checkpoint, *words]
    variables = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*inside, *map(str, command)], capture_output=True, text=True, env={**os.environ, **variables}, timeout=560
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_disk_that_is_full_in_the_middle(told, disks):
    assert told["middle"] == (
        f"{disks['32k']} must have room for checkpoints, but its disk is full; nothing is saved yet; free some space "
        "and start again, or choose another --output-dir."
    )


def test_a_disk_that_is_full_at_the_end(told, disks):
    """There is room for the network and not for a second copy of it: what was measured is added in place."""
    assert "saving what was measured" not in told["failed"]
    assert told["fitted"] == [1.5, [0.4, *[0.1] * 6]] and told["metrics"] == {"test": {"accuracy": 0.5}}
    sentence = f"{disks['2m']} must have room for checkpoints, but its disk is full; nothing is saved yet; "
    assert told["more"].startswith(sentence)
    assert told["left"] == ["final", "other"]  # nothing half-written


def test_figures_of_a_refitted_network_are_not_put_beside_the_weights_before_it(told):
    failed, metrics = told["refitted"]
    assert failed == ["saving the network with its last layer fitted anew"]
    assert metrics == {"test": {"accuracy": 0.5}}


def test_workers_without_shared_memory_do_not_wait_for_ever(told):
    assert told["workers"].startswith(
        "--dataloader-num-workers 2 needs 1.1 MB in /dev/shm, but 0.1 MB are free; leave it "
    )
