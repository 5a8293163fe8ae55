"""What the ledger of one vantage point says of a probe in each minute of a long time, read quickly.

Most hours are plain: either every minute of them has a run, as their sums tell, or none has. Only the others are read
minute by minute. With n runs due in an hour of an even schedule, every minute has at least ⌊n / 60⌋ of them; so where
fewer are missing, no minute is without. Minutes in which a run failed or could not tell are found by an index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from monitors.availability.minute_states import BLIND, DOWN, NOT_DUE, UP, States, state
from monitors.record.ledger import WRITE_DELAY, Ledger
from monitors.record.totals import Probe
from monitors.slots import Revision

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def probe_states(ledger: Ledger, probe: Probe, start: int, end: int, *, now: float) -> States:
    """Return the state of each minute [start, end), Unix time // 60, asked at `now` (Unix seconds).

    A probe that runs less often than once a minute speaks for the minutes until its next run. Raises `LedgerError`.
    """
    history, settled_ms = ledger.schedules(probe), round((now - WRITE_DELAY) * 1000)
    longest_ms = max((each.slots.interval_ms for each in history if each.slots), default=0)
    step = max(1, -(-longest_ms // MINUTE_MS))
    if not history:
        return np.full(end - start, NOT_DUE, dtype=np.uint8)
    first, last = max((start - step) // 60, min(start // 60, history[0].since_ms // HOUR_MS)), -(-end // 60)
    due = _owed(history, first, last, HOUR_MS, settled_ms)
    runs = _runs(ledger, probe, first, last, int(due.max(initial=0)))

    whole = due - runs < np.maximum(1, due // 60)
    plain = (due > 0) & (whole | (runs == 0))
    changes = [each.since_ms // HOUR_MS - first for each in history]
    plain[[hour for hour in changes if 0 <= hour < last - first]] = False
    unsettled = max(0, (settled_ms - longest_ms) // HOUR_MS - first)
    plain[unsettled:] = False

    found = np.repeat(np.where(plain, np.where(runs == 0, BLIND, UP), NOT_DUE).astype(np.uint8), 60)
    if step > 1:
        found[_owed(history, first * 60, last * 60, MINUTE_MS, settled_ms) == 0] = NOT_DUE
    odd = ~plain & (due > 0)
    odd[unsettled:] = True
    for a, b in _spans(odd):
        begin, until = (first + a) * 60, (first + b) * 60
        found[a * 60 : b * 60] = _by_minute(ledger, probe, history, begin, until, settled_ms)
    if rows := ledger.odd_minutes(probe, first * 60, last * 60):
        minute, good, bad, _ = np.array(rows).T
        found[minute - first * 60] = np.where(good + bad == 0, BLIND, np.where(bad >= good, DOWN, UP))
    return _spread(found, step)[start - first * 60 : end - first * 60]


def _owed(history: Sequence[Revision], first: int, last: int, unit_ms: int, settled_ms: int) -> NDArray[np.int64]:
    """Return the slots owed in each unit of time from `first` to `last`: `monitors.slots.slots_owed` for many."""
    edges = np.arange(first, last + 1, dtype=np.int64) * unit_ms
    owed = np.zeros(last - first, dtype=np.int64)
    for index, revision in enumerate(history):
        if revision.slots is not None:
            following = [each.since_ms for each in history[index + 1 : index + 2]]
            until = min([settled_ms - revision.slots.interval_ms, *following])
            within = np.clip(edges, revision.since_ms, max(revision.since_ms, until))
            owed += np.diff(-((revision.slots.phase_ms - within) // revision.slots.interval_ms))
    return owed


def _runs(ledger: Ledger, probe: Probe, first: int, last: int, most: int) -> NDArray[np.int64]:
    """Return the runs in each hour; `most` where there are that many or more."""
    runs = np.full(last - first, most, dtype=np.int64)
    for hour, count in ledger.short_hours(probe, first, last, most):
        runs[hour - first] = count
    return runs


def _by_minute(
    ledger: Ledger, probe: Probe, history: Sequence[Revision], start: int, end: int, settled_ms: int
) -> States:
    found = np.where(_owed(history, start, end, MINUTE_MS, settled_ms) > 0, BLIND, NOT_DUE).astype(np.uint8)
    for minute, good, bad, _ in ledger.minutes_of(probe, start, end):
        found[minute - start] = state(good, bad)
    return found


def _spans(chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _spread(states: States, step: int) -> States:
    """Let each state hold for `step` minutes, or until the next."""
    if step == 1:
        return states
    minutes = np.arange(len(states))
    said = np.maximum.accumulate(np.where(states != NOT_DUE, minutes, -1))
    holds = (said >= 0) & (minutes - said < step)
    return np.where(holds, states[said], NOT_DUE).astype(np.uint8)
