"""Whether a run is slower than another: right answers under noise, and no answer where there is none."""

from __future__ import annotations

import re

import pytest

from loadtests.compare import compare
from loadtests.comparison import Change, Comparison, Tolerance
from tests.loadtests.compared import summary


def judged(comparison: Comparison, judgement: str) -> set[tuple[str, str]]:
    return {(change.subject, change.metric) for change in comparison.changes if change.judgement == judgement}


def change(comparison: Comparison, subject: str, metric: str) -> Change:
    return next(row for row in comparison.changes if (row.subject, row.metric) == (subject, metric))


def test_twenty_equal_pairs_raise_no_alarm():
    """Noise that lasts for seconds and a drift between runs are no regression."""
    outcomes = [compare([summary(2 * pair)], summary(2 * pair + 1)).outcome for pair in range(20)]
    assert outcomes == ["passed"] * 20


def test_a_slowdown_of_a_fifth_is_found():
    """In at least nine pairs of ten, under the same noise."""
    outcomes = [compare([summary(2 * pair)], summary(2 * pair + 1, factor=1.2)).outcome for pair in range(10)]
    assert outcomes.count("failed") >= 9


def test_a_slowdown_of_one_step_is_found_and_named():
    """The others are not accused."""
    slower = {"submit": 1.25}
    found = [compare([summary(2 * pair)], summary(2 * pair + 1, factor=slower)) for pair in range(10)]
    named = [judged(comparison, "regression") for comparison in found]
    assert sum(("file-return: submit (POST)", "p50") in names for names in named) >= 9
    assert {subject for names in named for subject, _ in names} == {"file-return: submit (POST)"}


def test_the_estimate_is_near_the_truth_and_inside_its_interval():
    """The median of every step, 30 % slower."""
    comparison = compare([summary(1)], summary(2, factor=1.3))
    found = change(comparison, "visit-website: home", "p50")
    assert found.change == pytest.approx(0.3, abs=0.08)
    assert found.low < found.change < found.high
    assert found.current / found.baseline == pytest.approx(1 + found.change, rel=0.05)


def test_what_is_significant_but_small_is_no_regression():
    """Almost without noise 7 % slower is certain, and tolerated; it is a regression for who tolerates 3 %."""
    quiet = {"noise": 0.0, "drift": 0.0, "jitter": 0.02}
    baseline, current = summary(1, **quiet), summary(2, factor=1.07, **quiet)
    usual, strict = compare([baseline], current), compare([baseline], current, Tolerance(slowdown=0.03))
    assert usual.outcome == "passed"
    assert change(usual, "visit-website: home", "p50").p < 0.01
    assert strict.outcome == "failed"


def test_a_fifth_of_a_few_milliseconds_is_no_regression():
    """2 ms become 2.4 ms: nobody feels that, unless asked for."""
    baseline, current = summary(1, base=0.002), summary(2, base=0.002, factor=1.2)
    assert compare([baseline], current).outcome == "passed"
    assert compare([baseline], current, Tolerance(delay=0.0)).outcome == "failed"


def test_a_time_that_is_many_times_longer_is_told_in_full():
    """No power of ten: 5,400 %, not 5.4e+03 %."""
    reasons = compare([summary(1)], summary(2, factor=55.0)).reasons
    assert any(re.search(r" 5,\d{3} % slower", reason) for reason in reasons)
    assert "e+0" not in " ".join(reasons)


def test_an_improvement_is_reported_and_passes():
    """A third quicker."""
    comparison = compare([summary(1)], summary(2, factor=0.67))
    assert comparison.outcome == "passed"
    assert ("visit-website: home", "p50") in judged(comparison, "improvement")
    assert change(comparison, "visit-website: home", "p50").change == pytest.approx(-0.33, abs=0.05)


def test_more_failures_are_a_regression():
    """A failure in every other second, where there was none; both journeys and all of them together."""
    comparison = compare([summary(1)], summary(2, failed=dict.fromkeys(range(0, 60, 2), 1)))
    assert comparison.outcome == "failed"
    assert judged(comparison, "regression") == {
        (subject, "failed_share") for subject in ("file-return", "visit-website", "all journeys")
    }
    assert any("failed, 0 % before" in reason for reason in comparison.reasons)


def test_a_run_in_which_everything_failed_is_a_regression():
    """No time is left to compare, and the answer is clear nevertheless."""
    outage = summary(2)
    for journey in outage.journeys:
        blocks = [row.model_copy(update={"failed": row.count, "count": 0}) for row in journey.blocks]
        journey.__dict__.update(blocks=blocks, failed=journey.completed, completed=0)
    outage.__dict__["steps"] = []
    comparison = compare([summary(1)], outage)
    assert comparison.outcome == "failed"
    assert change(comparison, "all journeys", "failed_share").current == 1.0


def test_one_burst_of_failures_is_one_event():
    """Thirty failures within a second do not show that the system fails more often, nor that it does not."""
    comparison = compare([summary(1)], summary(2, failed={20: 30}))
    assert comparison.outcome == "passed"
    found = change(comparison, "file-return", "failed_share")
    assert found.burst > 10
    assert found.judgement == "undecided"


def test_what_is_slower_by_estimate_but_not_surely_is_a_warning():
    """A very noisy run passes, and says that it may hide a regression."""
    comparison = compare([summary(1)], summary(4, factor=1.2, noise=0.3))
    assert comparison.outcome == "passed"
    assert any("too noisy to be sure" in warning for warning in comparison.warnings)
    assert not any("too noisy" in warning for warning in compare([summary(1)], summary(2)).warnings)


def test_a_load_that_rises_is_in_both_runs_and_drops_out():
    """Three times slower at the end: no alarm, and a slowdown is still found."""
    rising = {"trend": 2.0}
    assert compare([summary(1, **rising)], summary(2, **rising)).outcome == "passed"
    assert compare([summary(1, **rising)], summary(2, factor=1.2, **rising)).outcome == "failed"


def test_runs_with_blocks_of_different_lengths_can_be_compared():
    """A run that lasted a second longer has blocks twice as long, whose tails are longer; that is not a slowdown."""
    heavy = {"seconds": 120, "jitter": 0.8, "rate": 12.0, "noise": 0.02, "drift": 0.0}
    pairs = [compare([summary(2 * pair, **heavy)], summary(2 * pair + 1, width=2, **heavy)) for pair in range(6)]
    assert [comparison.outcome for comparison in pairs] == ["passed"] * 6
    tails = [row.change for comparison in pairs for row in comparison.changes if row.metric == "p95"]
    assert len(tails) == 30
    assert abs(sum(tails) / len(tails)) < 0.05


def test_several_baselines_show_what_lies_between_runs():
    """Baselines that lie far apart make 15 % nothing new; for one of them alone it would be a regression."""
    quiet = {"noise": 0.02, "drift": 0.0}
    apart = [summary(seed, factor=factor, **quiet) for seed, factor in enumerate((0.85, 0.95, 1.05, 1.15))]
    near = [summary(seed, factor=1.0, **quiet) for seed in range(4)]
    current = summary(9, factor=1.15, **quiet)
    assert compare([near[0]], current).outcome == "failed"
    assert compare(near, current).outcome == "failed"
    restless = compare(apart, current)
    assert restless.outcome == "passed"
    assert change(restless, "visit-website: home", "p50").between_runs > 0.15
    assert change(compare(near, current), "visit-website: home", "p50").between_runs < 0.05


def test_one_baseline_says_what_it_cannot_know():
    """In words; several baselines say how many they were."""
    assert any("one baseline run cannot tell" in line for line in compare([summary(1)], summary(2)).method)
    several = compare([summary(1), summary(2), summary(3)], summary(4))
    assert any("spread of 3 baseline runs" in line for line in several.method)


def test_the_same_runs_give_the_same_answer():
    """Nothing is drawn by chance."""
    assert compare([summary(1)], summary(2)) == compare([summary(1)], summary(2))


def test_runs_that_are_too_short_cannot_be_compared():
    """Eight seconds are not enough for any time; the answer is none, not 'no regression'."""
    comparison = compare([summary(1, seconds=8)], summary(2, seconds=8))
    assert comparison.outcome == "invalid"
    assert "too short" in comparison.reasons[0]
    assert {row.subject for row in comparison.untested} >= {"file-return", "visit-website: home"}


def test_a_step_with_few_measurements_is_named_as_not_compared():
    """The 95th percentile needs more than the median."""
    comparison = compare([summary(1, rate=2.0)], summary(2, rate=2.0))
    assert {row.metric for row in comparison.untested} == {"p95"}
    assert comparison.untested[0].why.endswith("blocks of time with 20 needed in each run")
    assert comparison.outcome == "passed"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"campaign": "other"}, "the campaign is not the same: small (before), other (after)"),
        ({"day": "another-day"}, "the day is not the same"),
        ({"last": summary(1).plan.first}, "the window is not the same"),
        ({"scale": 2.0}, "the scale is not the same: 1 (before), 2 (after)"),
        ({"compress": 10.0}, "the compression is not the same"),
        ({"keep": "rate"}, "the quantity that compression keeps is not the same: volume (before), rate (after)"),
        ({"growth": {"visits": 1.1}, "years": 2.0}, "the growth is not the same: none (before), visits x 1.21 (after)"),
        ({"spacing": "even"}, "the spacing of arrivals is not the same"),
        ({"think_factor": 0.5}, "the think factor is not the same"),
    ],
)
def test_another_plan_is_not_comparable_unless_forced(changes, words):
    """What decides the load must be the same; forced, it becomes a warning and the comparison is made."""
    runs = ([summary(1)], summary(2, factor=1.3, plan=changes))
    refused = compare(*runs, names=("before", "after"))
    assert refused.outcome == "invalid"
    assert words in refused.reasons[0]
    forced = compare(*runs, names=("before", "after"), force=True)
    assert forced.outcome == "failed"
    assert words in forced.warnings[0]


def test_an_invalid_run_is_not_comparable():
    """On either side, with its own reason."""
    invalid = summary(1, outcome="invalid", reasons=["a worker was lost"])
    for runs in (([invalid], summary(2)), ([summary(2)], invalid)):
        comparison = compare(*runs)
        assert comparison.outcome == "invalid"
        assert "a worker was lost" in comparison.reasons[0]


def test_a_generator_that_was_short_of_cpu_is_not_comparable():
    """Its lateness is in the response times; where these are long it does not matter."""
    comparison = compare([summary(1)], summary(2, lateness=0.15))
    assert comparison.outcome == "invalid"
    assert "the generator was not equally fit" in comparison.reasons[0]
    assert compare([summary(1, base=1.0)], summary(2, base=1.0, lateness=0.15)).outcome == "passed"


def test_a_generator_that_was_late_by_less_than_counts_is_comparable():
    """An answer in a millisecond, 2 ms late: where 5 ms are tolerated that makes nobody slower."""
    runs = [summary(1, base=0.001)], summary(2, base=0.001, lateness=0.003)
    assert compare(*runs).outcome == "passed"
    assert "not equally fit" in compare(*runs, Tolerance(delay=0.0)).reasons[0]


def test_a_campaign_edited_between_runs_is_not_comparable():
    """Another total, or other shares of the journeys, under the same name."""
    other_total, other_mix = summary(2), summary(2)
    other_total.arrivals.__dict__["expected"] = 2400.0
    other_mix.journeys[0].__dict__["completed"] *= 2
    assert "arrivals that the campaign asks for" in compare([summary(1)], other_total).reasons[0]
    assert "people who came for file-return" in compare([summary(1)], other_mix).reasons[0]


def test_another_environment_is_a_warning():
    """It may be the very thing compared."""
    comparison = compare([summary(1)], summary(2, plan={"environment": "staging"}))
    assert comparison.outcome == "passed"
    assert any("the environment is not the same" in warning for warning in comparison.warnings)


def test_another_machine_is_a_warning():
    """Its kernel or its number of processors may explain a difference."""
    (warning,) = compare([summary(1)], summary(2, machine="Linux, 64 processors"), names=("before", "after")).warnings
    assert warning == "the generator's machine is not the same: Linux (before), Linux, 64 processors (after)"
    assert compare([summary(1)], summary(2)).warnings == []


def test_what_is_missing_from_a_run_is_named():
    """A step that only one run has cannot be compared."""
    current = summary(2)
    current.steps.pop()
    comparison = compare([summary(1)], current)
    assert any("visit-website: home" in warning for warning in comparison.warnings)
    assert not any(row.subject == "visit-website: home" for row in comparison.changes)


def test_a_journey_that_is_missing_is_named_without_its_steps():
    """In runs that have little in common they would fill a screen."""
    current = summary(2)
    gone = next(row for row in current.journeys if row.journey == "file-return")
    current.journeys.remove(gone)
    current.steps[:] = [row for row in current.steps if row.journey != gone.journey]
    warnings = compare([summary(1)], current, force=True).warnings
    assert "not in every run, so not compared: file-return" in warnings
