"""What several test files share: where the real data is, and a small checkpoint on disk."""

import os
from pathlib import Path

# One thread per test process: idle OpenMP threads that spin make every other process slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
    """A made-up `fer2013.csv`: 10, 3 and 2 images per emotion and split, each a brightness of its own."""
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


@pytest.fixture(scope="session", params=["fer2013", "ferplus"])
def each_checkpoint(request) -> Path:
    """The checkpoints of the repository, one after the other."""
    return ROOT / "checkpoints" / request.param
