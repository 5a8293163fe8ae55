"""A run is ended early only if it cannot be saved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.thresholds import Abort
from loadtests import steady
from loadtests.hopeless import FEWEST, collapse, lost, watch
from tests.loadtests.runs import plan, results, second

seconds = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=20)


@given(before=seconds, after=seconds, allowed=st.floats(0.01, 0.3))
def test_what_is_lost_stays_lost(before, after, allowed):
    """Whatever the rest of the run brings, a run that was given up would have missed its threshold."""
    start = min(3, len(before))
    found = results([second(index, *counts) for index, counts in enumerate(before)], steady=range(start, 1000))
    scheduled = sum(map(sum, before)) + sum(map(sum, after))
    if lost(found, scheduled, allowed) is None:
        return
    whole = results([second(index, *counts) for index, counts in enumerate(before + after)], steady=found.steady)
    share = steady.measure(whole).failed_share
    assert share is not None
    assert share > allowed


def test_a_run_is_not_lost_while_the_rest_could_save_it():
    """The last failure that is too many decides."""
    one_bad = [second(0, passed=90, failed=10), second(1, passed=90, failed=10)]
    assert lost(results(one_bad), 2000, 0.01) is None
    assert lost(results(one_bad), 1999, 0.01) == (
        "20 of 200 journeys have failed; even if all 1,799 still to come passed, that would be more than the 1.00%"
        " allowed"
    )


def test_dropped_arrivals_will_not_come():
    """Who was not started cannot pass any more."""
    found = results([second(0, passed=90, failed=10, dropped=1500)])
    assert lost(found, 2000, 0.01) is not None
    assert lost(results([second(0, passed=90, failed=10)]), 2000, 0.01) is None


def test_of_a_few_journeys_chance_decides():
    """The first failures of a run end nothing."""
    assert lost(results([second(0, passed=0, failed=FEWEST - 1)]), 20, 0.01) is None
    assert collapse(results([second(0, passed=0, failed=FEWEST - 1)]), 1, 0.5) is None


def test_the_warm_up_is_no_reason():
    """What fails before the steady part is not judged, so it is not given up for."""
    bad = [second(index, passed=0, failed=50) for index in range(5)]
    assert lost(results(bad, steady=range(5, 100)), 300, 0.01) is None
    assert collapse(results(bad, steady=range(5, 100)), 3, 0.5) is None


def test_a_collapse_is_seen_after_the_time_it_takes():
    """More than the share, over all of the last seconds, and not before so many lie after the warm-up."""
    good = [second(index) for index in range(30)]
    bad = [second(index, passed=4, failed=6) for index in range(30, 35)]
    assert collapse(results(good + bad), 10, 0.5) is None
    worse = [*bad, *(second(index, passed=4, failed=6) for index in range(35, 40))]
    assert collapse(results(good + worse), 10, 0.5) == ("60 of 100 journeys that ended in the last 10 s failed (60%)")
    assert collapse(results(good + worse, steady=range(31, 100)), 10, 0.5) is None


def test_the_last_seconds_are_those_before_the_last_arrival():
    """In the drain only those come to an end who took long: that is no collapse."""
    late = [second(index) for index in range(10)] + [second(index, passed=0, failed=5) for index in range(10, 20)]
    assert collapse(results(late, steady=range(10)), 5, 0.5) is None


def test_a_run_is_watched_until_everybody_has_come():
    """After the last arrival there is nothing left to spare; a campaign that allows more failures is heard."""
    the_plan = plan(60.0, failed_share=0.01)
    look = watch(the_plan, Abort(over="5s"))
    bad = results([second(index, passed=0, failed=10) for index in range(20)])
    assert "have failed" in (look(bad, 20.0) or "")
    assert look(bad, 60.0) is None
    assert look(results([second(index) for index in range(20)]), 20.0) is None


@pytest.mark.parametrize(("allowed", "ends"), [(0.01, True), (0.9, False)])
def test_what_may_fail_is_no_reason(allowed, ends):
    """Asked for on the command line, the rule of a half gives way to a campaign that allows more."""
    bad = results([second(index, passed=2, failed=8) for index in range(20)])
    assert (watch(plan(60.0, failed_share=allowed), Abort())(bad, 20.0) is not None) is ends
