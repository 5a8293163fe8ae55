"""Live progress of a run: a panel that renews itself on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadtests.plan import Plan
from loadtests.statistics import Moment, Results, percentile

LINE_EVERY = 5.0
"""Seconds between lines where the output is not a terminal."""

RECENT = 5
"""Seconds that the shown percentiles look back."""


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
        if self._live is not None:
            self._live.update(Text(describe(self._plan, results, elapsed)), refresh=True)
        elif monotonic() - self._last_line >= LINE_EVERY:
            self._last_line = monotonic()
            self._console.print(describe(self._plan, results, elapsed), highlight=False, soft_wrap=True)


def describe(plan: Plan, results: Results, elapsed: float) -> str:
    """Return the state of a run in one line."""
    now = min(elapsed, plan.duration, results.seconds)  # planned and started as of the same instant
    recent = Moment()
    for index in sorted(results.moments)[-RECENT:]:
        recent.response.update(results.moments[index].response)
        recent.in_flight = results.moments[index].in_flight
    left = max(0.0, plan.duration - elapsed)
    p50, p99 = (percentile(recent.response, share) * 1000 for share in (0.5, 0.99))
    return (
        f"{plan.clock(now):%H:%M:%S} of the day | planned {plan.shape.count_by(now):,.0f}"
        f" | started {results.counts['started']:,} | on their way {recent.in_flight:,}"
        f" | completed {results.total_completed:,} | failed {results.total_failed:,}"
        f" | p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        + (f" | {left:.0f} s left" if left else " | waiting for those on their way")
    )
