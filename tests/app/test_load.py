"""A few parallel clients with valid and invalid requests, as in `benchmarks/load.py`."""

import threading

from benchmarks import load


def test_valid_and_invalid_requests_in_parallel_get_the_right_response(app_url):
    tally = load.load(app_url, 6, threading.Event(), requests=6)
    assert tally.wrong == []
    assert sum(tally.answered.values()) == 36 and len(tally.answered) > 6
    assert set(load.RUDE) <= set(tally.answered)
