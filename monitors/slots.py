"""When a probe is due: the arithmetic that scheduler, ledger and coverage share. Pure.

A schedule is due at every Unix time  t = phase + k · interval,  its slots. Times are kept in whole milliseconds, so
that counting is exact:

    slots in [a, b) = ⌈(b - phase) / interval⌉ - ⌈(a - phase) / interval⌉
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """A probe is due at every Unix time `phase + k * interval`; both in seconds."""

    system: str
    probe: str
    interval: float
    phase: float


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of one schedule in milliseconds of Unix time; `phase_ms` is the first one from 0 on."""

    interval_ms: int
    phase_ms: int

    @classmethod
    def of(cls, schedule: Schedule) -> Slots:
        """Round a schedule to milliseconds."""
        interval_ms = max(1, round(schedule.interval * 1000))
        return cls(interval_ms, round(schedule.phase * 1000) % interval_ms)

    def count(self, start_ms: int, end_ms: int) -> int:
        """Return the number of slots in [start_ms, end_ms)."""
        return max(0, self._ceiling(end_ms) - self._ceiling(start_ms))

    def at(self, started_ms: int) -> int:
        """Return the slot for which a run was meant that started then: the last one due.

        A run may seem to start early, because the clock was adjusted: by a quarter of the interval or a second.
        """
        k = (started_ms + min(self.interval_ms // 4, 1000) - self.phase_ms) // self.interval_ms
        return self.phase_ms + k * self.interval_ms

    def next(self, after_ms: int) -> int:
        """Return the first slot later than `after_ms`."""
        return self.phase_ms + self._ceiling(after_ms + 1) * self.interval_ms

    def _ceiling(self, ms: int) -> int:
        """Return k of the first slot at or after `ms`."""
        return -((self.phase_ms - ms) // self.interval_ms)


@dataclass(frozen=True, slots=True)
class Revision:
    """From `since_ms` on these slots are due, until the next revision; None: none are."""

    since_ms: int
    slots: Slots | None


NEVER_MS = 1 << 62


def slots_owed(history: Sequence[Revision], start_ms: int, end_ms: int, settled_ms: int = NEVER_MS) -> int:
    """Return the number of slots in [start_ms, end_ms) whose run ended by `settled_ms`; it lasts at most an interval.

    `history` is in order of time.
    """
    owed = 0
    for index, revision in enumerate(history):
        if revision.slots is not None:
            until = [later.since_ms for later in history[index + 1 : index + 2]]
            last = min(end_ms, settled_ms - revision.slots.interval_ms, *until)
            owed += revision.slots.count(max(start_ms, revision.since_ms), last)
    return owed


def slot_of(history: Sequence[Revision], started_ms: int) -> int | None:
    """Return the slot for which a run was meant that started then, or None where none was due.

    `history` is in order of time. A run that started just after a reload may belong to a slot before it.
    """
    for revision in reversed(history):
        if revision.slots is None:
            if revision.since_ms <= started_ms:
                return None
        elif (slot := revision.slots.at(started_ms)) >= revision.since_ms:
            return slot
    return None
