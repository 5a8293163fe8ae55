"""Live progress of a run: a panel that renews itself on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from loadtests.latencies import merged, percentile
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.steady import amplification_of
from loadtests.terminal import SHOWN_FROM, live_panel
from loadtests.timeline import total

LINE_EVERY = 5.0
"""Seconds between lines where the output is not a terminal."""

RECENT = 5
"""Seconds that the shown percentiles look back."""


@dataclass(frozen=True)
class State:
    """How a run is getting on: totals so far, percentiles (seconds) of the last seconds.

    `amplification` is that of the last seconds too; None where no journey passed in them.
    """

    clock: str
    elapsed: float
    duration: float
    planned: float
    started: int
    completed: int
    failed: int
    dropped: int
    in_flight: int
    response_p50: float
    response_p99: float
    lateness_p99: float
    amplification: float | None
    failures: tuple[tuple[str, int], ...]

    @property
    def _repeated(self) -> bool:
        return self.amplification is not None and self.amplification > SHOWN_FROM

    def __str__(self) -> str:
        left = self.duration - self.elapsed
        return (
            f"{self.clock} of the day | planned {self.planned:,.0f} | started {self.started:,}"
            f" | on their way {self.in_flight:,} | completed {self.completed:,} | failed {self.failed:,}"
            f" | p50 {self.response_p50 * 1000:.0f} ms, p99 {self.response_p99 * 1000:.0f} ms"
            + (f" | {self.amplification:.2f} attempts for each that passes" if self._repeated else "")
            + (f" | {left:.0f} s left" if left > 0 else f" | {-left:.0f} s after the last arrival")
        )


def state_of(plan: Plan, results: Results, elapsed: float) -> State:
    """Return the state of a run at `elapsed` seconds."""
    recent = range(max(0, results.seconds - RECENT), results.seconds)
    rows = results.timeline.rows(recent)
    both = [results.timeline.latencies(index) for index in recent]
    lateness, response = merged([one for one, _ in both]), merged([one for _, one in both])
    now = min(elapsed, plan.duration, results.seconds)  # planned and started as of the same instant
    failures = sorted(results.failed_by_reason().items(), key=lambda item: -item[1])
    return State(
        clock=f"{plan.clock(now):%H:%M:%S}",
        elapsed=elapsed,
        duration=plan.duration,
        planned=plan.shape.count_by(now),
        started=results.counts["started"],
        completed=results.total_completed,
        failed=results.total_failed,
        dropped=results.counts["dropped"] + results.counts["no_account"],
        in_flight=int(results.timeline.latest["in_flight"]),
        response_p50=percentile(response, 0.5),
        response_p99=percentile(response, 0.99),
        lateness_p99=percentile(lateness, 0.99),
        amplification=amplification_of(rows) if total(rows, "completed") else None,
        failures=tuple((reason, count) for reason, count in failures[:3] if count),
    )


class Progress:
    """Shows how a run is getting on; a context manager."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._last_line = monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, results: Results, elapsed: float) -> None:
        """Show the state at `elapsed` seconds of the run."""
        due = self._live is not None or monotonic() - self._last_line >= LINE_EVERY
        if not due:
            return
        self._last_line = monotonic()
        state = state_of(self._plan, results, elapsed)
        if self._live is not None:
            fields = {**asdict(state), "failures": state.failures}
            self._live.update(live_panel(title=self._plan.campaign.title, **fields), refresh=True)
        else:
            self._console.print(str(state), highlight=False, soft_wrap=True)
