"""What the demo must show, and whether it did. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.watch import Change

HIT_PROBE, HIT_SYSTEM = "file-return", "mijn-belastingdienst"
"""What the fault of the portal hits."""

HIT_LINE, WELL_LINE, LINE_SYSTEM = "digid-helpdesk-public", "digid-helpdesk-platform", "digid-helpdesk"
"""Which leg of the line the cancelled number hits, and which goes on: the difference says where it is broken."""

RAN = (0, 1)
"""Exit codes of a load test whose figures are worth something."""


@dataclass(frozen=True)
class Check:
    """One thing the demo must show, whether it did, and the figure."""

    passed: bool
    text: str


@dataclass
class Observed:
    """What happened, in seconds of `time.monotonic`."""

    on: float = 0.0
    off: float = 0.0
    changes: list[Change] = field(default_factory=list)

    def first(self, probe: str, *, passing: bool, after: float) -> Change | None:
        """Return a probe's first change of this kind after an instant."""
        fitting = (
            change
            for change in self.changes
            if change.probe == probe and change.passing == passing and change.instant >= after
        )
        return next(fitting, None)


def at_start(failing: Mapping[str, str], number: int) -> Check:
    """Check that all `number` probes passed before the load began; `failing` maps those that did not to why."""
    if not failing:
        return Check(True, f"all {number} probes passed before the load began")
    listed = ", ".join(f"{probe} ({reason})" for probe, reason in sorted(failing.items()))
    return Check(False, f"{len(failing)} of {number} probes did not pass before the load began: {listed}")


def detection(observed: Observed) -> list[Check]:
    """Check that the fault was seen for what it is, and its end too."""
    seen = observed.first(HIT_PROBE, passing=False, after=observed.on)
    cleared = observed.first(HIT_PROBE, passing=True, after=observed.off)
    return [
        Check(
            seen is not None and seen.reason == "maintenance_page",
            f"the probe {HIT_PROBE} saw it after {seen.instant - observed.on:.1f} s, as {seen.reason}"
            if seen
            else f"the probe {HIT_PROBE} did not see the fault",
        ),
        Check(
            cleared is not None,
            f"it passed again {cleared.instant - observed.off:.1f} s after the fault ended"
            if cleared
            else f"the probe {HIT_PROBE} did not pass again",
        ),
    ]


def cancelled_number(observed: Observed, passing: Mapping[str, bool]) -> Check:
    """Check that the cancelled number was seen for what it is, and by the public's way alone.

    `passing` tells of each probe that has run whether it passes.
    """
    seen = observed.first(HIT_LINE, passing=False, after=observed.on)
    if seen is None:
        return Check(False, f"the probe {HIT_LINE} did not see that the number was cancelled")
    other = "passes" if passing.get(WELL_LINE) else "does not pass"
    return Check(
        seen.reason == "number_unallocated" and other == "passes",
        f"the probe {HIT_LINE} saw the cancelled number after {seen.instant - observed.on:.1f} s, as {seen.reason};"
        f" {WELL_LINE} {other}",
    )


def schedule(summary: Mapping[str, Any], load_code: int) -> Check:
    """Check that the load test is valid; whether it passed or failed is another matter."""
    if load_code not in RAN:
        return Check(False, f"the load is worth nothing: {'; '.join(summary['reasons'])}")
    arrivals, lateness = summary["arrivals"], summary["lateness"]
    return Check(
        True,
        f"the load kept its schedule: {arrivals['started']:,} of {arrivals['due']:,} arrivals started,"
        f" 99 % of them within {lateness['p99'] * 1000:.1f} ms",
    )


def cost(observed: Observed, accounts: Mapping[str, Any], interval: float) -> Check:
    """Check that availability fell by the length of the fault: its seconds / interval, two runs more or less."""
    hit = next(row for row in accounts["systems"] if row["system"] == HIT_SYSTEM)
    expected = (observed.off - observed.on) / interval
    runs = hit["good"] + hit["bad"]
    return Check(
        abs(hit["bad"] - expected) <= 2,
        f"the fault of {observed.off - observed.on:.1f} s cost {HIT_SYSTEM} {hit['bad']} of {runs} probe runs"
        f" (expected {expected:.1f} ± 2): availability {hit['good'] / max(1, runs):.2%} instead of 100 %",
    )
