"""The retry storm: a short fault that does not end when it is over, because of those who try again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys import Citizen, Journey
from journeys.core import fetch
from loadtests.engine import Engine
from loadtests.results import Results
from loadtests.second import pack
from loadtests.timeline import total
from tests.crowd import check_accounts, plan, registered
from tests.loadtests.slots import PAGE, Website, served

ARRIVALS, SECONDS = 30, 10
"""Arrivals a second, half of what the website can do; seconds of the run."""

FAULT = (0.5, 3.5)
"""From when until when the website answers nobody, in seconds."""

LAST = range(8, 10)
"""The seconds looked at: the fault is long over, and the queue it left would have been worked off soon after."""


def reading(_citizen: Citizen) -> Journey:
    yield from fetch("one", "website", "/", contains=PAGE)


@contextmanager
def failing_for_a_while(website: Website) -> Iterator[None]:
    """Let the website stand still for the time of the fault."""
    begin, end = FAULT
    timers = [threading.Timer(begin, website.stand_still), threading.Timer(end, website.go_on)]
    for timer in timers:
        timer.start()
    yield
    for timer in timers:
        timer.join()


def failing_share(results: Results, seconds: range) -> float:
    """Return the share of the attempts that failed among those that came to an end."""
    rows = results.timeline.rows(seconds)
    failed = total(rows, "failed") + total(rows, "setbacks")
    return failed / (failed + total(rows, "completed"))


@pytest.mark.slow
def test_with_retries_a_fault_goes_on_after_its_end_and_without_it_does_not():
    """Two websites that are the same, the same people and the same fault; on the one everybody tries again.

    The website works for people who have left. Without retries it has caught up after some seconds; with them it gets
    more attempts than it can serve, each too late, for as long as people go on trying.
    """
    impatient = {"patience": "1s"}
    stubborn = impatient | {"retry": {"times": 30, "pause": "200ms"}}
    run = {"citizens": ARRIVALS * SECONDS, "seconds": float(SECONDS), "drain": 1.0}
    calm, storm = Website(slots=6), Website(slots=6)
    with registered(reading), served(calm), served(storm):
        engines = [
            Engine(plan(calm.url, behaviour=impatient, **run)),
            Engine(plan(storm.url, behaviour=stubborn, **run)),
        ]
        zero = time.monotonic()
        for engine in engines:
            engine.start(zero)
        with failing_for_a_while(calm), failing_for_a_while(storm):
            deadline = zero + SECONDS + 30
            while not all(engine.finished for engine in engines):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    without, with_retries = Results(), Results()
    for engine, results in zip(engines, (without, with_retries), strict=True):
        for second in engine.collect():
            results.add(pack(second))
        check_accounts(results, ARRIVALS * SECONDS)
    assert failing_share(without, range(2, 4)) > 0.8, "the fault hits both alike"
    assert failing_share(with_retries, range(2, 4)) > 0.8
    assert failing_share(without, LAST) < 0.3
    assert failing_share(with_retries, LAST) > 0.7
    assert with_retries.counts["attempts"] > 2 * without.counts["attempts"] == 2 * ARRIVALS * SECONDS
    assert with_retries.total_completed < without.total_completed
