"""Walk 50 citizens of 2,000 GETs each through the engine, with all bookkeeping; print requests and CPU seconds."""

from __future__ import annotations

import sys
import time

from config import Campaign, Environment
from journeys import Citizen, Journey
from journeys.core import fetch, journey
from loadtests.engine import Engine
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.second import pack

CITIZENS, GETS = 50, 2000


@journey("get", title="Get", steps=["get"])
def get(_citizen: Citizen) -> Journey:
    """Send one GET after the other."""
    for _ in range(GETS):
        yield from fetch("get", "website", "/", contains="Hello")


def plan(url: str) -> Plan:
    """Return a plan in which everyone comes within a tenth of a second."""
    per_day = CITIZENS * 10 * 86_400.0
    campaign = Campaign.model_validate(
        {
            "title": "GETs",
            "sources": ["none"],
            "assumptions": [],
            "days": {"day": {"start": "2026-01-15T00:00:00+01:00", "source": "none", "totals": {"all": per_day}}},
            "hourly_profile": [1] * 24,
            "streams": {"all": {"title": "All", "split": [{"journey": "get", "share": 1.0}]}},
        }
    )
    return Plan(
        campaign_id="gets",
        campaign=campaign,
        environment_id="nginx",
        environment=Environment(title="nginx", endpoints={"website": url}, allow=["127.0.0.1"]),
        day="day",
        start=0.0,
        end=0.1,
        spacing="even",
        drain=120.0,
    )


if __name__ == "__main__":
    engine = Engine(plan(sys.argv[1]))
    results = Results()
    before = time.process_time()
    engine.start(time.monotonic())
    finished = False
    while not finished:
        time.sleep(0.25)
        finished = engine.finished
        for second in engine.collect():
            results.add(pack(second))
    assert engine.error is None, engine.error
    assert results.total_completed == CITIZENS
    print(results.counts["requests"], time.process_time() - before)
