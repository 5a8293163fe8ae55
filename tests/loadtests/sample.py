"""A small summary to make reports of: eight seconds of a run in which the portal failed for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from journeys import Reason
from loadtests.summary import (
    AdmissionPeak,
    ArrivalFacts,
    AttemptFacts,
    Bar,
    Block,
    ConnectionRow,
    FailureRow,
    GeneratorFacts,
    JourneyRow,
    LimitFacts,
    PlanFacts,
    SecondRow,
    SteadyFacts,
    StepRow,
    Summary,
    Times,
    WaitingRoomRow,
)
from loadtests.verdict import Check

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
        "attempts": 9 + index % 3,
        "completed": 9,
        "failed": 2 if index in {3, 4} else 0,
        "setbacks": 0,
        "in_flight": 4 + index,
        "open_connections": 8 + index,
        "requests": 30,
        "admitted": {},
        "amplification": 1.0,
        "response_p50": 0.02,
        "response_p99": 1.5 if index in {3, 4} else 0.08,
        "lateness_p99": 0.0006,
        "loop_lag": 0.002,
        "cpu": 0.12,
        "stolen": 0.01,
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
        "zone": "Europe/Amsterdam",
        "compress": 10.0,
        "keep": "volume",
        "pooled": False,
        "scale": 0.5,
        "growth": {},
        "years": 1.0,
        "seed": 7,
        "spacing": "poisson",
        "think_factor": 0.1,
        "timeout": 30.0,
        "drain": 2.0,
        "accounts": 0,
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
        "no_account": 0,
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


def check(**changes: Any) -> Check:
    """Return the threshold that the run missed."""
    facts = {
        "about": "system",
        "name": "failed journeys",
        "unit": "share",
        "limit": 0.01,
        "measured": 0.0667,
        "complaint": "6.67% of the journeys failed (at most 1.00% allowed)",
    }
    return Check.model_validate(facts | changes)


def checks() -> list[Check]:
    """Return the thresholds of the run: the generator's, one that was missed, one that was met."""
    schedule = {"about": "generator", "complaint": ""}
    return [
        check(name="arrivals started", limit=0.999, lowest=True, measured=1.0, **schedule),
        check(name="start lateness p99", unit="seconds", limit=0.1, measured=0.001, **schedule),
        check(),
        check(name="p95 of all steps", unit="seconds", limit=2.0, measured=0.06, complaint=""),
    ]


def steady_facts(**changes: Any) -> SteadyFacts:
    """Return the part that was judged: all six seconds in which people came."""
    facts = {
        "start": 0,
        "end": 6,
        "completed": 56,
        "failed": 4,
        "failed_share": 0.0667,
        "failed_share_to_the_end": 0.0667,
        "amplification": 1.0,
        "requests": 180,
        "response": times(180, 0.02),
        "lateness_p99": 0.001,
        "cpu": 0.12,
        "loop_lag": 0.004,
    }
    return SteadyFacts.model_validate(facts | changes)


def block(second: int, failed: int = 0) -> Block:
    """Return four seconds of a journey or a step."""
    return Block(second=second, seconds=4, count=28, failed=failed, p50=0.02, p95=0.06, p99=0.1)


def waiting_room_row(**changes: Any) -> WaitingRoomRow:
    """Return what thirty citizens of the app met at a waiting room that let in too many."""
    row = {
        "channel": "app",
        "joined": 30,
        "queued": 12,
        "admitted": 20,
        "unqueued": 5,
        "expired": 1,
        "lost_place": 2,
        "gave_up": 4,
        "waited": times(20, 1.5),
        "dose": 4.0,
        "peak": AdmissionPeak(start=2, seconds=3, admitted=25, rate=25 / 3, above=13.0, allowed=9.0),
    }
    return WaitingRoomRow.model_validate(row | changes)


def limit_facts(**changes: Any) -> LimitFacts:
    """Return a limit of connections that was met for four seconds."""
    facts = {
        "first": 2,
        "seconds": 4,
        "refused": 60,
        "fresh": 100,
        "kept": 400,
        "broken": 1,
        "open": 25,
        "rate": 25.0,
        "sentence": "this looks like a limit of connections: digid-app and digid-sms refused new ones",
    }
    return LimitFacts.model_validate(facts | changes)


def connection_row(**changes: Any) -> ConnectionRow:
    """Return an address that refused connections in two ways."""
    row = {
        "url": "http://127.0.0.1:8600/digid",
        "systems": ["digid-app", "digid-sms"],
        "answered": 90,
        "refused": {Reason.CONNECTION_RESET: 50, Reason.CONNECTION_REFUSED: 10},
        "kept": 1234,
        "broken": 1,
        "open_max": 26,
        "limit": limit_facts(),
    }
    return ConnectionRow.model_validate(row | changes)


def attempt_facts(**changes: Any) -> AttemptFacts:
    """Return how often people tried: once each."""
    facts = {"attempts": 61, "amplification": 1.0, "spare_connections": 0, "setbacks": []}
    return AttemptFacts.model_validate(facts | changes)


def summary(**changes: Any) -> Summary:
    """Return the whole, with parts replaced by `changes`."""
    parts = {
        "outcome": "failed",
        "reasons": ["6.67% of the journeys failed (at most 1.00% allowed)"],
        "ended_early": None,
        "checks": checks(),
        "began": datetime.fromisoformat("2026-07-01T12:00:00+00:00"),
        "seconds": 8.0,
        "plan": plan_facts(),
        "arrivals": arrival_facts(),
        "lateness": times(61, 0.0002),
        "requests": 240,
        "requests_per_second": 30.0,
        "response": times(240, 0.02),
        "histogram": [
            Bar(low=0.01, high=0.02, response=130, service=140),
            Bar(low=0.02, high=0.04, response=0, service=0),
            Bar(low=0.04, high=0.08, response=110, service=100),
        ],
        "steady": steady_facts(),
        "journeys": [
            JourneyRow(
                journey="file-return",
                completed=56,
                failed=4,
                unfinished=1,
                duration=times(56, 1.2),
                blocks=[block(0, failed=2), block(4, failed=2)],
            )
        ],
        "steps": [
            StepRow(
                journey="file-return",
                step="submit",
                method="POST",
                response=times(60, 0.02),
                steady=times(45, 0.02),
                service=times(60, 0.018),
                received_bytes=123_456,
                blocks=[block(0), block(4)],
            )
        ],
        "failures": [failure()],
        "attempts": attempt_facts(),
        "connections": [],
        "waiting_room": [],
        "timeline": [second(index) for index in range(8)],
        "generator": GeneratorFacts(
            cpu_mean=0.12,
            cpu_max=0.2,
            stolen_mean=0.01,
            stolen_max=0.05,
            loop_lag_max=0.004,
            connections=61,
            connections_open_max=15,
            stale_connections=1,
            closed_early=0,
            sockets_max=90,
            local_ports=28_232,
            memory_max=90_000_000,
            machine="Linux 6.1.0, x86_64, 2 processors",
        ),
    }
    return Summary.model_validate(parts | changes)


def empty_summary() -> Summary:
    """Return the summary of a run that was broken off before its first arrival."""
    nothing = {"expected": 0.0, "scheduled": 0, "due": 0, "started": 0, "completed": 0, "failed": 0, "unfinished": 0}
    return summary(
        outcome="invalid",
        reasons=["no journey came to an end"],
        checks=[],
        steady=steady_facts(
            end=0,
            completed=0,
            failed=0,
            failed_share=None,
            failed_share_to_the_end=None,
            amplification=None,
            requests=0,
            response=NO_TIMES,
        ),
        attempts=attempt_facts(attempts=0, amplification=None),
        seconds=0.0,
        arrivals=arrival_facts(**nothing, z=0.0),
        lateness=NO_TIMES,
        requests=0,
        requests_per_second=0.0,
        response=NO_TIMES,
        histogram=[],
        journeys=[],
        steps=[],
        failures=[],
        timeline=[],
    )
