"""The page of goals: when a goal counts as reached, and that the page agrees with the files next to the weights."""

from pathlib import Path

import pytest

from benchmarks import checkpoint_goals
from benchmarks.checkpoint_goals import Goal

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.75, "reached"),
        (0.74, "missed by 1.0 points, the least accepted reached"),
        (0.70, "missed by 5.0 points, the least accepted by 3.0 points"),
    ],
)
def test_a_goal_is_reached_or_missed_by_so_much(value, verdict):
    row = Goal("accuracy", lambda m: m["x"], 0.75, 0.73).row({"x": value})
    assert row == f"| accuracy | at least 75.0 % (not below 73.0 %) | {100 * value:.1f} % | {verdict} |"


def test_less_can_be_better():
    goal = Goal("time", lambda m: m["x"], 5, unit="ms", more_is_better=False)
    assert goal.row({"x": 4}) == "| time | at most 5.00 ms | 4.00 ms | reached |"
    assert goal.row({"x": 6.5}) == "| time | at most 5.00 ms | 6.50 ms | missed by 1.50 ms |"


def test_earlier_trainings_are_listed_in_a_table():
    tried = {"what": "with mixup", "command": "python train.py --mixup 0.2", "device": "GPU", "epochs": 85.0,
             "minutes": 2.57, "accuracy": 0.681, "flip_averaged": None, "macro_f1": 0.6, "calibration_error": 0.021,
             "ferplus_accuracy": 0.83}  # fmt: skip
    text = checkpoint_goals.steps([tried])
    assert "| with mixup | GPU | 85 | 2.6 | 68.1% |  | 0.600 | 0.021 | 83.0% |" in text
    assert "python train.py --mixup 0.2   # with mixup" in text and "seeds" not in text
    again = [tried | {"seeds_of": "the recipe", "accuracy": share} for share in (0.68, 0.70)]
    assert (
        "The recipe with 2 seeds: mean 69.00 %, standard deviation 1.41 points, from 68.00 to 70.00 %."
    ) in checkpoint_goals.steps([tried, *again])


def test_the_committed_page_is_made_from_the_committed_figures():
    """Remake with: python -m benchmarks.checkpoint_goals"""
    assert (ROOT / "results" / "checkpoints.md").read_text() == checkpoint_goals.made()
