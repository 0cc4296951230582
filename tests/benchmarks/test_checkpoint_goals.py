"""The page of goals: what counts as reached, and that it says what the files beside the weights say."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import checkpoint_goals
from benchmarks.checkpoint_goals import Goal, Known, goals
from benchmarks.robustness_table import read_lines
from fer_hub.evaluation.robustness import CLEAN, PART, PRESS_CLASSES, all_kinds

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


def line(checkpoint, data, kind, strength, accuracy, **others):
    return {"checkpoint": checkpoint, "data": data, "kind": kind, "strength": strength, "accuracy": accuracy,
            "macro_recall": accuracy, "calibration_error": 0.02, "images": 100,
            "recalls": dict.fromkeys(PRESS_CLASSES, 0.8)} | others  # fmt: skip


def test_what_is_lost_is_compared_on_the_same_images_and_with_the_generation_before():
    bears = [
        line(checkpoint, f"FER-2013{part}", kind, strength, accuracy + (0.1 if part else 0))
        for checkpoint, clean, mask in (("photographs", 0.66, 0.6), (checkpoint_goals.BEFORE, 0.7, 0.52))
        for part in ("", PART)
        for kind, strength, accuracy in ((CLEAN, 0, clean), ("mask", 3, mask))
        if part or kind == CLEAN
    ]
    bears[0]["accuracy"] = 0.9  # of all images, which those of the corruption are not
    measured = known(bears=bears, metrics={"fer2013": {"test": {}}, "ferplus": {"test": {}}})
    [goal] = [goal for goal in goals(measured) if "mask" in goal.what]
    assert goal.value(measured) == pytest.approx(0.06) and goal.before == "18.0 points"
    assert (goal.least, goal.wanted) == (pytest.approx(0.09), pytest.approx(0.06))


def test_what_is_lost_is_of_all_images_where_they_were_measured():
    """A part of them makes a miss look smaller or larger than it is."""
    bears = [
        line("photographs", f"FER-2013{part}", kind, strength, accuracy, images=images)
        for part, images, mask in (("", 3000, 0.5), (PART, 1200, 0.6))
        for kind, strength, accuracy in ((CLEAN, 0, 0.7), ("mask", 3, mask))
    ]
    measured = known(bears=bears)
    assert measured.lost("mask", 3) == pytest.approx(0.2) and measured.pair("mask", 3)[0]["images"] == 3000


def test_a_figure_shows_its_interval_and_its_images():
    goal = Goal("recall", lambda k: 0.22, 0.25, 0.4, sure=lambda k: (0.1, 0.41), images=lambda k: 27)
    assert "| 22.0 % (10.0 to 41.0, 27 images) | **missed**, 18.0 % behind the goal" in goal.row(known())
    exact = Goal("lost", lambda k: 0.66 - 0.6, 0.09, 0.06, unit="points", more_is_better=False)
    assert exact.row(known()).endswith("| 6.0 points | goal reached |")  # 0.66 - 0.6 is not 0.06 to the last bit


def test_the_rule_says_how_far_apart_checkpoints_may_be_by_chance():
    """By hand: four recalls of 0.8 of 100 images each have a standard error of 2 points in their mean."""
    bears = [
        line(checkpoint, data, kind, strength, value)
        for checkpoint, value in (("photographs", 0.6), ("other", 0.59))
        for data in ("FER-2013", "FER+", "press")
        for kind, strength in all_kinds()
    ]
    counts = dict.fromkeys(("FER-2013", "FER+", "press"), dict.fromkeys(PRESS_CLASSES, 100))
    measured = known(bears=bears, counts=counts)
    value, error = measured.ruled("photographs")
    assert value == pytest.approx(0.6) and error == pytest.approx(math.hypot(0.02 + 0.02, 0.02) / 3)
    text = checkpoint_goals.outcome(measured)
    assert "| `photographs` | 60.0 | | |" in text and "| `other` | 59.0 | -1.0 | up to 4.1 |" in text
    assert checkpoint_goals.outcome(known(bears=bears)) == ""


def test_the_committed_page_is_made_from_the_committed_figures():
    """Remake with: python -m benchmarks.checkpoint_goals"""
    assert (ROOT / "results" / "checkpoints.md").read_text() == checkpoint_goals.made()


@pytest.mark.parametrize("name", checkpoint_goals.NAMES)
def test_cards_have_the_figures_of_robustness(name):
    """Remake with: python -m benchmarks.checkpoint_goals, then fer-hub refresh checkpoints/NAME"""
    metrics = json.loads((ROOT / "checkpoints" / name / "metrics.json").read_text())
    press = json.loads((ROOT / "results" / "press.json").read_text())["photographs"]["images"]
    found = checkpoint_goals.robustness_of(name, read_lines(ROOT / "results"), press)
    assert metrics.get("robustness", {}) == found
