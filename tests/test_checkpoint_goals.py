"""The page of goals: what counts as reached, and that it says what the files beside the weights say."""

from pathlib import Path

import pytest

from benchmarks import checkpoint_goals
from benchmarks.checkpoint_goals import Goal

ROOT = Path(__file__).resolve().parent.parent


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


def test_a_training_that_goes_on_from_another_is_told_from_its_beginning():
    began = "python train.py --data path/to/fer2013 --num_train_epochs 90 --mixup 0.2"
    options = {"start_from": "final", "num_train_epochs": 22.0, "earlier": [began]}
    text = checkpoint_goals.course(options, [{"epochs": 90.0, "seconds": 4700}, {"epochs": 22.0, "seconds": 5400}])
    assert "for 90 and then 22 epochs in 78 and then 90 minutes on a CPU" in text
    assert (
        "```bash\npython train.py --data path/to/fer2013 --num_train_epochs 300 --mixup 0.2\n"
        "python train.py --data path/to/fer2013 --start_from final --num_train_epochs 300\n```"
    ) in text


def test_what_was_tried_stands_in_a_table():
    tried = {"what": "with mixup", "command": "python train.py --mixup 0.2", "accuracy": 0.681, "flip_averaged": 0.69,
             "macro_f1": 0.6, "calibration_error": 0.021, "ferplus_accuracy": 0.83}  # fmt: skip
    text = checkpoint_goals.tries([tried])
    assert "| with mixup | 68.1% | 69.0% | 0.600 | 0.021 | 83.0% |" in text
    assert "python train.py --mixup 0.2   # with mixup" in text


def test_the_committed_page_is_made_from_the_committed_figures():
    """Remake with: python -m benchmarks.checkpoint_goals"""
    assert (ROOT / "results" / "checkpoints.md").read_text() == checkpoint_goals.made()
