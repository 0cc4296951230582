"""A few clients at once with good and bad requests, as `benchmarks/load.py` makes them by the thousand."""

import threading

from benchmarks import load


def test_good_and_bad_requests_at_once_all_get_their_answer(app_url):
    tally = load.load(app_url, 6, threading.Event(), requests=6)
    assert tally.wrong == []
    assert sum(tally.answered.values()) == 36 and len(tally.answered) > 6
