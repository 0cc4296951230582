"""The trade-off of base rates: its ends are the answers as they are and those under uniform base rates."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.priors import counts, lines, plot, prior, write_csv

CONFIG = SimpleNamespace(id2label={0: "common", 1: "rare"}, class_shares=[0.9, 0.1])


def test_base_rates_go_from_those_of_training_to_uniform_ones():
    assert prior(CONFIG, 0.0) == pytest.approx({"common": 0.9, "rare": 0.1})
    assert prior(CONFIG, 0.5) == pytest.approx({"common": 0.75, "rare": 0.25})
    assert prior(CONFIG, 1.0) == pytest.approx({"common": 0.5, "rare": 0.5})


def test_rare_classes_gain_what_common_ones_lose(tmp_path):
    """Overlapping normal distributions, whose true posterior the logits are."""
    random = np.random.default_rng(0)
    labels = (random.random(4000) < 0.1).astype(int)
    x = random.normal(labels, 1.0)
    logits = np.stack([np.log(0.9) - 0.5 * x**2, np.log(0.1) - 0.5 * (x - 1) ** 2], 1)
    rows = lines(logits, labels, CONFIG)
    assert rows[0]["accuracy"] == (logits.argmax(1) == labels).mean()
    assert [row["rare"] for row in rows] == sorted(row["rare"] for row in rows)
    assert rows[0]["rare"] < 0.1 and rows[-1]["rare"] == pytest.approx(0.69, abs=0.05)  # P(x > 0.5 | rare)
    assert rows[-1]["macro recall"] > rows[0]["macro recall"] and rows[-1]["accuracy"] < rows[0]["accuracy"]
    write_csv(tmp_path / "rows.csv", rows)
    assert (tmp_path / "rows.csv").read_text().splitlines()[0] == "towards uniform,accuracy,macro recall,common,rare"
    assert len(plot(rows).axes[0].lines) == 3


def test_what_is_predicted_is_counted_beside_what_is_right():
    """A rare class that is found more often is also named where it is not."""
    logits = np.log([[0.95, 0.05], [0.8, 0.2], [0.8, 0.2], [0.3, 0.7]])
    found = counts(logits, np.array([0, 0, 1, 1]), CONFIG)
    assert found["training"]["rare"] == {"images": 2, "predicted": 1, "right": 1}
    assert found["uniform"]["rare"] == {"images": 2, "predicted": 3, "right": 2}
    assert found["uniform"]["common"] == {"images": 2, "predicted": 1, "right": 1}
