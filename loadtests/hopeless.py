"""When a run should not go on: it cannot meet its thresholds any more, or hardly anything works.

After the warm-up, and once `FEWEST` journeys have ended in the steady part, a run is hopeless if one of these holds:

    lost       failed > allowed share x (ended + still to come)
               even if everyone passed who has not come to an end yet, too many have failed already
    collapse   more than the `failed_share` of `abort` failed among those who ended within the last `over`

A run ends early only where its campaign (`abort`) or its caller asks for it: a run that shows what a broken system does
to its citizens has to go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from config.thresholds import Abort
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.timeline import total

FEWEST = 20
"""Journeys that must have ended; of fewer, chance decides."""


def watch(plan: Plan, abort: Abort) -> Callable[[Results, float], str | None]:
    """Return what tells why a run is hopeless, from its results so far and its elapsed seconds; None while it is not.

    Once everybody has arrived there is nothing left to spare the system.
    """
    scheduled = len(plan.arrivals)
    allowed = plan.campaign.thresholds.failed_share
    too_many = max(abort.failed_share, allowed)

    def look(results: Results, elapsed: float) -> str | None:
        if elapsed >= plan.duration:
            return None
        return lost(results, scheduled, allowed) or collapse(results, math.ceil(abort.over), too_many)

    return look


def lost(results: Results, scheduled: int, allowed: float) -> str | None:
    """Tell whether the allowed failed share cannot be met any more by the rest of `scheduled` arrivals."""
    failed, ended = _ended(results, results.steady)
    dropped = results.counts["dropped"] + results.counts["no_account"]
    to_come = scheduled - results.total_failed - results.total_completed - dropped
    if ended < FEWEST or failed <= allowed * (ended + to_come):
        return None
    return (
        f"{failed:,} of {ended:,} journeys have failed; even if all {to_come:,} still to come passed, that would be"
        f" more than the {allowed:.2%} allowed"
    )


def collapse(results: Results, over: int, too_many: float) -> str | None:
    """Tell whether hardly anything works now, by the last `over` seconds once all of them lie after the warm-up."""
    latest = min(results.seconds, results.steady.stop)
    first = latest - over
    if first < results.steady.start:
        return None
    failed, ended = _ended(results, range(first, latest))
    if ended < FEWEST or failed <= too_many * ended:
        return None
    return f"{failed:,} of {ended:,} journeys that ended in the last {over} s failed ({failed / ended:.0%})"


def _ended(results: Results, seconds: range) -> tuple[int, int]:
    """Return how many journeys failed, and how many ended, in a part of the run."""
    rows = results.timeline.rows(seconds)
    failed = total(rows, "failed")
    return failed, failed + total(rows, "completed")
