"""The steady part of a run: from the end of the warm-up to the last arrival. It is what thresholds are judged on.

Before it caches are cold, after it nobody arrives any more and the system has it easy. A citizen belongs to the second
in which the journey ended, an answer to the second in which it came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.latencies import Latencies, together
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.timeline import Rows, total

BUSY_SECONDS = 10
"""A process is busy when it is so for this long: one second of collecting garbage is none."""


@dataclass(frozen=True)
class Steady:
    """What was measured from second `start` up to `end`, not included; times in seconds.

    `failed_after` are the journeys that failed after `end`, `completed_after` those that passed. `cpu` is the number of
    cores that the busiest process used over `BUSY_SECONDS`, `stolen` those that the host withheld, on average.
    """

    start: int
    end: int
    started: int
    attempts: int
    completed: int
    failed: int
    completed_after: int
    failed_after: int
    requests: int
    response: Latencies
    lateness_p99: float
    cpu: float
    stolen: float
    loop_lag: float

    @property
    def failed_share(self) -> float | None:
        """Failed journeys among those that ended; None where none did."""
        return _share(self.failed, self.completed)

    @property
    def failed_share_to_the_end(self) -> float | None:
        """The same with those who were still on their way at the last arrival."""
        return _share(self.failed + self.failed_after, self.completed + self.completed_after)

    @property
    def amplification(self) -> float | None:
        """Attempts for each journey that passed; None where nobody came."""
        return amplification(self.attempts, self.started, self.completed, self.failed)


def seconds_of(plan: Plan) -> range:
    """Return the seconds of the steady part; there are none where the warm-up is longer than the run."""
    return range(math.ceil(plan.campaign.thresholds.warm_up), math.ceil(round(plan.duration, 6)))


def measure(results: Results) -> Steady:
    """Return what was measured in the steady part."""
    rows = results.timeline.rows(results.steady)
    drain = results.timeline.rows(range(results.steady.stop, results.seconds))
    return Steady(
        start=results.steady.start,
        end=max(results.steady.start, min(results.steady.stop, results.seconds)),
        started=total(rows, "started"),
        attempts=total(rows, "attempts"),
        completed=total(rows, "completed"),
        failed=total(rows, "failed"),
        completed_after=total(drain, "completed"),
        failed_after=total(drain, "failed"),
        requests=total(rows, "requests"),
        response=together(step.steady for step in results.steps.values()),
        lateness_p99=results.steady_lateness.percentile(0.99),
        cpu=_busiest(rows["cpu"].tolist()),
        stolen=float(rows["stolen"].mean()) if len(rows) else 0.0,
        loop_lag=float(rows["lag"].max(initial=0.0)),
    )


def amplification(attempts: int, started: int, completed: int, failed: int) -> float | None:
    """Return the attempts that were made for each journey that passed; None where nobody came.

        attempts for each citizen x citizens for each that passed = attempts / started x (passed + failed) / passed

    Each factor compares what happens at the same end of a journey, so that a part of a run, in which more people set
    out than come to an end, does not look like a storm. Where nobody passed, as if one had.
    """
    if not started:
        return None
    ended = completed + failed
    return attempts / started * (ended / max(1, completed) if ended else 1.0)


def amplification_of(rows: Rows) -> float | None:
    """Return the amplification of some seconds."""
    return amplification(
        attempts=total(rows, "attempts"),
        started=total(rows, "started"),
        completed=total(rows, "completed"),
        failed=total(rows, "failed"),
    )


def _busiest(cpu: Sequence[float]) -> float:
    """Return the highest mean of any `BUSY_SECONDS` in a row, or of all where there are fewer."""
    width = min(BUSY_SECONDS, len(cpu))
    return max((sum(cpu[i : i + width]) / width for i in range(len(cpu) - width + 1)), default=0.0) if cpu else 0.0


def _share(failed: int, completed: int) -> float | None:
    return failed / (failed + completed) if failed + completed else None
