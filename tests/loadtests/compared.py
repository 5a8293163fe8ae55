"""Simulated runs to compare: requests with noise that lasts, cut into blocks as a real run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from loadtests.summary import ArrivalFacts, Block, GeneratorFacts, JourneyRow, PlanFacts, StepRow, Summary, Times

BEGAN = datetime.fromisoformat("2026-07-01T12:00:00+00:00")
STEPS = {"file-return": ("open", "submit"), "visit-website": ("home",)}

PLAN = {
    "campaign": "small",
    "day": "any-day",
    "first": datetime.fromisoformat("2026-03-01T09:00:00+01:00"),
    "last": datetime.fromisoformat("2026-03-01T09:01:00+01:00"),
    "compress": 1.0,
    "keep": "volume",
    "pooled": False,
    "scale": 1.0,
    "growth": {},
    "years": 1.0,
    "spacing": "poisson",
    "think_factor": 1.0,
    "environment": "local",
    "processes": 1,
    "command": "piekwacht load run small",
    "versions": {"piekwacht": "0.1.0"},
}


def percentile(values: np.ndarray, share: float) -> float:
    return float(np.sort(values)[int(np.ceil(share * len(values))) - 1])


def lasting_noise(generator: np.random.Generator, length: int, spread: float) -> np.ndarray:
    """Return noise that remembers 0.6 of the second before."""
    values = [generator.normal(0, spread)]
    for step in generator.normal(0, 0.8 * spread, length - 1):
        values.append(0.6 * values[-1] + step)
    return np.array(values)


def blocks(
    generator: np.random.Generator,
    levels: Sequence[float] | np.ndarray,
    *,
    rate: float = 20.0,
    width: int = 1,
    jitter: float = 0.3,
    failed: Mapping[int, int] | None = None,
) -> list[Block]:
    """Return blocks of `width` seconds; `levels` are the typical times of each second, around which requests jitter."""
    found = []
    for first in range(0, len(levels), width):
        values = np.concatenate(
            [
                level * np.exp(jitter * generator.normal(size=max(1, generator.poisson(rate))))
                for level in levels[first : first + width]
            ]
        )
        p50, p95, p99 = (percentile(values, share) for share in (0.50, 0.95, 0.99))
        count = (failed or {}).get(first, 0)
        found.append(Block(second=first, seconds=width, count=len(values), failed=count, p50=p50, p95=p95, p99=p99))
    return found


def summary(
    seed: int,
    *,
    factor: float | Mapping[str, float] = 1.0,
    base: float = 0.1,
    seconds: int = 60,
    noise: float = 0.06,
    drift: float = 0.015,
    trend: float = 0.0,
    rate: float = 20.0,
    width: int = 1,
    jitter: float = 0.3,
    failed: Mapping[int, int] | None = None,
    lateness: float = 0.001,
    machine: str = "Linux",
    outcome: str = "passed",
    reasons: Sequence[str] = (),
    plan: Mapping[str, Any] | None = None,
) -> Summary:
    """Return a run: `factor` times slower (of some steps only), `trend` times slower at its end, with its own drift."""
    generator = np.random.default_rng(seed)
    own = np.exp(generator.normal(0, drift))
    times = np.linspace(1.0, 1.0 + trend, seconds)

    def series(step: str, failures: Mapping[int, int] | None = None) -> list[Block]:
        slower = factor if isinstance(factor, float) else factor.get(step, 1.0)
        levels = base * slower * own * times * np.exp(lasting_noise(generator, seconds, noise))
        return blocks(generator, levels, rate=rate, width=width, jitter=jitter, failed=failures)

    journeys, steps = [], []
    for journey, names in STEPS.items():
        rows = series(journey, failed)
        ended = {"completed": sum(row.count for row in rows), "failed": sum(row.failed for row in rows)}
        journeys.append(JourneyRow.model_construct(journey=journey, **ended, unfinished=0, blocks=rows))
        for name in names:
            method = "POST" if name == "submit" else "GET"
            steps.append(StepRow.model_construct(journey=journey, step=name, method=method, blocks=series(name)))
    return Summary.model_construct(
        outcome=outcome,
        reasons=list(reasons),
        began=BEGAN + timedelta(seconds=seed),
        plan=PlanFacts.model_construct(**PLAN | dict(plan or {})),
        arrivals=ArrivalFacts.model_construct(expected=1200.0, digest="same"),
        lateness=Times.model_construct(p99=lateness),
        response=Times.model_construct(p95=2 * base),
        generator=GeneratorFacts.model_construct(machine=machine),
        journeys=journeys,
        steps=steps,
    )
