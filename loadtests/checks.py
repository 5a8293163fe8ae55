"""The thresholds of a campaign, each held against what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config import Channel, Thresholds
from journeys import Passage
from loadtests import wording
from loadtests.latencies import Latencies, together
from loadtests.results import Results
from loadtests.steady import Steady
from loadtests.verdict import Check, Unit, check
from loadtests.waiting_room import Surplus, unqueued

FAILED_JOURNEYS = ("failed journeys", "failed journeys, drain included")
"""Names of the checks of the failed share: in the steady part, and up to the end of the run."""

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def system_checks(
    thresholds: Thresholds, results: Results, steady: Steady, surpluses: Mapping[Channel, Surplus]
) -> list[Check]:
    """Return the checks of the system under test; `surpluses` are those of the channels that have a dose."""
    return [
        *_successes(thresholds, steady),
        *_times("all steps", steady.response, {"p95": thresholds.p95, "p99": thresholds.p99}),
        *(
            one
            for step, limits in thresholds.steps.items()
            for one in _times(step, _responses(results, step), limits.model_dump())
        ),
        *_amplification(thresholds, steady),
        *(
            one
            for channel, surplus in surpluses.items()
            for one in _doses(channel, thresholds.doses[channel], surplus, results)
        ),
    ]


def _successes(thresholds: Thresholds, steady: Steady) -> Iterator[Check]:
    """Judge the steady part, and once more with the drain: who hangs until the run ends has failed all the same."""
    limit = thresholds.failed_share
    shares = (steady.failed_share, steady.failed_share_to_the_end)
    moments = ("", " up to the end of the run, counting those on their way at the last arrival")
    for name, share, when in zip(FAILED_JOURNEYS, shares, moments, strict=True):
        found, most = wording.over(share or 0.0, limit, "{:.2%}".format)
        said = f"{found} of the journeys failed{when} (at most {most} allowed)"
        yield _check(name, "share", limit, share, said)


def _times(what: str, latencies: Latencies, limits: Mapping[str, float | None]) -> Iterator[Check]:
    for name, limit in limits.items():
        if limit is None:
            continue
        value = latencies.percentile(PERCENTILES[name]) if latencies.count else None
        where = "the response times" if what == "all steps" else f"the response times of {what}"
        found, most = wording.over(value or 0.0, limit)
        said = f"the {name[1:]}th percentile of {where} was {found} (limit {most})"
        yield _check(f"{name} of {what}", "seconds", limit, value, said)


def _responses(results: Results, name: str) -> Latencies:
    """Return the steady response times of a step: of one journey, or of all that have it."""
    journey, _, step = name.rpartition("/")
    rows = (row for row in results.steps.values() if row.step == step and journey in {"", row.journey})
    return together(row.steady for row in rows)


def _amplification(thresholds: Thresholds, steady: Steady) -> Iterator[Check]:
    limit = thresholds.amplification
    if limit is not None:
        value = steady.amplification
        found, most = wording.over(value or 0.0, limit, wording.rounded)
        said = f"{found} attempts were made for each journey that passed (limit {most})"
        if not steady.completed:
            said = f"{steady.attempts:,} attempts were made, and no journey passed (limit {most} for each that does)"
        yield _check("amplification", "ratio", limit, value, said)


def _doses(channel: Channel, dose: float, surplus: Surplus, results: Results) -> Iterator[Check]:
    said = (
        f"the waiting room exceeded the dose of the {channel} channel: it admitted {surplus.admitted:,} people within"
        f" {surplus.seconds} s from second {surplus.start} on, {surplus.rate:.1f} a second, where the dose is {dose:g}:"
        f" {surplus.above:,.0f} too many"
    )
    name = f"admitted above the dose of {dose:g}/s on the {channel} channel"
    yield _check(name, "count", surplus.allowed, surplus.above, said)
    passed_by, came = unqueued(results, channel), results.passages[channel, Passage.JOINED]
    said = f"{passed_by:,} of {came:,} people were admitted on the {channel} channel without a place in the queue"
    yield _check(f"admitted without a queue on the {channel} channel", "count", 0.0, float(passed_by), said)


def _check(name: str, unit: Unit, limit: float, measured: float | None, complaint: str) -> Check:
    return check("system", name, unit, limit, measured, complaint)
