"""A small summary to make reports of: eight seconds of a run in which the portal failed for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from journeys import Reason
from loadtests.summary import (
    ArrivalFacts,
    FailureRow,
    GeneratorFacts,
    JourneyRow,
    PlanFacts,
    SecondRow,
    StepRow,
    Summary,
    Times,
)

NO_TIMES = Times(count=0, mean=0.0, p50=0.0, p95=0.0, p99=0.0, max=0.0)


def times(count: int, p50: float) -> Times:
    """Return percentiles spread around a median."""
    return Times(count=count, mean=1.2 * p50, p50=p50, p95=3 * p50, p99=5 * p50, max=9 * p50)


def second(index: int, **changes: Any) -> SecondRow:
    """Return one second of a run of ten arrivals a second."""
    row = {
        "second": index,
        "planned": 10.0,
        "started": 9 + index % 3,
        "dropped": 0,
        "completed": 9,
        "failed": 2 if index in {3, 4} else 0,
        "in_flight": 4 + index,
        "requests": 30,
        "response_p50": 0.02,
        "response_p99": 1.5 if index in {3, 4} else 0.08,
        "lateness_p99": 0.0006,
        "cpu": 0.12,
    }
    return SecondRow.model_validate(row | changes)


def plan_facts(**changes: Any) -> PlanFacts:
    """Return what was asked for: a minute of the day in six seconds."""
    facts = {
        "campaign": "small",
        "title": "A small campaign",
        "day": "any-day",
        "first": datetime.fromisoformat("2026-03-01T09:00:00+01:00"),
        "last": datetime.fromisoformat("2026-03-01T09:01:00+01:00"),
        "compress": 10.0,
        "scale": 0.5,
        "seed": 7,
        "spacing": "poisson",
        "think_factor": 0.1,
        "environment": "local",
        "endpoints": {"website": "http://127.0.0.1:8600/website"},
        "sources": ["a source"],
        "assumptions": ["an assumption"],
        "processes": 1,
        "command": "piekwacht load run small --compress 10 --scale 0.5 --seed 7",
        "versions": {"python": "3.11.7", "piekwacht": "0.1.0", "locust": "2.47.0", "uvloop": "0.23.0"},
        "thresholds": {"failed_share": 0.01, "p95": "2s"},
    }
    return PlanFacts.model_validate(facts | changes)


def arrival_facts(**changes: Any) -> ArrivalFacts:
    """Return what became of sixty arrivals."""
    facts = {
        "expected": 60.0,
        "scheduled": 61,
        "due": 61,
        "started": 61,
        "dropped": 0,
        "not_due": 0,
        "completed": 56,
        "failed": 4,
        "aborted": 0,
        "unfinished": 1,
        "lost": 0,
        "z": 0.13,
        "digest": "0123456789abcdef" * 4,
    }
    return ArrivalFacts.model_validate(facts | changes)


def failure(**changes: Any) -> FailureRow:
    """Return one kind of failure."""
    row = {
        "journey": "file-return",
        "step": "submit",
        "reason": Reason.UNEXPECTED_STATUS,
        "meaning": Reason.UNEXPECTED_STATUS.meaning,
        "count": 4,
        "detail": "status 503",
    }
    return FailureRow.model_validate(row | changes)


def summary(**changes: Any) -> Summary:
    """Return the whole, with parts replaced by `changes`."""
    parts = {
        "outcome": "failed",
        "reasons": ["6.67% of the journeys failed (at most 1.00% allowed)"],
        "began": datetime.fromisoformat("2026-07-01T12:00:00+00:00"),
        "seconds": 8.0,
        "plan": plan_facts(),
        "arrivals": arrival_facts(),
        "lateness": times(61, 0.0002),
        "requests": 240,
        "requests_per_second": 30.0,
        "response": times(240, 0.02),
        "journeys": [JourneyRow(journey="file-return", completed=56, failed=4, unfinished=1, duration=times(56, 1.2))],
        "steps": [
            StepRow(
                journey="file-return",
                step="submit",
                method="POST",
                response=times(60, 0.02),
                service=times(60, 0.018),
                received_bytes=123_456,
            )
        ],
        "failures": [failure()],
        "timeline": [second(index) for index in range(8)],
        "generator": GeneratorFacts(
            cpu_mean=0.12, cpu_max=0.2, loop_lag_max=0.004, connections=61, stale_connections=1
        ),
    }
    return Summary.model_validate(parts | changes)


def empty_summary() -> Summary:
    """Return the summary of a run that was broken off before its first arrival."""
    nothing = {"expected": 0.0, "scheduled": 0, "due": 0, "started": 0, "completed": 0, "failed": 0, "unfinished": 0}
    return summary(
        outcome="invalid",
        reasons=["no journey came to an end"],
        seconds=0.0,
        arrivals=arrival_facts(**nothing, z=0.0),
        lateness=NO_TIMES,
        requests=0,
        requests_per_second=0.0,
        response=NO_TIMES,
        journeys=[],
        steps=[],
        failures=[],
        timeline=[],
    )
