"""How much the system can take: the judgement of one hold, the search for the highest rate, and how sure it is.

A hold keeps one arrival rate for a while. It passes when the system is in a steady state in which it meets its limits:

    failures   P(F >= failed) >= 5 %,  F ~ Binomial(ended, allowed share)    a rate at which exactly the allowed share
                                                                             fails is refused once in 20 holds
    p95        95th percentile of the response times <= limit                as measured, without an allowance
    backlog    arrivals - ends <= 1.645 sqrt(arrivals + ends)                both are Poisson where nobody queues; where
                                                                             more is left over (1 in 20) a queue grows

The search doubles the rate until a hold fails, then halves the bracket (on a logarithmic scale) down to the precision:

    passed      o     o     o     o
    rate     ---1-----2-----4-----8--o--x-----x------->
    failed                           |  |     16
                              capacity  refused twice

Both ends are then tried again: the failing rate once, since one bad moment must not cost half the capacity, and the
passing rate several times. An end that does not stand moves the bracket, and the search goes on.

All rates are journeys a second, all times seconds, all shares from 0 to 1. Nothing here does I/O.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from config.source import Strict
from loadtests import wording
from loadtests.latencies import Counted, merged, percentile
from loadtests.results import Results
from loadtests.timeline import total
from loadtests.verdict import Outcome

Phase = Literal["ramp", "bisection", "check", "confirmation"]
"""Doubling; halving the bracket; the failing rate again; the passing rate again."""

ERROR = 0.05
"""Probability of refusing a rate that only just meets the objective, for each of the two statistical rules."""

DEVIATIONS = 1.645
"""Standard deviations that a normal value exceeds with the probability `ERROR`."""

WARM_UP_FAILURES = 10
"""Failures of the warm-up that do not yet make a hold hopeless: a burst of first connections may cost some."""

LOWEST_PRECISION = 0.01
"""Rates are rounded to four digits, so a finer bracket has no middle."""


class Limits(Strict):
    """What the system must meet: the share of journeys that may fail, and seconds of the 95th percentile."""

    failed_share: float = Field(ge=0, le=1)
    p95: float = Field(gt=0, allow_inf_nan=False)


# --- one hold


@dataclass(frozen=True)
class Observed:
    """What a hold has seen since its warm-up.

    `started` and `ended` count the steady part only; `completed`, `failed` and `responses` (microseconds and how
    often) also those who came to an end after it, since slow answers come last. `failures` counts the warm-up too.
    """

    seconds: int
    started: int
    ended: int
    completed: int
    failed: int
    failures: int
    in_flight: float
    responses: Counted

    @property
    def p95(self) -> float:
        """95th percentile of the response times; 0 where there are none."""
        return percentile(self.responses, 0.95)

    @property
    def failed_share(self) -> float | None:
        """Failed journeys among those that came to an end; None where none did."""
        ended = self.completed + self.failed
        return self.failed / ended if ended else None

    @property
    def thinking(self) -> float:
        """How long a citizen is on the way without waiting for an answer, by Little's law: W = L / lambda - answers."""
        if not self.started:
            return 0.0
        values, counts = self.responses
        waiting = float(values @ counts) / 1e6
        return max(0.0, self.in_flight * self.seconds - waiting) / self.started

    def slower_than(self, limit: float) -> int:
        """Return how many answers took longer than `limit`."""
        values, counts = self.responses
        return int(counts[values > limit * 1e6].sum())


def observe(results: Results) -> Observed:
    """Return what a hold has seen so far; the steady part of its run is what comes after the warm-up."""
    steady = results.timeline.rows(results.steady)
    after = results.timeline.rows(range(results.steady.start, results.seconds))
    responses = [step.steady.counted() for step in results.steps.values()]
    return Observed(
        seconds=len(steady),
        started=total(steady, "started"),
        ended=total(steady, "completed") + total(steady, "failed"),
        completed=total(after, "completed"),
        failed=total(after, "failed"),
        failures=results.total_failed,
        in_flight=total(steady, "in_flight") / len(steady) if len(steady) else 0.0,
        responses=merged([*responses, results.afterwards.counted()]),
    )


def judge(observed: Observed, warm_up: int, limits: Limits) -> tuple[Outcome, list[str]]:
    """Judge a hold that ran to its end; "invalid" means that the warm-up was too short to tell."""
    reasons = []
    ended = observed.completed + observed.failed
    if observed.failed > allowed_failures(ended, limits.failed_share):
        reasons.append(
            f"{observed.failed:,} of {ended:,} journeys failed: too many to be chance where {limits.failed_share:.3%}"
            " may fail"
        )
    if observed.p95 > limits.p95:
        found, most = wording.over(observed.p95, limits.p95)
        reasons.append(f"the 95th percentile of the response times was {found} (limit {most})")
    backlog = observed.started - observed.ended
    if backlog > allowed_backlog(observed.started, observed.ended):
        if not reasons and observed.thinking > warm_up:
            short = (
                f"a journey takes {observed.thinking:.0f} s or more, the warm-up only {warm_up} s: a growing queue"
                " cannot be told apart (make --warm-up longer, or --think smaller)"
            )
            return "invalid", [short]
        reasons.append(f"{observed.started:,} arrived and {observed.ended:,} came to an end: a queue is growing")
    if not ended and not reasons:
        return "invalid", ["no journey came to an end: the hold is too short for this rate"]
    return ("failed" if reasons else "passed"), reasons


def hopeless(observed: Observed, rate: float, warm_up: int, hold: int, limits: Limits, steps: int) -> str | None:
    """Return why a hold cannot pass any more, whatever the rest of it brings; None while it can.

    `steps` is the least number of answers that a journey gets.
    """
    planned = round(rate * hold)
    allowed = allowed_failures(planned, limits.failed_share)
    if observed.failed > allowed:
        return f"{observed.failed:,} of {planned:,} planned journeys have failed, at most {allowed:,} may"
    most = allowed_failures(round(rate * (warm_up + hold)), limits.failed_share) + WARM_UP_FAILURES
    if observed.failures > most:
        return f"{observed.failures:,} journeys have failed, warm-up included; at most {most:,} may"
    answers = max(planned * steps, int(observed.responses[1].sum()) * hold / max(1, observed.seconds))
    slow = observed.slower_than(limits.p95)
    if slow > 0.05 * answers:
        return f"{slow:,} answers have taken longer than {limits.p95:g} s, of {answers:,.0f} at most 5 % may"
    backlog, most_backlog = observed.started - observed.ended, 2 * allowed_backlog(planned, planned)
    if observed.seconds < hold and backlog > most_backlog and observed.thinking < warm_up:
        return f"{backlog:,} more have arrived than came to an end: a queue is growing"
    return None


def allowed_backlog(started: int, ended: int) -> float:
    """Return by how many the arrivals may exceed the ends before that is more than chance.

    Without a queue both counts are Poisson, however long a journey takes: var(A - E) <= A + E.
    """
    return DEVIATIONS * math.sqrt(started + ended)


def resolution(rate: float, hold: float) -> float:
    """Return the smallest overload (share of the rate) whose queue shows in a hold: 1.645 sqrt(2 / (rate hold))."""
    return DEVIATIONS * math.sqrt(2 / (rate * hold))


def allowed_failures(ended: int, share: float) -> int:
    """Return the most failures of `ended` journeys that are compatible with a failed share of `share`.

    The largest f with P(F >= f) >= 5 %, F ~ Binomial(ended, share): exact, one-sided.
    """
    low, tails = _binomial_tails(ended, share)
    return low + sum(tail >= ERROR for tail in tails) - 1


def highest_share(ended: int, failed: int) -> float:
    """Return the failed share that is not exceeded with 95 % confidence (Clopper and Pearson, one-sided).

    The p with P(F <= failed) = 5 %, F ~ Binomial(ended, p).
    """
    if failed >= ended:
        return 1.0
    low, high = failed / ended, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        first, tails = _binomial_tails(ended, middle)
        above = tails[failed + 1 - first] if 0 <= failed + 1 - first < len(tails) else float(failed + 1 < first)
        low, high = (low, middle) if 1 - above < ERROR else (middle, high)
    return high


def _binomial_tails(n: int, p: float) -> tuple[int, list[float]]:
    """Return the smallest count that matters, and P(F >= f) from there on; ten standard deviations on both sides."""
    if n == 0 or p <= 0 or p >= 1:
        return (0 if n == 0 or p <= 0 else n), [1.0]
    reach = 10 * math.sqrt(n * p * (1 - p)) + 10
    low, high = max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach))
    logs = [
        math.lgamma(n + 1) - math.lgamma(f + 1) - math.lgamma(n - f + 1) + f * math.log(p) + (n - f) * math.log1p(-p)
        for f in range(low, high + 1)
    ]
    tails = np.cumsum(np.exp(logs)[::-1])[::-1]
    return low, np.minimum(1.0, tails).tolist()


def journeys_to_prove(share: float) -> int:
    """Return how many journeys without a failure show that at most `share` fail: (1 - share)^n <= 5 %."""
    return math.ceil(math.log(ERROR) / math.log1p(-share)) if 0 < share < 1 else 0


# --- the search


@dataclass(frozen=True)
class Ask:
    """The next hold that the search wants."""

    rate: float
    phase: Phase


@dataclass
class Search:
    """The search and what it knows: feed `run()` with whether each hold it asks for has passed.

    It ends when the bracket is as narrow as the `precision` and both ends stand; or when the highest rate stands; or
    when the lowest is refused twice. What is known is there at any moment, so it may be left at any moment.
    """

    lowest: float
    highest: float
    precision: float
    confirmations: int
    passed: set[float] = field(default_factory=set)
    failed: set[float] = field(default_factory=set)
    refusals: Counter[float] = field(default_factory=Counter)

    @property
    def passing(self) -> float | None:
        """The highest rate that passes."""
        return max(self.passed, default=None)

    @property
    def failing(self) -> float | None:
        """The lowest rate that fails; above `passing`."""
        return min(self.failed, default=None)

    def run(self) -> Generator[Ask, bool, None]:
        """Ask for holds until the answer stands."""
        stands = False
        while not stands:
            yield from self._ramp()
            yield from self._bisect()
            stands = (yield from self._check()) and (self.passing is None or (yield from self._confirm()))

    def _ramp(self) -> Generator[Ask, bool, None]:
        """Double the rate until a hold fails or the highest is reached."""
        while self.failing is None and self.passing != self.highest:
            yield from self._hold(min(2 * self.passing, self.highest) if self.passing else self.lowest, "ramp")

    def _bisect(self) -> Generator[Ask, bool, None]:
        """Halve the bracket: the geometric mean is as far from one end as from the other."""
        while self.passing and self.failing and self.failing / self.passing > 1 + self.precision:
            yield from self._hold(float(f"{math.sqrt(self.passing * self.failing):.4g}"), "bisection")

    def _check(self) -> Generator[Ask, bool, bool]:
        """Try the failing rate again unless it has been refused twice; tell whether it is still refused."""
        rate = self.failing
        if rate is None or self.refusals[rate] > 1:
            return True
        return not (yield from self._hold(rate, "check"))

    def _confirm(self) -> Generator[Ask, bool, bool]:
        """Hold the passing rate again; tell whether it passes every time."""
        rate = self.passing
        assert rate is not None
        for _ in range(self.confirmations):
            if not (yield from self._hold(rate, "confirmation")):
                return False
        return True

    def _hold(self, rate: float, phase: Phase) -> Generator[Ask, bool, bool]:
        passed = yield Ask(rate, phase)
        if passed:
            self.passed.add(rate)
            self.failed = {other for other in self.failed if other > rate}
        else:
            self.refusals[rate] += 1
            self.failed.add(rate)
            self.passed = {other for other in self.passed if other < rate}
        return passed


# --- how sure


@dataclass(frozen=True)
class Knee:
    """The rate at which every other hold fails: its median and the interval that holds it with 90 % probability."""

    rate: float
    low: float
    high: float


def locate_knee(holds: Sequence[tuple[float, bool]]) -> Knee | None:
    """Estimate the knee from every hold (its rate, whether it passed); None unless some passed and some failed.

    A logistic curve over the logarithm of the rate, with knee k and width w,

        P(pass) = 1 / (1 + (rate / k)^(1 / w))

    and Bayes' rule on a grid: flat priors of log k (from half the lowest to twice the highest rate) and of log w (from
    1 % to 100 %). Unlike a fit by maximum likelihood it has an answer where no failing rate lies below a passing one.
    """
    if len({passed for _, passed in holds}) < 2:
        return None
    rates = np.log([rate for rate, _ in holds])
    signs = np.where([passed for _, passed in holds], 1.0, -1.0)
    knees = np.linspace(rates.min() - math.log(2), rates.max() + math.log(2), 2001)
    widths = np.geomspace(0.01, 1.0, 41)
    likelihood = np.zeros((len(widths), len(knees)))
    for rate, sign in zip(rates, signs, strict=True):
        likelihood -= np.logaddexp(0.0, sign * (rate - knees) / widths[:, None])
    posterior = np.exp(likelihood - likelihood.max()).sum(axis=0)
    cumulated = np.cumsum(posterior) / posterior.sum()
    low, middle, high = (float(np.exp(knees[np.searchsorted(cumulated, share)])) for share in (0.05, 0.5, 0.95))
    return Knee(middle, low, high)
