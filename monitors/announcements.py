"""Announced windows on their way from the calendars to the ledger, and which kind of time it is now.

The ledger keeps what was announced *beforehand*: once a window has begun, the calendar cannot stretch or shrink it any
more. What runs past the announced end is overrun and counts, whatever the calendar says by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from config import Configuration, System
from monitors.calendars import announced, classify
from monitors.ledger import Ledger
from monitors.verdict import Pass, Run, Window

DAY = 86_400.0
HORIZON = 400 * DAY
"""Seconds ahead for which windows are announced: a year and the notice of ten working days."""


def announce(ledger: Ledger, configuration: Configuration, now: float) -> None:
    """Bring the windows of the ledger up to date with the calendars, for those that have not begun at `now`.

    A window that the ledger did not know may have begun: nobody watched when it did. Raises `ConfigError` for broken
    calendars and `LedgerError`.
    """
    known = {window.uid: window for window in ledger.windows()}
    wanted = {window.uid: window for window in announced(configuration, now, now + HORIZON)}
    for uid, window in wanted.items():
        if uid not in known or known[uid].start > now:
            ledger.add_window(window, now)
    for uid, window in known.items():
        if uid not in wanted and now < window.start < now + HORIZON:
            ledger.add_window(window, now, withdrawn=True)


class Timekeeper:
    """Says which kind of time it is for a system; it knows when each probe that measures a system last passed."""

    def __init__(self, ledger: Ledger, systems: Mapping[str, System]) -> None:
        self._windows = ledger.windows()
        self._passes: dict[tuple[str, str], float] = {
            probe: state.last_success
            for probe, state in ledger.totals().states.items()
            if state.last_success is not None
        }
        self._measuring = {
            name: [(name, probe) for probe in system.objective.measured_by] for name, system in systems.items()
        }

    def note(self, run: Run) -> None:
        """Take note of a run that is on disk."""
        if isinstance(run.verdict, Pass):
            probe = (run.system, run.probe)
            self._passes[probe] = max(run.started, self._passes.get(probe, run.started))

    def window(self, system: str, at: float) -> Window:
        """Return the kind of time at `at`. Maintenance is over when every probe that measures the system passed."""
        last_good = min(self._passes.get(probe, -inf) for probe in self._measuring[system])
        return classify(at, system, self._windows, last_good)
