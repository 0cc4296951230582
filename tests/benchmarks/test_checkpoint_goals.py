"""The page of goals: what counts as reached, and that it says what the files beside the weights say."""

from pathlib import Path

import pytest

from benchmarks import checkpoint_goals
from benchmarks.checkpoint_goals import Goal, Known, goals
from fer_hub.evaluation.robustness import CLEAN, PART

ROOT = Path(__file__).resolve().parents[2]


def known(**figures):
    nothing = {"metrics": {}, "bears": [], "uniform": {}, "milliseconds": {"photographs": 3.5}, "clean": {}}
    return Known(**nothing | figures)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.75, "75.0 % | goal reached |"),
        (0.74, "74.0 % | least reached, 1.0 % behind the goal |"),
        (0.70, "70.0 % | **missed**, 5.0 % behind the goal, 3.0 % behind the least |"),
        (None, " | not measured |"),
    ],
)
def test_a_goal_is_reached_or_missed_by_so_much(value, verdict):
    row = Goal("accuracy", lambda k: value, 0.73, 0.75, "71 %").row(known())
    assert row == f"| accuracy | 71 % | 73.0 % | 75.0 % | {verdict}"


def test_less_can_be_better():
    goal = Goal("time", lambda k: k.milliseconds["photographs"], 5, 3, unit="ms", more_is_better=False)
    assert goal.row(known()) == "| time |  | 5.0 ms | 3.0 ms | 3.5 ms | least reached, 0.5 ms behind the goal |"


def test_what_is_lost_is_compared_on_the_same_images_and_with_the_generation_before():
    def line(checkpoint, data, kind, strength, accuracy):
        return {"checkpoint": checkpoint, "data": data, "kind": kind, "strength": strength, "accuracy": accuracy,
                "macro_recall": accuracy, "calibration_error": 0.02, "recalls": {"neutral": 0.8}}  # fmt: skip

    bears = [
        line(checkpoint, f"FER-2013{part}", kind, strength, accuracy + (0.1 if part else 0))
        for checkpoint, clean, mask in (("photographs", 0.66, 0.6), (checkpoint_goals.BEFORE, 0.7, 0.52))
        for part in ("", PART)
        for kind, strength, accuracy in ((CLEAN, 0, clean), ("mask", 3, mask))
    ]
    bears[0]["accuracy"] = 0.9  # of all images, which those of the corruption are not
    measured = known(bears=bears, metrics={"fer2013": {"test": {}}, "ferplus": {"test": {}}})
    [goal] = [goal for goal in goals(measured) if "mask" in goal.what]
    assert goal.value(measured) == pytest.approx(0.06) and goal.before == "18.0 points"
    assert (goal.least, goal.wanted) == (pytest.approx(0.09), pytest.approx(0.06))


def test_the_committed_page_is_made_from_the_committed_figures():
    """Remake with: python -m benchmarks.checkpoint_goals"""
    assert (ROOT / "results" / "checkpoints.md").read_text() == checkpoint_goals.made()
