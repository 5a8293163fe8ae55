"""Whether the engine tells the truth: its figures against what the server and the journeys themselves noted.

No instant is compared with a limit. Of each arrival three clocks are known, and their order is certain on any machine:
the server gave its answer, the engine measured, the journey went on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from journeys import Citizen, Journey
from journeys.core import Request, _registry, fetch, journey
from loadtests.engine import Engine
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.second import pack
from tests.benchmarks.plans import plan, sine, website
from tests.stalling import Stall, serving


class Diary(Engine):
    """An engine that also keeps the response time of each citizen."""

    def __init__(self, the_plan: Plan) -> None:
        super().__init__(the_plan)
        self.measured_times: dict[int, float] = {}

    def measured(self, journey: str, request: Request, response: float, service: float, size: int) -> None:
        self.measured_times[int(request.path.lstrip("/"))] = response
        super().measured(journey, request, response, service, size)


@pytest.fixture
def instants() -> Iterator[dict[int, tuple[float, float]]]:
    """Register the journey `get-own-page`; give the instants at which each citizen began and had the answer."""
    noted: dict[int, tuple[float, float]] = {}

    @journey("get-own-page", title="Get one's own page", steps=["get"])
    def get_own_page(citizen: Citizen) -> Journey:
        begun = time.monotonic()
        yield from fetch("get", "website", f"/{citizen.number}", contains="Hello")
        noted[citizen.number] = begun, time.monotonic()

    yield noted
    _registry.pop("get-own-page")


def run(the_plan: Plan) -> tuple[Diary, Results, float]:
    """Run a plan; return its engine, its results, and the instant at which its time began."""
    engine, zero = Diary(the_plan), time.monotonic() + 0.05
    engine.start(zero)
    deadline = zero + the_plan.duration + the_plan.drain + 20
    while not engine.finished:
        assert time.monotonic() < deadline, "the engine did not end"
        time.sleep(0.02)
    results = Results()
    for second in engine.collect():
        results.add(pack(second))
    assert engine.error is None
    return engine, results, zero


def test_a_stall_is_seen_by_everyone_who_came_during_it(instants):
    """The server stalls until 100 people wait: they all come, and each waits as long as both ends of the wire say.

    A generator whose users wait for answers before they send again would never have 100 waiting, nor count those who
    could not come.
    """
    with serving(Stall(after=200, waiting=100)) as server:
        the_plan = plan("get-own-page", website(server.url), [200.0] * 3, spacing="even")
        engine, results, zero = run(the_plan)
    everyone = set(range(600))
    record = server.record
    assert results.counts["started"] == results.total_completed == 600
    assert set(record.received) == set(record.answered) == set(engine.measured_times) == everyone
    assert len(record.held) >= 100, "the stall held nobody back"
    for number, intended in enumerate(zero + the_plan.arrivals.instants):
        response = engine.measured_times[number]
        assert record.answered[number] - intended <= response <= instants[number][1] - intended
    longest = max(engine.measured_times[number] for number in record.held)
    assert longest >= record.ended - record.received[record.held[0]], "the first to be held waited for all of the stall"


def test_the_percentiles_are_those_of_the_response_times(instants):
    """What comes out of the histograms is what went in, to three significant digits and to a whole rank."""
    with serving(Stall(after=100, waiting=50)) as server:
        engine, results, _ = run(plan("get-own-page", website(server.url), [200.0]))
    times = np.sort(list(engine.measured_times.values()))
    assert results.response().count == len(times) == results.counts["started"]
    for share in (0.5, 0.9, 0.99, 1.0):
        below, above = (times[int(rank(share * len(times))) - 1] for rank in (np.floor, np.ceil))
        assert 0.998 * below - 2e-6 <= results.response().percentile(share) <= 1.002 * above + 2e-6


@pytest.mark.parametrize("spacing", ["poisson", "even"])
def test_a_sine_of_arrivals_is_followed_second_by_second(instants, spacing):
    """Everyone who is planned comes, once and never early; each second has as many as the sine gives it.

    Evenly spaced they are exact to one; of a Poisson process a second of mean m has m within 4 sqrt(m), for this seed.
    """
    per_second = sine(3, mean=150.0, swing=120.0, period=2.5)
    with serving(Stall(after=10_000)) as server:
        the_plan = plan("get-own-page", website(server.url), per_second, spacing=spacing)
        _, results, zero = run(the_plan)
    planned = the_plan.arrivals.instants
    assert sorted(instants) == list(range(len(planned)))
    assert results.counts["started"] == results.total_completed == len(planned)
    assert all(instants[number][0] >= zero + instant for number, instant in enumerate(planned.tolist()))
    counts, _ = np.histogram(planned, bins=np.arange(len(per_second) + 1.0))
    off = np.abs(counts - np.array(per_second))
    assert np.all(off <= (1.0 if spacing == "even" else 4 * np.sqrt(per_second)))
    if spacing == "poisson":
        assert np.any(off > 1.0), "a Poisson process is not even"
