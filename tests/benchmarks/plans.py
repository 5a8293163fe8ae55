"""Plans in which everyone makes the same journey, at a rate given second by second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from config import Campaign, Environment
from config.recording import Recording
from loadtests.plan import Plan

_DAY = datetime.fromisoformat("2026-01-15T00:00:00+01:00")


def website(url: str, authorities: Path | None = None) -> Environment:
    """Return the environment of one website; `authorities` is the PEM file of those who signed its certificate."""
    tls = {"authorities": str(authorities)} if authorities else {}
    return Environment.model_validate(
        {"title": "Benchmark", "endpoints": {"website": url}, "allow": ["127.0.0.1"], "tls": tls}
    )


def plan(
    errand: str, environment: Environment, per_second: Sequence[float], *, warm_up: float = 0.0, **options: object
) -> Plan:
    """Plan one journey for everyone; `per_second` holds the expected arrivals of each second, beginning at midnight.

    The first `warm_up` seconds are not part of the steady part.
    """
    midnight, seconds = _DAY.timestamp(), len(per_second)
    edges = [*(midnight + second for second in range(seconds + 1)), midnight + 86_400.0]
    recordings = {"all": {"shape": "plan"}}
    day = {"start": _DAY.isoformat(), "source": "none", "totals": {"all": sum(per_second)}, "recordings": recordings}
    campaign = Campaign.model_validate(
        {
            "title": f"Benchmark {errand}",
            "sources": ["none"],
            "assumptions": [],
            "days": {"day": day},
            "hourly_profile": [1] * 24,
            "thresholds": {"warm_up": f"{warm_up:g}s"},
            "streams": {"all": {"title": "Everyone", "split": [{"journey": errand, "share": 1.0}]}},
        }
    )
    return Plan.model_validate(
        {
            "campaign_id": "benchmark",
            "campaign": campaign,
            "environment_id": "benchmark",
            "environment": environment,
            "day": "day",
            "start": 0.0,
            "end": float(seconds),
            "recordings": {"plan": Recording(edges=edges, counts=[*map(float, per_second), 0.0])},
            "max_in_flight": 200_000,
            **options,
        }
    )


def sine(seconds: int, *, mean: float, swing: float, period: float) -> list[float]:
    """Return the arrivals of each second of  mean + swing sin(2 pi t / period):  its integral over that second."""
    edges = np.arange(seconds + 1.0)
    integral = mean * edges - swing * period / (2 * np.pi) * np.cos(2 * np.pi * edges / period)
    counts: list[float] = np.diff(integral).tolist()
    return counts
