"""Results as a run of several seconds would give them, and plans for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config import Campaign, Environment
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.second import Second, pack
from loadtests.timeline import EVERYTHING

JOURNEY = "visit-website"


def plan(seconds: float = 10.0, rate: float = 10.0, spacing: str = "even", **thresholds: Any) -> Plan:
    """Return a plan of visits to the website, at a constant rate."""
    campaign = Campaign.model_validate(
        {
            "title": "Visits",
            "sources": ["none"],
            "assumptions": [],
            "days": {"day": {"start": "2026-01-15T00:00:00+01:00", "source": "x", "totals": {"all": rate * 86_400}}},
            "hourly_profile": [1] * 24,
            "streams": {"all": {"title": "All", "split": [{"journey": JOURNEY, "share": 1.0}]}},
            "thresholds": thresholds,
        }
    )
    environment = Environment(title="Test", endpoints={"website": "http://127.0.0.1:9"}, allow=["127.0.0.1"])
    return Plan(
        campaign_id="visits",
        campaign=campaign,
        environment_id="test",
        environment=environment,
        day="day",
        start=0,
        end=seconds,
        spacing=spacing,
    )


def second(index: int, passed: int = 10, failed: int = 0, response: float = 0.02, **changes: Any) -> Second:
    """Return a second in which so many came, passed and failed, each with one answer."""
    one = Second(index, started=passed + failed, due=passed + failed, attempts=passed + failed)
    one.completed[JOURNEY] = passed
    one.journeys[JOURNEY].extend([response] * passed)
    if failed:
        one.failed[JOURNEY, "home", "timeout"] = failed
    one.steps[JOURNEY, "home", "GET"].response.extend([response] * passed)
    one.requests = passed
    one.lateness.extend([0.001] * (passed + failed))
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def results(seconds: Sequence[Second], steady: range = EVERYTHING) -> Results:
    """Return what these seconds add up to."""
    found = Results(steady)
    for one in seconds:
        found.add(pack(one))
    return found
