"""How much a system can take: the rules of a hold, the search, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import capacity
from loadtests.capacity import Ask, Limits, Observed, Search
from loadtests.latencies import NOTHING, Counted, counted
from loadtests.results import Results
from loadtests.second import Second, pack
from tests.loadtests.queueing import mmc

LIMITS = Limits(failed_share=0.001, p95=2.0)


def answers(counts: dict[int, int]) -> Counted:
    """Return response times (microseconds) and how often each occurred."""
    return counted((list(counts), list(counts.values())))


HEALTHY = Observed(
    seconds=20,
    started=800,
    ended=790,
    completed=800,
    failed=0,
    failures=0,
    in_flight=8.0,
    responses=answers({200_000: 800}),
)


def tail(n: int, p: float, f: int) -> float:
    """P(F >= f), by the definition."""
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(f, n + 1))


# --- one hold


@given(st.integers(1, 120), st.floats(0.001, 0.5))
def test_allowed_failures_are_those_of_the_exact_test(n, p):
    """As many failures as allowed come about by chance in 5 % of the cases or more; one more does not."""
    allowed = capacity.allowed_failures(n, p)
    assert tail(n, p, allowed) >= 0.05 - 1e-9
    assert tail(n, p, allowed + 1) < 0.05 + 1e-9


def test_allowed_failures_of_many_journeys_and_at_the_edges():
    """A million journeys are no harder than ten (mean 1,000 plus 1.645 deviations); nothing allowed means nothing."""
    assert capacity.allowed_failures(1_000_000, 0.001) == pytest.approx(1000 + 1.645 * math.sqrt(999), abs=2)
    assert capacity.allowed_failures(5000, 0.0) == 0
    assert capacity.allowed_failures(0, 0.5) == 0
    assert capacity.allowed_failures(7, 1.0) == 7


@given(st.integers(1, 100), st.data())
def test_the_highest_share_is_the_exact_bound(n, data):
    """Were the share as high as the bound, so few failures would come about in 5 % of the cases."""
    failed = data.draw(st.integers(0, n - 1))
    bound = capacity.highest_share(n, failed)
    assert 1 - tail(n, bound, failed + 1) == pytest.approx(0.05, abs=1e-6)


def test_the_rule_of_three():
    """No failure among n journeys shows a share below about 3 / n; 99.9 % takes about 3,000 journeys to prove."""
    assert capacity.highest_share(3000, 0) == pytest.approx(0.001, rel=0.01)
    assert capacity.highest_share(5, 5) == 1.0
    assert capacity.journeys_to_prove(0.001) == 2995
    assert capacity.highest_share(2995, 0) <= 0.001 < capacity.highest_share(2994, 0)
    assert capacity.journeys_to_prove(0.0) == 0


def test_a_healthy_hold_passes():
    """No failures, quick answers, as many ends as arrivals."""
    assert capacity.judge(HEALTHY, 5, LIMITS) == ("passed", [])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"failed": 4}, "4 of 804 journeys failed"),
        (
            {"responses": answers({200_000: 700, 2_100_000: 100})},
            "95th percentile of the response times was 2.1 s (limit 2 s)",
        ),
        ({"responses": answers({200_000: 700, 2_000_400: 100})}, "response times was a little over 2 s (limit 2 s)"),
        ({"ended": 700, "in_flight": 60.0, "responses": answers({1_400_000: 800})}, "a queue is growing"),
    ],
)
def test_a_hold_fails_by_each_rule(change, why):
    """Failures, slow answers, or a queue that grows although the answers are quick enough."""
    outcome, reasons = capacity.judge(replace(HEALTHY, **change), 5, LIMITS)
    assert outcome == "failed"
    assert [why in reason for reason in reasons] == [True]


def test_failures_that_may_be_chance_pass():
    """Two failures of 800 are compatible with 99.9 %."""
    assert capacity.judge(replace(HEALTHY, failed=2), 5, LIMITS)[0] == "passed"


def test_a_warm_up_shorter_than_the_journey_cannot_tell():
    """Citizens who think for longer than the warm-up pile up in a healthy system too: that is no verdict."""
    filling = replace(HEALTHY, ended=500, in_flight=400.0)
    outcome, reasons = capacity.judge(filling, 5, LIMITS)
    assert outcome == "invalid"
    assert "make --warm-up longer" in reasons[0]
    assert capacity.judge(replace(filling, ended=795), 5, LIMITS)[0] == "passed"


def test_a_hold_without_journeys_tells_nothing():
    """Too low a rate for so short a hold: neither good nor bad."""
    nothing = replace(HEALTHY, started=0, ended=0, completed=0, in_flight=0.0, responses=NOTHING)
    assert capacity.judge(nothing, 5, LIMITS)[0] == "invalid"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"failed": 4}, "4 of 800 planned journeys have failed, at most 2 may"),
        ({"failures": 30}, "30 journeys have failed, warm-up included"),
        ({"responses": answers({2_100_000: 100})}, "100 answers have taken longer than 2 s, of 1,600"),
        ({"seconds": 10, "started": 400, "ended": 200}, "200 more have arrived than came to an end"),
    ],
)
def test_a_hopeless_hold_is_noticed(change, why):
    """What cannot become good any more is said at once, with the numbers."""
    said = capacity.hopeless(replace(HEALTHY, **change), 40.0, 5, 20, LIMITS, 2)
    assert said is not None
    assert why in said


def test_what_may_still_pass_goes_on():
    """Healthy, just begun, or shaken by its warm-up."""
    nothing = Observed(0, 0, 0, 0, 0, 0, 0.0, NOTHING)
    for seen in (HEALTHY, nothing, replace(nothing, failures=10), replace(HEALTHY, failed=2)):
        assert capacity.hopeless(seen, 40.0, 5, 20, LIMITS, 2) is None


def test_observed_leaves_the_warm_up_out_and_keeps_late_answers():
    """Seconds 0 and 1 are warm-up, 2 and 3 steady; what ends in second 4 counts, but not as an end in time."""
    results = Results(range(2, 4))
    for index in range(5):
        second = Second(index, started=3 if index < 4 else 0, in_flight=index)
        second.completed["visit-website"] = 2
        second.failed["visit-website", "home", "timeout"] = 1
        second.steps["visit-website", "home", "GET"].response.append(index + 1.0)
        results.add(pack(second))
    seen = capacity.observe(results)
    assert (seen.seconds, seen.started, seen.ended, seen.in_flight) == (2, 6, 6, 2.5)
    assert (seen.completed, seen.failed, seen.failures) == (6, 3, 5)
    assert seen.slower_than(2.9) == 3
    assert seen.slower_than(4.5) == 1


# --- the search


def explored(search: Search, passes: Callable[[float], bool], most: int = 200) -> list[Ask]:
    """Let a search run against a system, and return what it asked for."""
    asks, steps = [], search.run()
    try:
        ask = next(steps)
        while len(asks) < most:
            asks.append(ask)
            ask = steps.send(passes(ask.rate))
    except StopIteration:
        return asks
    pytest.fail(f"no answer after {most} holds")


@given(st.floats(1.001, 99.9), st.sampled_from([0.01, 0.05, 0.2]))
def test_a_sharp_knee_is_bracketed(knee, precision):
    """The bracket is as narrow as asked and holds the knee; the answer was held again as often as asked."""
    search = Search(1.0, 100.0, precision, 3)
    asks = explored(search, lambda rate: rate <= knee)
    assert search.passing <= knee < search.failing <= search.passing * (1 + precision)
    assert max(ask.rate for ask in asks) <= min(100.0, 2 * knee)
    assert [ask.phase for ask in asks[-4:]] == ["check", *["confirmation"] * 3]
    assert len(asks) <= 8 + math.ceil(math.log2(math.log(2) / math.log1p(precision))) + 1 + 4


def test_a_system_that_never_fails_is_held_at_the_highest_rate():
    """Nothing above the cap is tried; what is known is `at least`."""
    search = Search(1.0, 20.0, 0.05, 2)
    asks = explored(search, lambda _: True)
    assert [ask.rate for ask in asks] == [1, 2, 4, 8, 16, 20, 20, 20]
    assert (search.passing, search.failing) == (20.0, None)


def test_a_system_that_always_fails_is_tried_twice():
    """Two holds at the lowest rate, and no more harm."""
    search = Search(1.0, 20.0, 0.05, 2)
    assert explored(search, lambda _: False) == [Ask(1.0, "ramp"), Ask(1.0, "check")]
    assert (search.passing, search.failing) == (None, 1.0)


def test_one_bad_moment_does_not_cost_the_capacity():
    """A hold that failed by bad luck far below the knee is tried again, passes, and the ramp goes on."""
    unlucky = iter([True, True, False])
    search = Search(1.0, 100.0, 0.05, 2)
    explored(search, lambda rate: next(unlucky, rate <= 40))
    assert 38 <= search.passing <= 40 < search.failing


def test_a_system_that_wears_out_is_followed_down():
    """Where every failing hold leaves damage the confirmations fail, and the answer is what still stands."""
    knee = [40.0]

    def passes(rate: float) -> bool:
        if rate > knee[0]:
            knee[0] = max(10.0, 0.9 * knee[0])
            return False
        return True

    search = Search(1.0, 100.0, 0.05, 2)
    explored(search, passes)
    assert search.passing <= knee[0]
    assert search.passing == pytest.approx(knee[0], rel=0.3)


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_knee_is_found_and_located(seed):
    """Near the knee of 30 a hold is a matter of luck; the answer is near it, and so is the credible interval."""
    random = np.random.default_rng(seed)
    search, holds = Search(1.0, 100.0, 0.05, 2), []

    def passes(rate: float) -> bool:
        passed = bool(random.random() < 1 / (1 + (rate / 30) ** 20))
        holds.append((rate, passed))
        return passed

    explored(search, passes)
    assert 20 < search.passing < 36
    knee = capacity.locate_knee(holds)
    assert knee.low < knee.rate < knee.high
    assert 22 < knee.rate < 38


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("p95", "lowest"), [(1.0, 30), (600.0, 30)])
def test_the_capacity_of_a_queue_is_found(seed, p95, lowest):
    """Four servers of 0.1 s take 40 a second; the growing queue shows even where any response time is allowed."""
    limits, holds = Limits(failed_share=0.001, p95=p95), iter(range(1000))

    def passes(rate: float) -> bool:
        seen = mmc(rate, servers=4, service=0.1, warm_up=5, hold=60, seed=100 * seed + next(holds))
        return capacity.judge(seen, 5, limits)[0] == "passed"

    search = Search(1.0, 200.0, 0.05, 2)
    explored(search, passes)
    assert lowest < search.passing < 40 * (1 + 2 * capacity.resolution(40, 60))


def test_the_resolution_is_that_of_the_backlog_rule():
    """An overload of that share leaves just as many over as the rule allows."""
    rate, hold = 40.0, 60.0
    overload = capacity.resolution(rate, hold)
    backlog = overload * rate * hold
    assert backlog == pytest.approx(capacity.allowed_backlog(round(rate * hold), round(rate * hold)), rel=1e-3)


def test_the_knee_needs_both_outcomes():
    """Nothing can be located where all holds ended alike; a clean bracket is located inside it."""
    assert capacity.locate_knee([]) is None
    assert capacity.locate_knee([(1.0, True), (2.0, True)]) is None
    knee = capacity.locate_knee([(1.0, True), (2.0, True), (4.0, False), (8.0, False)])
    assert 2 < knee.rate < 4
    sharper = capacity.locate_knee([(1.0, True), (2.8, True), (2.8, True), (2.9, False), (2.9, False), (4.0, False)])
    assert sharper.high - sharper.low < knee.high - knee.low
