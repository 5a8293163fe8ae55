"""The ledgers of one or several vantage points, laid side by side: what was counted for a system, in any time.

One ledger is counted in runs. Several are counted in minutes, since vantage points vote on each minute
(`monitors.minute_states`). Windows are one body of knowledge: of each window the revision that was entered last counts,
in whichever ledger it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from config import Configuration
from monitors import minute_states
from monitors.accounting import Chain, Counts
from monitors.calendars import AnnouncedWindow
from monitors.ledger import Ledger, WindowRevision
from monitors.minute_states import BLIND, NOT_DUE, UP, States
from monitors.timeline import Stretch, timeline
from monitors.totals import Probe

_FINER = {1440: 60, 60: 1}
"""Lengths of blocks in minutes: one that is not plain is looked at in shorter ones."""


class Books:
    """What the ledgers say of the time from the minute `start` on (Unix time // 60), asked at `now` (Unix seconds).

    Windows are taken as they were known at `known_at`; None: as they are now. Every method raises `LedgerError`.
    """

    def __init__(
        self,
        ledgers: Sequence[Ledger],
        configuration: Configuration,
        start: int,
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
        self.begin = min((int(first // 60) for ledger in ledgers if (first := ledger.first_scheduled())), default=None)
        """The minute of the first schedule of any ledger, or None: all are unused."""
        self.end = math.ceil(now / 60)
        """The first minute that has not begun."""
        self.start = min(self.end, max(start, self.end if self.begin is None else self.begin))

    @property
    def in_minutes(self) -> bool:
        """Whether what is counted are minutes instead of runs."""
        return len(self._ledgers) > 1

    def timeline(self, system: str, start: int, end: int) -> list[Stretch]:
        """Return the classes of a system's minutes [start, end); work that is still ahead is taken to end in time."""
        mine = [window for window in self._windows if system in window.systems]
        opening = self._configuration.opening(system)
        if start >= self.end:
            return timeline(start, end, mine, opening, lambda minute: minute)
        return timeline(start, end, mine, opening, lambda minute: self._recovered(system, minute, end))

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
                minute_states.together([self._of_probe(ledger, probe) for probe in self._probes(system)])
                for ledger in self._ledgers
            ]
            quorum = self._configuration.systems[system].quorum
            merged = minute_states.merge(views, quorum) if self.in_minutes else views[0]
            stretches = self.timeline(system, self.start, self.end)
            self._states[system] = minute_states.closed(merged, self.start, stretches)
        return self._states[system]

    def _probes(self, system: str) -> list[Probe]:
        return [(system, probe) for probe in self._configuration.systems[system].objective.measured_by]

    def _recovered(self, system: str, minute: int, end: int) -> int | None:
        """Return the first minute by which every measuring probe has passed, from as many ledgers as the quorum.

        A probe that was not scheduled between `minute` and its first pass holds nothing up: it came later.
        """
        found: float = minute
        for probe in self._probes(system):
            passes: list[float] = []
            for ledger in self._ledgers:
                back = ledger.first_good(probe, minute)
                (owed,) = ledger.counts(probe, [minute, end if back is None else min(end, back + 1)], now=self._now)
                if owed.expected:
                    passes.append(math.inf if back is None else back)
            votes = min(self._configuration.systems[system].quorum, len(passes))
            if votes:
                found = max(found, sorted(passes)[votes - 1])
        return None if found == math.inf else int(found)

    def _of_probe(self, ledger: Ledger, probe: Probe) -> States:
        """Return what a probe says of each minute. One that runs less often speaks for the time until its next run."""
        states = np.full(self.end - self.start, NOT_DUE, dtype=np.uint8)
        step = max(1, round(self._configuration.systems[probe[0]].probes[probe[1]].interval / 60))
        for start, end, state in self._blocks(ledger, probe, self.start, self.end, 1440):
            states[start - self.start : max(end, start + step) - self.start] = state
        for minute, good, bad, _ in ledger.failing(probe, self.start, self.end):
            states[minute - self.start : minute + step - self.start] = minute_states.state(good, bad)
        return states

    def _blocks(self, ledger: Ledger, probe: Probe, start: int, end: int, grain: int) -> Iterator[tuple[int, int, int]]:
        """Yield [begin, end) and a state for blocks in which a probe ran evenly, always with a verdict or never."""
        edges = [start, *range((start // grain + 1) * grain, end, grain), end]
        counts = ledger.counts(probe, edges, now=self._now)
        for index, ((a, b), part) in enumerate(zip(pairwise(edges), counts, strict=True)):
            whole = part.good + part.bad in (0, part.expected) and b - a == grain and _even(counts, index)
            if part.expected and (b - a == 1 or whole):
                yield a, b, UP if part.good + part.bad else BLIND
            elif part.expected:
                yield from self._blocks(ledger, probe, a, b, _FINER[grain])


def known(history: Iterable[WindowRevision], at: float) -> list[AnnouncedWindow]:
    """Return the windows as they were known at `at` (Unix seconds), in order: of each the last revision."""
    last = {each.uid: each for each in sorted(history, key=lambda each: each.known_at) if each.known_at <= at}
    return sorted(each.window for each in last.values() if not each.withdrawn)


def _even(counts: Sequence[Counts], index: int) -> bool:
    """Tell whether about as many runs were due in the blocks before and after: the schedule is the same throughout."""
    return 0 < index < len(counts) - 1 and all(
        abs(counts[index].expected - counts[neighbour].expected) <= 1 for neighbour in (index - 1, index + 1)
    )
