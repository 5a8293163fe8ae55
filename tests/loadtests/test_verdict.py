"""A run is invalid before it is failed, and failed before it is passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config import GeneratorLimits
from loadtests.verdict import Check, Generator, check, generator_checks, judge, troubles

GOOD = Generator(due=1000, started=1000, dropped=0, lateness_p99=0.002, cpu=0.5, loop_lag=0.01)
LIMITS = GeneratorLimits(cpu=0.9, loop_lag="200ms")


def held(measured: float | None, limit: float = 1.0) -> Check:
    return check("system", "something", "ratio", limit, measured, "something was too much")


def test_a_good_run_passes_without_reasons():
    """Within every threshold, and the generator kept its schedule."""
    verdict = judge([*generator_checks(GOOD, LIMITS), held(0.5), held(1.0)])
    assert (verdict.outcome, verdict.reasons) == ("passed", [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"started": 998, "dropped": 2}, "998 of 1000 arrivals were started (2 dropped)"),
        ({"lateness_p99": 0.11}, "1 % of the arrivals started 110 ms late or more (limit 100 ms)"),
        ({"lateness_p99": 0.10004}, "1 % of the arrivals started a little over 100 ms late or more (limit 100 ms)"),
        ({"cpu": 0.90004}, "its busiest process used a little over 0.9 cores (limit 0.9)"),
        ({"loop_lag": 0.20004}, "its event loop was a little over 200 ms late (limit 200 ms)"),
        ({"cpu": 0.95}, "its busiest process used 0.95 cores (limit 0.9)"),
        ({"loop_lag": 0.5}, "its event loop was 500 ms late (limit 200 ms)"),
        ({"lateness_p99": 0.11, "stolen": 0.4}, "(limit 100 ms); the machine's host withheld 0.40 cores meanwhile"),
    ],
)
def test_a_generator_that_was_the_limit_makes_the_run_invalid(change, words):
    """The reason names the figure and its limit."""
    verdict = judge([*generator_checks(replace(GOOD, **change), LIMITS), held(0.5)])
    assert verdict.outcome == "invalid"
    assert words in "; ".join(verdict.reasons)


def test_what_the_host_withholds_is_a_cause_and_no_fault():
    """An instrument that kept its schedule is fit, whatever happened around it; a trace of it explains no lateness."""
    assert judge([*generator_checks(replace(GOOD, stolen=1.5), LIMITS), held(0.5)]).outcome == "passed"
    slightly = replace(GOOD, lateness_p99=0.11, stolen=0.01)
    assert "host" not in "; ".join(judge(generator_checks(slightly, LIMITS)).reasons)


def test_cpu_and_lag_are_judged_only_where_they_are_limited():
    """Lateness shows what they do; whoever wants to be stricter says so."""
    assert [one.name for one in generator_checks(GOOD, GeneratorLimits())] == ["arrivals started", "start lateness p99"]
    hot = replace(GOOD, cpu=40.0, loop_lag=9.0)
    assert all(one.result == "met" for one in generator_checks(hot, GeneratorLimits()))


@pytest.mark.parametrize(
    ("befell", "words"),
    [
        ({"interrupted": True}, "the run was interrupted"),
        ({"errors": ["a worker was lost"]}, "the generator failed: a worker was lost"),
        ({"aborted": 3000}, "ran out of descriptors, ports or memory for 3,000 journeys"),
        ({"no_account": 1200, "pool": 5000}, "1,200 arrivals found no free test account (pool of 5,000)"),
    ],
)
def test_what_befell_the_generator_makes_the_run_invalid(befell, words):
    """Whatever the figures say."""
    said = troubles(**{"interrupted": False, "errors": [], "aborted": 0} | befell)
    verdict = judge([held(0.5)], troubles=said)
    assert verdict.outcome == "invalid"
    assert words in " ".join(verdict.reasons)


def test_an_invalid_run_does_not_blame_the_system():
    """When the generator was the limit, missed thresholds say nothing."""
    verdict = judge([*generator_checks(replace(GOOD, lateness_p99=1.0), LIMITS), held(9.0)])
    assert verdict.outcome == "invalid"
    assert "something" not in " ".join(verdict.reasons)


def test_every_missed_threshold_is_a_reason():
    """All of them, in their order."""
    verdict = judge([held(9.0), held(0.1), check("system", "other", "count", 0, 3, "three too many")])
    assert (verdict.outcome, verdict.reasons) == ("failed", ["something was too much", "three too many"])


def test_a_run_that_was_ended_early_has_failed():
    """Also where no threshold was missed so far; unless the generator was at fault."""
    verdict = judge([held(0.5)], ended_early="nothing works")
    assert (verdict.outcome, verdict.reasons) == ("failed", ["ended early: nothing works"])
    verdict = judge([held(0.5)], ended_early="nothing works", troubles=["the generator failed: x"])
    assert (verdict.outcome, len(verdict.reasons)) == ("invalid", 2)


def test_what_failures_look_like_is_a_reason_of_a_failed_run_only():
    """After what was missed; refusals that miss no threshold fail nobody, and an invalid run says nothing."""
    cause = ["that is what a limit looks like"]
    assert judge([held(9.0)], causes=cause).reasons == ["something was too much", *cause]
    assert (judge([held(0.5)], causes=cause).outcome, judge([held(0.5)], causes=cause).reasons) == ("passed", [])
    assert cause[0] not in judge([held(9.0)], causes=cause, troubles=["the generator failed: x"]).reasons


def test_no_data_is_no_success():
    """A threshold against which nothing was measured makes a run invalid, but a missed one counts for more."""
    verdict = judge([held(None)])
    assert (verdict.outcome, verdict.reasons) == ("invalid", ["something: nothing was measured"])
    assert judge([held(None), held(9.0)]).outcome == "failed"
    assert held(None).result == "not measured"


def test_a_run_in_which_nobody_came_to_an_end_is_invalid():
    """There is nothing to judge."""
    verdict = judge([held(0.5)], anyone=False)
    assert (verdict.outcome, verdict.reasons) == ("invalid", ["no journey came to an end"])


def test_a_lowest_value_is_missed_from_below():
    """Arrivals started are a share that must be reached; exactly reached is enough."""
    for measured, result in ((0.9, "missed"), (0.999, "met"), (1.0, "met")):
        assert check("generator", "x", "share", 0.999, measured, "too few", lowest=True).result == result
