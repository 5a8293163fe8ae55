"""The histogram of response times: every answer in one bar, bars that follow each other."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.histogram import histogram
from loadtests.latencies import Latencies, counted
from loadtests.second import sparse

times = st.lists(st.floats(min_value=1e-6, max_value=3000), max_size=50)


def latencies(seconds):
    """Return them as a run keeps them."""
    kept = Latencies()
    kept.add(counted(sparse(seconds)))
    return kept


@settings(max_examples=30)  # each draws up to a hundred bars from a histogram of thousands of values
@given(times, times)
def test_every_answer_is_in_one_bar(response, service):
    """Bars follow each other without a gap, the first and the last of them are not empty."""
    bars = histogram(latencies(response), latencies(service))
    assert sum(bar.response for bar in bars) == len(response)
    assert sum(bar.service for bar in bars) == len(service)
    assert all(before.high == after.low for before, after in pairwise(bars))
    assert all(bar.response or bar.service for bar in (bars[:1] + bars[-1:]))


def test_a_limit_belongs_to_the_bar_below_it():
    """1 ms is at most 1 ms; 2 ms lies between 1.58 and 2 ms, which the histogram rounds to three digits."""
    found = {bar.high: bar.response for bar in histogram(latencies([0.001, 0.001, 0.0011]), latencies([]))}
    assert found == {0.001: 2, 0.00126: 1}


def test_nothing_measured_has_no_bars():
    """Nor a division by zero."""
    assert histogram(latencies([]), latencies([])) == []
