"""The dose is judged without false alarms, and a waiting room that does not keep it is found out."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys import Passage
from loadtests.results import Results
from loadtests.second import Second, pack
from loadtests.waiting_room import Surplus, largest_surplus, surpluses, unqueued
from staging.dosing import Admitted, DosedQueue

admissions = st.lists(st.integers(0, 30), max_size=40)


@given(admissions, st.floats(0, 20))
def test_no_interval_has_a_larger_surplus(admitted, dose):
    """One pass finds what looking at every interval finds."""
    found = largest_surplus(admitted, dose, delay=0.0)
    every = (
        sum(admitted[start:end]) - dose * (end - start)
        for start in range(len(admitted))
        for end in range(start + 1, len(admitted) + 1)
    )
    assert found.above == pytest.approx(max([0.0, *every]))
    part = admitted[found.start : found.start + found.seconds]
    assert found.admitted == sum(part)
    assert found.above == pytest.approx(found.admitted - dose * found.seconds)


def test_the_interval_is_the_one_in_which_it_happened():
    """Quiet times before and after are no part of it, a lull in between is."""
    found = largest_surplus([0, 1, 0, 9, 9, 3, 9, 0, 0, 1], dose=4.0, delay=1.0)
    assert found == Surplus(start=3, seconds=4, admitted=30, above=14.0, allowed=9.0)
    assert found.exceeded
    assert found.rate == 7.5


def test_a_run_without_admissions_has_no_surplus():
    """Nothing to divide by, nothing to complain about."""
    for admitted in ([], [0, 0, 0]):
        found = largest_surplus(admitted, dose=5.0, delay=0.0)
        assert (found.seconds, found.rate, found.above, found.exceeded) == (0, 0.0, 0.0, False)


class Crowd:
    """People at a dosed queue on a simulated clock; they learn of their admission by polling.

    `pause` gives the seconds between two polls from the waiting time that the queue foretells, `latency` those that one
    answer takes, of which the queue sees the question half-way; `late` is how much later than it happened something
    may be counted.
    """

    def __init__(self, queue: DosedQueue, *, latency: Callable[[], float], late: Callable[[], float]) -> None:
        self.noticed: Counter[int] = Counter()
        self.delay = 0.0
        self._queue = queue
        self._latency = latency
        self._late = late

    def run(self, arrivals: list[float]) -> None:
        order = count()
        agenda = [(at, next(order), f"t{number}", 0.0) for number, at in enumerate(arrivals)]
        heapq.heapify(agenda)
        slowest, longest, known, now = 0.0, 0.0, set(), 0.0
        while agenda:
            sent, _, ticket, pause = heapq.heappop(agenda)
            latency = self._latency()
            now = max(now, sent + latency / 2)
            standing = self._queue.poll(ticket, now) if ticket in known else self._queue.join(ticket, now)
            known.add(ticket)
            received = now + latency / 2
            slowest = max(slowest, received - sent)
            if isinstance(standing, Admitted):
                longest = max(longest, pause)
                self.noticed[int(received + self._late())] += 1
            elif standing is not None:
                pause = min(max(standing.seconds, 0.5), 10.0)
                heapq.heappush(agenda, (received + pause, next(order), ticket, pause))
        self.delay = longest + 2 * slowest

    def counts(self) -> list[int]:
        return [self.noticed[second] for second in range(max(self.noticed, default=-1) + 1)]


@settings(max_examples=50)
@given(
    dose=st.floats(0.3, 40),
    arrivals=st.lists(st.floats(0, 60), min_size=1, max_size=250),
    slow=st.floats(0.0, 3.0),
    seed=st.integers(0, 10**9),
)
def test_a_queue_that_keeps_its_dose_is_never_accused(dose, arrivals, slow, seed):
    """Whoever comes when, however slow the answers are, and with seconds that are counted up to one too late."""
    luck, queue = Random(seed), DosedQueue(dose, patience=1e9, lifetime=1e9)
    crowd = Crowd(queue, latency=lambda: luck.uniform(0, slow), late=lambda: luck.uniform(0, 1))
    crowd.run(arrivals)
    assert sum(crowd.counts()) == len(arrivals)
    found = largest_surplus(crowd.counts(), dose, crowd.delay)
    assert not found.exceeded, f"{found} at a delay of {crowd.delay}"


@settings(max_examples=20)
@given(dose=st.floats(1, 40), seconds=st.integers(30, 60), seed=st.integers(0, 10**9))
def test_twice_the_dose_for_half_a_minute_is_found_out(dose, seconds, seed):
    """Even if it is noticed late, by people who poll every ten seconds."""
    luck, queue = Random(seed), DosedQueue(2 * dose, patience=1e9, lifetime=1e9)
    crowd = Crowd(queue, latency=lambda: luck.uniform(0, 0.2), late=lambda: luck.uniform(0, 1))
    crowd.run([luck.uniform(0, 0.5 * seconds) for _ in range(int(2.5 * dose * seconds))])
    assert largest_surplus(crowd.counts(), dose, crowd.delay).exceeded


def results_of(admitted: list[int], *, channel: str = "app", pause: float = 0.0, **passages: int) -> Results:
    """Return a run whose seconds had so many admissions; other passages are of its first second."""
    results = Results()
    for index, number in enumerate(admitted):
        second = Second(index)
        second.passages[channel, Passage.ADMITTED] = number
        second.longest_pause[channel] = pause
        if index == 0:
            second.passages.update({(channel, name): count for name, count in passages.items()})
        results.add(pack(second))
    return results


def test_admissions_without_a_queue_count_towards_the_dose():
    """Whoever passes by the waiting room is on the system all the same; they are also counted apart."""
    results = results_of([5, 5], unqueued=40)
    (found,) = surpluses(results, {"app": 5.0}).values()
    assert (found.start, found.seconds, found.admitted) == (0, 1, 45)
    assert unqueued(results, "app") == 40
    assert unqueued(results, "web") == 0


def test_each_channel_has_its_own_dose():
    """Admissions of the one are not held against the other; a channel without admissions keeps its dose."""
    found = surpluses(results_of([50] * 20), {"app": 5.0, "web": 5.0})
    assert found["app"].exceeded
    assert not found["web"].exceeded


def test_a_long_pause_between_polls_explains_a_crowd():
    """What comes out of a queue in a minute may be noticed at one moment, by people who poll once a minute."""
    admitted = [0] * 59 + [300]
    assert surpluses(results_of(admitted), {"app": 5.0})["app"].exceeded
    assert not surpluses(results_of(admitted, pause=60.0), {"app": 5.0})["app"].exceeded


def test_slow_answers_explain_a_crowd_too():
    """An admission is as old as the answer that told of it, and the answer before."""
    results = results_of([0] * 19 + [100])
    second = Second(19)
    second.steps["log-in-with-app", "poll-queue", "GET"].response.append(10.0)
    assert surpluses(results, {"app": 5.0})["app"].exceeded
    results.add(pack(second))
    assert not surpluses(results, {"app": 5.0})["app"].exceeded
