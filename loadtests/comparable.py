"""Whether runs may be compared at all, and what to keep in mind when they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from loadtests import wording
from loadtests.summary import PlanFacts, Summary

Facts = Mapping[str, Callable[[PlanFacts], str]]

FAR_APART = 5.0
"""Standard deviations between the arrivals of a journey in two runs beyond which their mixes are different."""

BUSY = 0.5
"""Share of the runs' 95th percentile of response times by which their generators' lateness may differ."""


def _growth(plan: PlanFacts) -> str:
    """Return what growth makes of each stream: factor^years, so that other ways of saying the same are the same."""
    grown = {stream: factor**plan.years for stream, factor in sorted(plan.growth.items())}
    return ", ".join(f"{stream} x {factor:g}" for stream, factor in grown.items() if factor != 1) or "none"


PLAN: Facts = {
    "campaign": lambda plan: plan.campaign,
    "day": lambda plan: plan.day,
    "window": lambda plan: wording.span(plan.first, plan.last),
    "scale": lambda plan: f"{plan.scale:g}",
    "compression": lambda plan: f"{plan.compress:g}",
    "quantity that compression keeps": lambda plan: plan.keep,
    "sharing of connections": lambda plan: "pooled" if plan.pooled else "one's own",
    "growth": _growth,
    "spacing of arrivals": lambda plan: plan.spacing,
    "think factor": lambda plan: f"{plan.think_factor:g}",
}
"""What decides how hard a run is on the system."""

SETTING: Facts = {
    "environment": lambda plan: plan.environment,
    "number of generator processes": lambda plan: str(plan.processes),
    "version of Piekwacht": lambda plan: plan.versions.get("piekwacht", "unknown"),
}
"""What may explain a difference, and may be the very thing compared."""


def differences(runs: Sequence[Summary], names: Sequence[str], delay: float) -> Iterator[str]:
    """Yield why the runs cannot be compared: one is invalid, or they were not asked for the same.

    `delay` seconds are no regression, and so no reason either where generators were late.
    """
    for run, name in zip(runs, names, strict=True):
        if run.outcome == "invalid":
            yield f"{name} is invalid: {'; '.join(run.reasons)}"
    yield from _other_lateness(runs, names, delay)
    unlike = list(_unlike(runs, names, PLAN))
    yield from unlike or _other_mix(runs, names)


def remarks(runs: Sequence[Summary], names: Sequence[str]) -> Iterator[str]:
    """Yield what else is not the same in all runs."""
    for run, name in zip(runs[:-1], names, strict=False):
        if run.outcome == "failed":
            yield f"the baseline {name} missed its own thresholds"
    yield from _unlike(runs, names, SETTING)
    machines = [run.generator.machine for run in runs]
    if len(set(machines)) > 1:
        yield f"the generator's machine is not the same: {_each(machines, names)}"
    alone = _not_in_all([{row.journey for row in run.journeys} for run in runs])
    steps = _not_in_all(
        [{f"{row.journey}: {row.step}" for row in run.steps if row.journey not in alone} for run in runs]
    )
    if missing := sorted(alone | steps):
        yield f"not in every run, so not compared: {', '.join(missing)}"


def _not_in_all(found: Sequence[set[str]]) -> set[str]:
    return set().union(*found) - found[0].intersection(*found)


def _unlike(runs: Sequence[Summary], names: Sequence[str], facts: Facts) -> Iterator[str]:
    for what, fact in facts.items():
        found = [fact(run.plan) for run in runs]
        if len(set(found)) > 1:
            yield f"the {what} is not the same: {_each(found, names)}"


def _other_lateness(runs: Sequence[Summary], names: Sequence[str], delay: float) -> Iterator[str]:
    """Look for a generator that was short of CPU in one run, and so took its own slowness for the system's."""
    lateness = [run.lateness.p99 for run in runs]
    if max(lateness) - min(lateness) > max(delay, BUSY * min(run.response.p95 for run in runs)):
        found = _each([wording.duration(value) for value in lateness], names)
        yield f"the generator was not equally fit; 1 % of its starts were later than: {found}"


def _other_mix(runs: Sequence[Summary], names: Sequence[str]) -> Iterator[str]:
    """Look for a campaign that was edited between the runs, under the same name.

    The arrivals of a journey are Poisson counts a and b with the same mean: |a - b| ≤ 5 √(a + b), but for one pair in a
    million.
    """
    expected = [f"{run.arrivals.expected:.6g}" for run in runs]
    if len(set(expected)) > 1:
        yield f"the number of arrivals that the campaign asks for is not the same: {_each(expected, names)}"
        return
    for journey in sorted({row.journey for run in runs for row in run.journeys}):
        counts = [_arrivals(run, journey) for run in runs]
        if max(counts) - min(counts) > FAR_APART * math.sqrt(max(counts) + min(counts)):
            found = [wording.number(count) for count in counts]
            yield f"the number of people who came for {journey} is not the same: {_each(found, names)}"


def _arrivals(run: Summary, journey: str) -> int:
    return sum(row.completed + row.failed + row.unfinished for row in run.journeys if row.journey == journey)


def _each(found: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(f"{value} ({name})" for value, name in zip(found, names, strict=True))
