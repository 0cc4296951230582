"""The ablation: intervals over seeds, and differences that are taken seed by seed."""

import json
from pathlib import Path

import pytest

from benchmarks import ablation

ROOT = Path(__file__).resolve().parents[2]


def test_an_interval_is_students():
    mean, half = ablation.interval([0.5, 0.7])
    assert (mean, half) == (pytest.approx(0.6), pytest.approx(12.706 * 0.02**0.5 / 2**0.5))


def test_differences_are_between_runs_with_the_same_seed():
    """Seeds that move all rows alike widen the rows' intervals, not those of the differences."""
    whole, less = (f for f in list(ablation.VARIANTS)[:2])
    runs = {whole: [{"FER+": value} for value in (0.70, 0.75, 0.80)], less: [{"FER+": v} for v in (0.65, 0.70, 0.75)]}
    lines = ablation.markdown(runs).splitlines()
    assert f"| {less} | 70.0 ± 12.4 |" in lines
    assert f"| {less} | -5.0 ± 0.0 |" in lines


def test_it_says_what_moves_by_more_than_chance():
    whole, less = (f for f in list(ablation.VARIANTS)[:2])
    runs = {
        whole: [{"noise": value, "FER+": 0.7, "press": 0.6} for value in (0.5, 0.51, 0.5)],
        less: [{"noise": n - 0.2, "FER+": f, "press": 0.65} for n, f in ((0.5, 0.6), (0.51, 0.9), (0.5, 0.71))],
    }
    assert ablation.markdown(runs).splitlines()[-1] == f"- {less}: higher press - lower noise"


def test_a_run_that_was_repeated_is_compared_with_its_own_seed():
    known = {name: {"2": {"FER+": 0.2}, "3": {"FER+": 0.3}, "1": {"FER+": 0.1}} for name in ablation.VARIANTS}
    assert {tuple(run["FER+"] for run in runs) for runs in ablation.in_order(known).values()} == {(0.1, 0.2, 0.3)}


def test_the_committed_page_is_made_from_the_committed_figures():
    """Remake with: python -m benchmarks.ablation"""
    known = json.loads((ROOT / "results" / "ablation.json").read_text())
    assert (ROOT / "results" / "ablation.md").read_text() == ablation.markdown(ablation.in_order(known))
