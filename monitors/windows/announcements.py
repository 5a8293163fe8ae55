"""Announced windows on their way from the configuration to the ledger, and which kind of time it is now.

The ledger keeps what was announced *beforehand*: once a window has begun, the calendar cannot stretch or shrink it any
more. What runs past the announced end is overrun and counts, whatever the calendar says by then. People enter and
revise windows in the same place (`piekwacht window`); what a person said last, a calendar that says the same as ever
does not take back.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from config import Configuration
from config.hours import ALWAYS
from monitors.record.ledger import Ledger
from monitors.record.ledger_windows import WindowRevision
from monitors.verdict import Pass, Run, Window
from monitors.windows.calendars import FOREVER, AnnouncedWindow, announced_by_file, classify

MINUTE, DAY = 60.0, 86_400.0
HORIZON = 400 * DAY
"""Seconds ahead for which windows are announced: a year and the notice of ten working days."""
CALENDAR = "calendar"
"""How those begin who entered a window that stood in a file; a colon and its name follow."""
ESTATE = "configuration"


def announce(ledger: Ledger, configuration: Configuration, now: float) -> None:
    """Bring the windows of the ledger up to date with the calendars, for those that have not begun at `now`.

    A window that the ledger did not know may have begun: nobody watched when it did. The service hours of the estate
    are noted from `now` on where they have changed. Raises `ConfigError` for broken calendars and `LedgerError`.
    """
    wanted = announced_by_file(configuration, now, now + HORIZON)
    history = ledger.window_history()
    last = {revision.uid: revision for revision in history}
    of_calendars = {revision.uid: revision for revision in history if revision.by.startswith(CALENDAR)}
    for file, window in wanted.values():
        before = of_calendars.get(window.uid)
        says_the_same = before is not None and not before.withdrawn and before.window == window
        if window.uid not in last or (last[window.uid].window.start > now and not says_the_same):
            ledger.add_window(window, now, by=f"{CALENDAR}: {file}", why="")
    for uid, revision in last.items():
        ahead = now < revision.window.start < now + HORIZON
        if revision.by.startswith(CALENDAR) and ahead and uid not in wanted and not revision.withdrawn:
            ledger.add_window(revision.window, now, by=revision.by, why="no longer in it", withdrawn=True)
    _note_hours(ledger, configuration, last.values(), now)


def _note_hours(ledger: Ledger, configuration: Configuration, known: Iterable[WindowRevision], now: float) -> None:
    """Note the service hours that are not those noted last; a system of which none are noted was always open.

    A minute has the class of its first second. So the hours of a system that was never watched hold from the start of
    this minute, or its first runs would count as those of an open line; what was watched keeps the hours it had then.
    """
    watched = {system for system, _ in ledger.states()}
    noted = sorted(each.window for each in known if each.window.kind == "hours" and not each.withdrawn)
    before = {system: window.summary for window in noted for system in window.systems}
    for name, system in configuration.systems.items():
        if system.service_hours != before.get(name, ALWAYS):
            start = now if name in watched else now // MINUTE * MINUTE
            window = AnnouncedWindow(start, FOREVER, f"hours-{name}-{now:.0f}", "hours", (name,), system.service_hours)
            ledger.add_window(window, now, by=ESTATE, why="service_hours of the estate")


class Timekeeper:
    """Says which kind of time it is for a system; it knows when each probe that measures a system last passed.

    Windows are entered by other processes too: `refresh` takes notice.
    """

    def __init__(self, ledger: Ledger, configuration: Configuration) -> None:
        self._ledger = ledger
        self._passes: dict[tuple[str, str], float] = {
            probe: state.last_success for probe, state in ledger.states().items() if state.last_success is not None
        }
        self._revision = 0
        self._windows: list[AnnouncedWindow] = []
        self.reconfigure(configuration)
        self.refresh()

    def reconfigure(self, configuration: Configuration) -> None:
        """Tell the time of the systems of another configuration."""
        self._opening = {name: configuration.opening(name) for name in configuration.systems}
        self._measuring = {
            name: [(name, probe) for probe in system.objective.measured_by]
            for name, system in configuration.systems.items()
        }
        self._sort()

    def refresh(self) -> None:
        """Read the windows of the ledger if any was entered since. Raises `LedgerError`. May be called in a thread."""
        revision = self._ledger.last_window_revision()
        if revision != self._revision:
            self._windows = self._ledger.windows()
            self._revision = revision
            self._sort()

    def note(self, run: Run) -> None:
        """Take note of a run that is on disk."""
        if isinstance(run.verdict, Pass):
            probe = (run.system, run.probe)
            self._passes[probe] = max(run.started, self._passes.get(probe, run.started))

    def window(self, system: str, at: float) -> Window:
        """Return the kind of time at `at`. Maintenance is over when every probe that measures the system passed."""
        windows = self._mine[system]
        last_good = min(self._passes.get(probe, -inf) for probe in self._measuring[system]) if windows else None
        return classify(at, system, windows, last_good, self._opening[system])

    def window_end(self, system: str, at: float) -> float | None:
        """Return the announced end of the planned work that goes on at `at` or is overrun then; None: there is none."""
        planned = [window for window in self._mine[system] if window.kind == "planned" and window.start <= at]
        match self.window(system, at):
            case Window.PLANNED:
                return max(window.end for window in planned if at < window.end)
            case Window.OVERRUN:
                return max(window.end for window in planned if window.end <= at)
        return None

    def _sort(self) -> None:
        self._mine = {name: [window for window in self._windows if name in window.systems] for name in self._measuring}
