"""What a run says: passed, failed, or invalid because the measurement itself cannot be trusted.

Invalid comes first: when the generator was the limit, the figures say nothing about the system.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config import Thresholds

Outcome = Literal["passed", "failed", "invalid"]

STARTED_SHARE = 0.999
"""Share of the arrivals due that must have been started."""

LATENESS_P99 = 0.1
"""Seconds; a generator that starts more than 1 % of its citizens later than this could not keep its schedule."""


@dataclass(frozen=True)
class Verdict:
    """The outcome and every reason for it; a passed run has none."""

    outcome: Outcome
    reasons: list[str]


@dataclass(frozen=True)
class Measured:
    """The figures that a verdict is made of; shares from 0 to 1, times in seconds."""

    due: int
    started: int
    dropped: int
    aborted: int
    completed: int
    failed: int
    lateness_p99: float
    response_p95: float
    interrupted: bool
    errors: list[str]

    @property
    def failed_share(self) -> float:
        """Failed journeys among those that came to an end."""
        ended = self.completed + self.failed
        return self.failed / ended if ended else 0.0


def judge(measured: Measured, thresholds: Thresholds) -> Verdict:
    """Judge a run."""
    unsound = _unsound(measured)
    if unsound:
        return Verdict("invalid", unsound)
    missed = _missed(measured, thresholds)
    return Verdict("failed" if missed else "passed", missed)


def _unsound(measured: Measured) -> list[str]:
    reasons = [f"the generator failed: {error}" for error in measured.errors]
    if measured.interrupted:
        reasons.append("the run was interrupted; figures cover the part until then")
    if measured.started < STARTED_SHARE * measured.due and not measured.errors:
        reasons.append(
            f"the generator could not keep its schedule: {measured.started} of {measured.due} arrivals were started"
            f" ({measured.dropped} dropped)"
        )
    if measured.lateness_p99 > LATENESS_P99:
        reasons.append(
            f"the generator could not keep its schedule: 1 % of the arrivals started more than"
            f" {measured.lateness_p99 * 1000:.0f} ms late (limit {LATENESS_P99 * 1000:.0f} ms)"
        )
    if measured.aborted:
        reasons.append(f"the generator ran out of descriptors, ports or memory for {measured.aborted} journeys")
    if not measured.completed + measured.failed and not reasons:
        reasons.append("no journey came to an end")
    return reasons


def _missed(measured: Measured, thresholds: Thresholds) -> list[str]:
    reasons = []
    if measured.failed_share > thresholds.failed_share:
        reasons.append(
            f"{measured.failed_share:.2%} of the journeys failed (at most {thresholds.failed_share:.2%} allowed)"
        )
    if measured.response_p95 > thresholds.p95:
        reasons.append(
            f"the 95th percentile of the response times was {measured.response_p95:.3f} s (limit {thresholds.p95:g} s)"
        )
    return reasons
