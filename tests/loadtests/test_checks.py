"""Thresholds are held against the steady part of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Thresholds
from loadtests import steady
from loadtests.checks import system_checks
from loadtests.progress import state_of
from loadtests.results import Results
from loadtests.second import Second
from loadtests.summarise import summarise
from loadtests.summary import Summary
from loadtests.verdict import Check
from loadtests.waiting_room import surpluses
from tests.loadtests.runs import JOURNEY, plan, results, second


def checks(found: Results, **thresholds: object) -> dict[str, Check]:
    """Judge results; return the checks by name."""
    limits = Thresholds.model_validate(thresholds)
    made = system_checks(limits, found, steady.measure(found), surpluses(found, limits.doses))
    return {one.name: one for one in made}


def missed(found: Results, **thresholds: object) -> list[str]:
    return [name for name, one in checks(found, **thresholds).items() if one.result == "missed"]


@pytest.mark.parametrize(
    ("seconds", "warm_up", "expected"),
    [(10.0, "0s", range(10)), (10.0, "2.5s", range(3, 10)), (9.5, "0s", range(10)), (10.0, "10s", range(10, 10))],
)
def test_the_steady_part_goes_from_the_warm_up_to_the_last_arrival(seconds, warm_up, expected):
    """In whole seconds: none that is partly warm-up, and the one in which the last may arrive."""
    assert steady.seconds_of(plan(seconds, warm_up=warm_up)) == expected


def test_warm_up_and_drain_are_not_judged():
    """Failures, slow answers and late starts count in the steady part only."""
    bad = {"failed": 10, "response": 9.0, "lateness": second(0).lateness * 0}
    slow = [second(0, **bad), *(second(index) for index in range(1, 9)), second(9, passed=1, response=9.0)]
    found = results(slow, steady=range(1, 9))
    assert missed(found, p99="1s", steps={"home": {"p95": "1s"}}) == []
    assert missed(results(slow), p99="1s", steps={"home": {"p95": "1s"}}) == [
        "failed journeys",
        "failed journeys, drain included",
        "p95 of all steps",
        "p99 of all steps",
        "p95 of home",
    ]


def test_whoever_hangs_until_the_end_of_the_run_has_failed_all_the_same():
    """The system stops answering: nobody fails before the last arrival, everybody after it."""
    found = results([*(second(index) for index in range(5)), second(20, passed=0, failed=50)], steady=range(10))
    by_name = checks(found)
    assert by_name["failed journeys"].result == "met"
    assert by_name["failed journeys, drain included"].measured == pytest.approx(0.5)
    assert "counting those on their way at the last arrival" in by_name["failed journeys, drain included"].complaint


def test_failures_of_the_warm_up_do_not_come_back_with_the_drain():
    """The drain adds what came after the steady part, not what was before."""
    found = results([second(0, failed=90), *(second(index) for index in range(1, 12))], steady=range(1, 10))
    assert missed(found) == []


def test_a_step_is_judged_over_all_journeys_or_in_one():
    """`home` is every home page, `visit-website/home` that of one journey; methods are taken together."""
    other = Second(0)
    other.steps["file-return", "home", "GET"].response.extend([3.0] * 100)
    other.steps[JOURNEY, "home", "POST"].response.extend([0.5] * 10)
    found = results([second(0), other])
    by_name = checks(found, steps={"home": {"p50": "1s"}, f"{JOURNEY}/home": {"p50": "100ms", "p99": "100ms"}})
    assert by_name["p50 of home"].measured == pytest.approx(3.0, rel=1e-3)
    assert by_name[f"p50 of {JOURNEY}/home"].measured == pytest.approx(0.02, rel=1e-3)
    assert by_name[f"p99 of {JOURNEY}/home"].measured == pytest.approx(0.5, rel=1e-3)
    assert "the 99th percentile of the response times of visit-website/home was 500 ms (limit 100 ms)" in (
        by_name[f"p99 of {JOURNEY}/home"].complaint
    )


def test_a_limit_of_a_millisecond_is_not_rounded_away():
    """'0.001 s (limit 0.001 s)' would contradict itself."""
    quick = Second(0)
    quick.steps[JOURNEY, "home", "GET"].response.extend([0.0014] * 10)
    complaint = checks(results([quick]), steps={"home": {"p95": "1ms"}})["p95 of home"].complaint
    assert complaint == "the 95th percentile of the response times of home was 1.4 ms (limit 1 ms)"


@pytest.mark.parametrize(
    ("value", "limits", "said"),
    [
        (2.004, {"p95": "2s"}, "was a little over 2 s (limit 2 s)"),
        (
            1.0,
            {"amplification": 1.4999},
            "a little over 1.5 attempts were made for each journey that passed (limit 1.5)",
        ),
        (1.0, {"failed_share": 0.33332}, "a little over 33.33% of the journeys failed (at most 33.33% allowed)"),
    ],
)
def test_a_complaint_never_says_that_the_limit_was_met(value, limits, said):
    """Both are rounded alike, and may come to the same."""
    found = results([second(0, passed=10, failed=5, response=value)])
    assert said in "; ".join(one.complaint for one in checks(found, **limits).values())


def test_what_was_never_measured_is_not_met():
    """A step that nobody reached, a steady part in which nobody came to an end."""
    found = results([second(0)], steady=range(5, 10))
    assert {one.result for one in checks(found, steps={"submit": {"p95": "1s"}}).values()} == {"not measured"}


@pytest.mark.parametrize(
    ("attempts", "started", "completed", "failed", "expected"),
    [
        (100, 100, 100, 0, 1.0),  # everyone passes at once
        (150, 100, 100, 0, 1.5),  # half of them at the second attempt
        (100, 100, 50, 50, 2.0),  # nobody tries again: two attempts were made for each that passed
        (100, 100, 10, 0, 1.0),  # most are still on their way
        (100, 100, 0, 0, 1.0),
        (100, 100, 0, 40, 40.0),
        (0, 0, 5, 5, None),
    ],
)
def test_amplification_is_attempts_for_each_journey_that_passed(attempts, started, completed, failed, expected):
    """A part of a run in which more people set out than come to an end does not look like a storm."""
    assert steady.amplification(attempts, started, completed, failed) == expected


@given(st.integers(1, 1000), st.floats(1, 10), st.floats(0, 0.99))
def test_amplification_of_a_whole_run_is_attempts_by_passes(started, each, failed_share):
    """Where everybody came to an end the two factors are one ratio."""
    failed = int(failed_share * started)
    attempts = round(each * started)
    assert steady.amplification(attempts, started, started - failed, failed) == pytest.approx(
        attempts / (started - failed)
    )


def test_amplification_has_a_threshold():
    """A storm of retries fails the run even if everyone passes in the end."""
    found = results([second(index, attempts=18) for index in range(5)])
    assert missed(found, amplification=1.5) == ["amplification"]
    assert missed(found, amplification=2.0) == []
    assert "1.8 attempts were made for each journey that passed (limit 1.5)" in (
        checks(found, amplification=1.5)["amplification"].complaint
    )


def test_the_busiest_ten_seconds_count_as_busy():
    """One hot second is none; ten of them are."""
    spike = results([second(index, cpu=3.0 if index == 20 else 0.2) for index in range(40)])
    assert steady.measure(spike).cpu == pytest.approx(0.48)
    load = results([second(index, cpu=0.99 if 10 <= index < 20 else 0.2) for index in range(40)])
    assert steady.measure(load).cpu == pytest.approx(0.99)
    short = results([second(index, cpu=0.5) for index in range(3)])
    assert steady.measure(short).cpu == pytest.approx(0.5)
    assert steady.measure(Results()).cpu == 0


def test_what_the_host_withheld_is_a_mean_of_the_steady_part():
    """Lateness comes from all of it, not from the worst second."""
    found = results([second(index, stolen=0.8 if index < 2 else 0.1) for index in range(6)], range(1, 6))
    assert steady.measure(found).stolen == pytest.approx((0.8 + 4 * 0.1) / 5)
    assert steady.measure(Results()).stolen == 0


def summary_of(found: Results, the_plan=None, **options: object) -> Summary:
    return summarise(
        the_plan or plan(), found, began=datetime.now(UTC), seconds=10.0, processes=1, command="test", **options
    )


def test_the_summary_says_what_was_judged_and_what_was_measured():
    """From, to and figures of the steady part; those of the whole run beside them; every threshold with its figure."""
    the_plan = plan(10.0, warm_up="2s")
    early = [second(index, failed=10, response=1.0) for index in range(2)]
    found = results([*early, *(second(index) for index in range(2, 10))], steady.seconds_of(the_plan))
    summary = summary_of(found, the_plan)
    part = summary.steady
    assert (part.start, part.end, part.completed, part.failed, part.failed_share) == (2, 10, 80, 0, 0.0)
    assert (summary.arrivals.completed, summary.arrivals.failed) == (100, 20)
    assert summary.response.max > 0.9 > part.response.max
    (step,) = summary.steps
    assert (step.response.count, step.steady.count) == (100, 80)
    assert {one.name for one in summary.checks} >= {"arrivals started", "failed journeys", "p95 of all steps"}


def test_an_interrupted_run_is_judged_up_to_where_it_came():
    """The end of the steady part is then the last second there is."""
    found = results([second(index) for index in range(4)], steady=range(1, 10))
    assert steady.measure(found).end == 4
    assert steady.measure(results([], steady=range(1, 10))).end == 1


def test_a_run_ended_early_has_failed_and_is_not_called_interrupted():
    """Its reason comes first; what was not due is counted."""
    found = results([second(index) for index in range(4)], steady=range(10))
    summary = summary_of(found, interrupted=True, ended_early="nothing works")
    assert (summary.outcome, summary.reasons) == ("failed", ["ended early: nothing works"])
    assert summary.arrivals.not_due == summary.arrivals.scheduled - 40 > 0
    assert summary_of(found, interrupted=True).outcome == "invalid"


def test_the_amplification_of_a_second_looks_ten_seconds_back():
    """Within one second hardly anybody tries twice."""
    found = results([second(index, attempts=40 if index == 5 else 10) for index in range(20)])
    rows = [row.amplification for row in summary_of(found).timeline]
    assert rows[4] == 1.0
    assert rows[5] == pytest.approx(90 / 60)
    assert rows[14] == pytest.approx(130 / 100)
    assert rows[15] == 1.0


def test_where_nobody_passed_no_attempts_are_counted_for_each():
    """There is no such number, at no moment: the complaint says how many attempts came to nothing."""
    found = results([second(index, passed=0, failed=10, attempts=30) for index in range(20)])
    summary = summary_of(found, plan(amplification=2))
    assert summary.worst is None
    assert any("600 attempts were made, and no journey passed (limit 2" in reason for reason in summary.reasons)


def test_the_progress_counts_attempts_only_where_somebody_passes():
    """Of the last seconds: else it would show a number of attempts as if it were one for each."""
    passing = results([second(index, attempts=30) for index in range(8)])
    failing = results([second(index, passed=0, failed=10, attempts=30) for index in range(8)])
    assert "3.00 attempts for each that passes" in str(state_of(plan(), passing, 8.0))
    assert "attempts" not in str(state_of(plan(), failing, 8.0))


def test_an_exceeded_dose_names_channel_dose_rate_and_surplus():
    """The waiting room table of the summary has the same figures."""
    seconds = []
    for index in range(10):
        one = second(index)
        one.passages["app", "joined"] = one.passages["app", "unqueued"] = 20
        seconds.append(one)
    found = results(seconds, steady=range(10))
    summary = summary_of(found, plan(doses={"app": 5}))
    assert summary.outcome == "failed"
    dose, free = summary.reasons
    assert dose == (
        "the waiting room exceeded the dose of the app channel: it admitted 200 people within 10 s from second 0 on,"
        " 20.0 a second, where the dose is 5: 150 too many"
    )
    assert free == "200 of 200 people were admitted on the app channel without a place in the queue"
    (row,) = summary.waiting_room
    assert (row.dose, row.unqueued) == (5.0, 200)
    assert row.peak is not None
    assert (row.peak.rate, row.peak.admitted) == (20.0, 200)


def test_without_a_dose_nothing_is_said_about_admissions():
    """Whoever does not know the dose does not judge it."""
    one = second(0)
    one.passages["app", "joined"] = one.passages["app", "unqueued"] = 500
    summary = summary_of(results([one], steady=range(10)), plan(1.0))
    assert summary.outcome == "passed"
    (row,) = summary.waiting_room
    assert (row.dose, row.peak) == (None, None)
