"""The ledgers of one or several vantage points, laid side by side: what was counted for a system, in any time.

One ledger is counted in runs. Several are counted in minutes, since vantage points vote on each minute
(`monitors.availability.minute_states`). Windows are one body of knowledge: of each window the revision that was entered
last counts, in whichever ledger it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from config import Configuration
from monitors.availability import minute_states
from monitors.availability.accounting import Chain, Counts
from monitors.availability.minute_states import States
from monitors.availability.probe_states import probe_states
from monitors.availability.timeline import Stretch, timeline
from monitors.record.ledger import Ledger, WindowRevision
from monitors.record.totals import Probe
from monitors.windows.calendars import AnnouncedWindow


class Books:
    """What the ledgers say of the minutes [start, end), Unix time // 60, asked at `now` (Unix seconds).

    Windows are taken as they were known at `known_at`; None: as they are now. Every method raises `LedgerError`.
    """

    def __init__(
        self,
        ledgers: Sequence[Ledger],
        configuration: Configuration,
        start: int,
        end: int,
        now: float,
        known_at: float | None = None,
    ) -> None:
        self._ledgers = ledgers
        self._configuration = configuration
        self._now = now
        history = [revision for ledger in ledgers for revision in ledger.window_history()]
        self._windows = known(history, math.inf if known_at is None else known_at)
        self._depends_on = {name: system.depends_on for name, system in configuration.systems.items()}
        self._states: dict[str, States] = {}
        self._backs: dict[tuple[str, int], int | None] = {}
        self.begin = min((int(first // 60) for ledger in ledgers if (first := ledger.first_scheduled())), default=None)
        """The minute of the first schedule of any ledger, or None: all are unused."""
        self.asked = math.ceil(now / 60)
        """The first minute that has not begun."""
        self.end = min(end, self.asked)
        self.start = min(self.end, max(start, self.end if self.begin is None else self.begin))

    @property
    def in_minutes(self) -> bool:
        """Whether what is counted are minutes instead of runs."""
        return len(self._ledgers) > 1

    def timeline(self, system: str, start: int, end: int) -> list[Stretch]:
        """Return the classes of a system's minutes [start, end); work that is still ahead is taken to end in time."""
        mine = [window for window in self._windows if system in window.systems]
        opening = self._configuration.opening(system)
        if start >= self.asked:
            return timeline(start, end, mine, opening, lambda minute: minute)
        return timeline(start, end, mine, opening, lambda minute: self._recovered(system, minute))

    def counts(self, system: str, stretches: Sequence[Stretch]) -> list[Counts]:
        """Return what was counted of a system in each of these stretches, which have no gaps."""
        if self.in_minutes:
            return minute_states.tally(self.states(system), self.start, stretches)
        edges = [*(start for start, _, _ in stretches), *(end for _, end, _ in stretches[-1:])]
        parts = [self._ledgers[0].counts(probe, edges, now=self._now) for probe in self._probes(system)]
        return [sum(part, Counts()) for part in zip(*parts, strict=True)]

    def chains(self, system: str, stretches: Sequence[Stretch]) -> list[Chain]:
        """Return how a system and all it depends on worked together in each of these stretches, without gaps."""
        order = minute_states.depths(system, self._depends_on)
        states = {name: self.states(name) for name in order}
        return minute_states.chains(system, order, states, self.start, stretches)

    def states(self, system: str) -> States:
        """Return the state of each minute from `start` to `end`, seen from all ledgers; closed is not due."""
        if system not in self._states:
            views = [
                minute_states.together(
                    [probe_states(ledger, probe, self.start, self.end, now=self._now) for probe in self._probes(system)]
                )
                for ledger in self._ledgers
            ]
            quorum = self._configuration.systems[system].quorum
            merged = minute_states.merge(views, quorum) if self.in_minutes else views[0]
            stretches = self.timeline(system, self.start, self.end)
            self._states[system] = minute_states.closed(merged, self.start, stretches)
        return self._states[system]

    def _probes(self, system: str) -> list[Probe]:
        return [(system, probe) for probe in self._configuration.systems[system].objective.measured_by]

    def _recovered(self, system: str, minute: int) -> int | None:
        """Return the first minute by which the system was back, or None; asked of the ledgers once."""
        key = system, minute
        if key not in self._backs:
            self._backs[key] = self._find_recovery(system, minute)
        return self._backs[key]

    def _find_recovery(self, system: str, minute: int) -> int | None:
        """Return the first minute by which every measuring probe has passed, from as many ledgers as the quorum.

        A probe that was not scheduled at `minute` holds nothing up: it came later, or not at all.
        """
        quorum = self._configuration.systems[system].quorum
        found: float = minute
        for probe in self._probes(system):
            backs = [each.first_good(probe, minute) for each in self._ledgers if each.scheduled(probe, minute)]
            passes = sorted(math.inf if back is None else back for back in backs)
            if passes:
                found = max(found, passes[min(quorum, len(passes)) - 1])
        return None if found == math.inf else int(found)


def known(history: Iterable[WindowRevision], at: float) -> list[AnnouncedWindow]:
    """Return the windows as they were known at `at` (Unix seconds), in order: of each the last revision."""
    last = {each.uid: each for each in sorted(history, key=lambda each: each.known_at) if each.known_at <= at}
    return sorted(each.window for each in last.values() if not each.withdrawn)
