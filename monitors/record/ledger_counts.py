"""What is in the ledger's minutes and hours: how runs get in, and how they are summed up again.

A minute takes no more runs than it has slots; hours are the sums of their minutes, written with them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from monitors.record.totals import Batch, Probe
from monitors.slots import Revision, slot_of, slots_owed
from monitors.verdict import Run

RunCounts = tuple[int, int, int]
"""(good, bad, unknown)"""
MinuteCounts = tuple[int, int, int, int]
"""(minute, good, bad, unknown); minutes are Unix time // 60."""

_RECORDED = "SELECT good + bad + unknown FROM minutes WHERE minute = ? AND probe = ?"
_ADD_UP = "DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad, unknown = unknown + excluded.unknown"
_ADD_MINUTE = f"INSERT INTO minutes (minute, probe, good, bad, unknown) VALUES (?, ?, ?, ?, ?) ON CONFLICT {_ADD_UP}"
_ADD_HOUR = f"INSERT INTO hours (probe, hour, good, bad, unknown) VALUES (?, ?, ?, ?, ?) ON CONFLICT {_ADD_UP}"
_SUM = "coalesce(sum(good), 0), coalesce(sum(bad), 0), coalesce(sum(unknown), 0)"
_SUM_HOURS = f"SELECT {_SUM} FROM hours WHERE probe = ? AND hour >= ? AND hour < ?"
_SHORT_HOURS = """
SELECT hour, good + bad + unknown AS runs FROM hours
WHERE probe = :probe AND hour >= :start AND hour < :end AND runs < :most
"""
_HOURS = "SELECT json_group_array(hour) FROM hours WHERE probe = :probe AND hour >= :start AND hour < :end"
_COUNT_HOURS = "SELECT count(*) FROM hours WHERE probe = :probe AND hour >= :start AND hour < :end"
_LAST_HOUR = "SELECT max(hour) FROM hours WHERE probe = ?"
# The table is in order of minutes: one search for each minute costs the same however many probes there are.
_EACH_MINUTE = """
WITH RECURSIVE each (minute) AS (SELECT :start WHERE :start < :end
UNION ALL SELECT minute + 1 FROM each WHERE minute + 1 < :end)
"""
_OF_MINUTES = "FROM each CROSS JOIN minutes USING (minute) WHERE probe = :probe"
_SUM_MINUTES = f"{_EACH_MINUTE} SELECT {_SUM} {_OF_MINUTES}"
_MINUTES = f"{_EACH_MINUTE} SELECT minute, good, bad, unknown {_OF_MINUTES}"
_ODD = """
SELECT minute, good, bad, unknown FROM minutes INDEXED BY odd_minutes
WHERE probe = ? AND minute >= ? AND minute < ? AND (bad > 0 OR unknown > 0) ORDER BY minute
"""
_FIRST_GOOD_MINUTE = f"{_EACH_MINUTE} SELECT minute {_OF_MINUTES} AND good > 0 LIMIT 1"
_FIRST_GOOD_HOUR = "SELECT hour FROM hours WHERE probe = ? AND hour >= ? AND good > 0 ORDER BY hour LIMIT 1"


def add(writer: sqlite3.Connection, batch: Batch) -> None:
    """Add a batch to minutes and hours."""
    writer.executemany(_ADD_MINUTE, [(*key, *counts) for key, counts in batch.minutes.items()])
    writer.executemany(_ADD_HOUR, [(*key, *counts) for key, counts in batch.hours.items()])


class Room:
    """How many runs each minute can still take, in one transaction."""

    def __init__(self, writer: sqlite3.Connection, schedules: Mapping[Probe, Sequence[Revision]]) -> None:
        self._writer = writer
        self._schedules = schedules
        self._left: dict[tuple[int, int], int] = {}

    def take(self, number: int, run: Run) -> int | None:
        """Return the minute (Unix time // 60) of a run's slot and take its place there; None: there is none."""
        history = self._schedules.get((run.system, run.probe), [])
        slot = slot_of(history, round((run.started if run.due is None else run.due) * 1000))
        if slot is None:
            return None
        key = minute, _ = slot // 60_000, number
        if key not in self._left:
            recorded = self._writer.execute(_RECORDED, key).fetchone()
            due = slots_owed(history, minute * 60_000, minute * 60_000 + 60_000)
            self._left[key] = due - (recorded[0] if recorded else 0)
        self._left[key] -= 1
        return minute if self._left[key] >= 0 else None


def recorded(reader: sqlite3.Connection, number: int | None, edges: Sequence[int]) -> Iterator[RunCounts]:
    """Yield what was counted of a probe for each [edges[i], edges[i + 1]).

    With h(a, b) the sum of whole hours and m(a) that of the minutes from the hour of a to a:

        [a, b)  =  h(hour of a, hour of b)  -  m(a)  +  m(b)
    """
    before = [_into_its_hour(reader, number, edge) for edge in edges]
    for (start, end), (left, right) in zip(pairwise(edges), pairwise(before), strict=True):
        hours = reader.execute(_SUM_HOURS, (number, start // 60, end // 60)).fetchone()
        good, bad, unknown = (h - a + b for h, a, b in zip(hours, left, right, strict=True))
        yield good, bad, unknown


def _into_its_hour(reader: sqlite3.Connection, number: int | None, edge: int) -> RunCounts:
    """Return what was counted in the minutes from the beginning of the hour to `edge`."""
    if edge % 60 == 0:
        return (0, 0, 0)
    span = {"start": edge // 60 * 60, "end": edge, "probe": number}
    found: RunCounts = reader.execute(_SUM_MINUTES, span).fetchone()
    return found


def last_minute(reader: sqlite3.Connection, number: int | None) -> int | None:
    """Return the latest minute in which a probe ran, or None."""
    (hour,) = reader.execute(_LAST_HOUR, (number,)).fetchone()
    return None if hour is None else minutes(reader, number, hour * 60, hour * 60 + 60)[-1][0]


def minutes(reader: sqlite3.Connection, number: int | None, start: int, end: int) -> list[MinuteCounts]:
    """Return the minutes of [start, end) in which a probe ran, in order."""
    return reader.execute(_MINUTES, {"start": start, "end": end, "probe": number}).fetchall()


def short_hours(
    reader: sqlite3.Connection, number: int | None, start: int, end: int, most: int
) -> list[tuple[int, int]]:
    """Return (hour, runs) for each hour of [start, end) with fewer than `most` of them."""
    span = {"probe": number, "start": start, "end": end, "most": most}
    short: list[tuple[int, int]] = reader.execute(_SHORT_HOURS, span).fetchall()
    (present,) = reader.execute(_COUNT_HOURS, span).fetchone()
    if present < end - start:  # an hour without any run has no row
        (hours,) = reader.execute(_HOURS, span).fetchone()  # one value: a row for each takes three times as long
        there = set(json.loads(hours))
        short += [(hour, 0) for hour in range(start, end) if hour not in there]
    return short


def odd(reader: sqlite3.Connection, number: int | None, start: int, end: int) -> list[MinuteCounts]:
    """Return the minutes of [start, end) in which a run of a probe failed or could not tell, in order."""
    return reader.execute(_ODD, (number, start, end)).fetchall()


def first_good(reader: sqlite3.Connection, number: int | None, minute: int) -> int | None:
    """Return the first minute from `minute` on in which a probe passed, or None."""
    following = -(-minute // 60)
    hour = reader.execute(_FIRST_GOOD_HOUR, (number, following)).fetchone()
    spans = [(minute, following * 60)] + ([(hour[0] * 60, hour[0] * 60 + 60)] if hour else [])
    for start, end in spans:
        row = reader.execute(_FIRST_GOOD_MINUTE, {"start": start, "end": end, "probe": number}).fetchone()
        if row is not None:
            return int(row[0])
    return None
