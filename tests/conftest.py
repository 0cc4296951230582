"""Shared fixtures: the real data, a small checkpoint on disk, and the number of workers."""

import gc
import os
from pathlib import Path

import hypothesis
import pytest

gc.disable()  # until all is imported, which makes many objects and no garbage

hypothesis.settings.register_profile("no times", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("no times")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Those that this process may use, hyperthreads included; a container may have fewer than its machine."""

# Idle OpenMP threads that spin make every other process slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # set in the processes that `-n` starts
    # Each takes its share of the cores, as does what it starts; read when torch is imported, which is later.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, CORES // int(workers))))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

ROOT = Path(__file__).resolve().parent.parent

MOST_WORKERS = 4
"""Each may hold torch, an app and a browser, some 4 GB; and more would wait for the longest file, not end sooner."""

LONGEST = (
    "tests/evaluation/test_evaluate.py", "tests/app/test_readme.py",
    "tests/transformers_mixins/test_transformers_mixins.py", "tests/onnx/test_export.py", "tests/app/test_page_axe.py",
    "tests/app/test_safety.py", "tests/test_explaining.py", "tests/app/test_private.py",
    "tests/app/test_page_webcam.py", "tests/app/test_page_seen.py", "tests/app/test_page_networks.py",
    "tests/app/test_page_photo.py", "tests/app/test_other_machines.py", "tests/house/test_start.py",
    "tests/app/test_page_everybody.py", "tests/hub/test_round_trip.py", "tests/app/test_launch.py",
    "tests/training/test_two_processes.py", "tests/commands/test_predict_ray.py",
)  # fmt: skip
"""Files of about half a minute and more, the longest first, so that no process is left alone with one at the end."""


def pytest_xdist_auto_num_workers(config) -> int | None:
    """`-n auto` is a worker for each core; on a single core it is no worker, as they would only cost time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist's own rule obeys it
    return min(CORES, MOST_WORKERS) if CORES > 1 else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items) -> None:
    """With `-n` the longest files come first; without it the order stays that of the folders."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        ranks = {name: rank for rank, name in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(LONGEST)))


def pytest_collection_finish(session) -> None:
    """Let the garbage collector pass over what imports have made: most of the time of a small training is its."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session")
def fer2013_folder() -> Path:
    """The real FER-2013 as a parquet folder: FER2013_DIR, or ../shared/data/fer2013 beside the repository."""
    folder = Path(os.environ.get("FER2013_DIR") or ROOT.parent / "shared" / "data" / "fer2013")
    if not folder.is_dir():
        pytest.skip(f"needs FER-2013, which is not part of the repository: no folder at {folder}; set FER2013_DIR")
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint folder with a small network of random weights, seeded, as `save_pretrained` writes it."""
    import torch

    from fer_hub import FERConfig, FERForImageClassification, FERImageProcessor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    config = FERConfig(embedding_size=16, hidden_sizes=(16, 16), depths=(1, 1))
    FERForImageClassification(config).save_pretrained(folder)
    FERImageProcessor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory) -> Path:
    """A synthetic `fer2013.csv`: 10, 3 and 2 images per emotion and split, each emotion with its own brightness."""
    import numpy as np

    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    lines = ["emotion,pixels,Usage"]
    for usage, count in (("Training", 10), ("PublicTest", 3), ("PrivateTest", 2)):
        for emotion in list(range(7)) * count:
            pixels = np.clip(random.normal(30 + 30 * emotion, 10, 48 * 48), 0, 255).astype(int)
            lines.append(f"{emotion},{' '.join(map(str, pixels))},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def shipped_checkpoint() -> Path:
    """The checkpoint of the repository with FER-2013's seven expressions."""
    return ROOT / "checkpoints" / "fer2013"


@pytest.fixture(scope="session", params=["photographs", "fer2013", "ferplus"])
def each_checkpoint(request) -> Path:
    """The checkpoints of the repository, one after the other."""
    return ROOT / "checkpoints" / request.param


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """Runs Python's words in a folder and an environment, see `tests.preloaded.Preloaded.run`."""
    from tests.preloaded import NEUTRAL, Preloaded

    with Preloaded(NEUTRAL, tmp_path_factory.mktemp("python")) as interpreter:
        yield interpreter.run


@pytest.fixture(scope="session")
def recorder(tmp_path_factory):
    """Makes a `Recorder` of the hosts that a process looks up, by a name."""
    from tests.looking_up import Recorder, built

    folder = tmp_path_factory.mktemp("recorder")
    library = built(folder)
    return lambda name: Recorder(library, folder / name)
