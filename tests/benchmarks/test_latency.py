"""The measurement of one face's time: what it times, and that the committed figures are of the shipped checkpoints."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import latency, timing

ROOT = Path(__file__).resolve().parents[2]
WAYS = ["network", "network_contiguous", "pipeline", "pipeline_mirrored"]


@pytest.fixture(autouse=True)
def threads():
    """The measurement leaves torch with one thread."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_checkpoint_is_timed_every_way(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "WARM_UP", 0)
    latency.main(["--rounds", "1", "--output", str(tmp_path / "latency.json")])
    result = json.loads((tmp_path / "latency.json").read_text())
    committed = json.loads((ROOT / "results" / "latency.json").read_text())
    names = [folder.name for folder in sorted((ROOT / "checkpoints").iterdir())]
    for figures in (result, committed):
        assert list(figures["milliseconds"]) == names
        assert all(list(values) == WAYS and min(values.values()) > 0 for values in figures["milliseconds"].values())
    assert result["rounds"] == 1 and result["threads"] == 1


def test_a_slow_network_sets_the_exit_code(tmp_path, monkeypatch):
    for values, code in (([3.0, 4.0], 0), ([5.1, 6.0], 1), ([4.1, 4.0], 1)):
        measured = dict(zip(WAYS, ([value] for value in [*values, 5.0, 9.0]), strict=True))
        monkeypatch.setattr(latency, "in_turns", lambda calls, rounds, warm, measured=measured: measured)
        assert latency.main(["--output", str(tmp_path / "latency.json")]) == code
