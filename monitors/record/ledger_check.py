"""Is a ledger whole, and does it make sense? Structure as SQLite sees it, and meaning as an auditor does.

structure   every page and index, every reference to a probe
hours       each is the sum of its minutes
minutes     no count is negative, and no minute has more runs than slots
counters    as many verdicts as the minutes at least
windows     each revision begins before it ends, says who entered it, and is not known before the one it replaces
notices     each is what was published, and none is missing
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from monitors.record import ledger_counts, ledger_notices, ledger_windows
from monitors.record.ledger_windows import WindowRevision
from monitors.slots import Revision, slots_owed

SHOWN = 10
"""Complaints of each kind that are listed."""

Histories = Mapping[int | None, Sequence[Revision]]
"""Number of a probe to its schedules, oldest first."""

DAY = 24
"""Hours that are looked at together."""

_LIMITS = """
SELECT min(first), max(last) FROM (
    SELECT min(minute) / 60 AS first, max(minute) / 60 AS last FROM minutes
    UNION ALL SELECT min(hour), max(hour) FROM hours
)
"""
_STORED = "SELECT good, bad, unknown, hour FROM hours WHERE probe = ? AND hour >= ? AND hour < ?"
_SUMS = """
SELECT minute / 60 AS hour, probe, sum(good), sum(bad), sum(unknown), max(good + bad + unknown), min(good, bad, unknown)
FROM minutes WHERE minute >= ? AND minute < ? GROUP BY hour, probe
"""
_VERDICTS = """
SELECT probes.id, (SELECT coalesce(sum(value), 0) FROM totals WHERE probe = probes.id AND kind = 'runs'),
    (SELECT coalesce(sum(good + bad), 0) FROM hours WHERE probe = probes.id)
FROM probes
"""


def problems(connection: sqlite3.Connection, histories: Histories) -> list[str]:
    """Return what is wrong with a ledger, one line each, at most `SHOWN` of each kind. Raises what SQLite raises.

    Every page and every minute is read: for a year of thirty probes that may take a minute.
    """
    structure = list(islice(_structure(connection), SHOWN))
    if structure:
        return structure
    names = {number: f"{system}/{probe}" for number, system, probe in connection.execute("SELECT * FROM probes")}
    checks: list[Callable[[], Iterator[str]]] = [
        lambda: _hours(connection, names, histories),
        lambda: _counters(connection, names),
        lambda: _windows(connection),
        lambda: ledger_notices.problems(ledger_notices.archive(connection)),
    ]
    return [line for check in checks for line in islice(check(), SHOWN)]


def _structure(connection: sqlite3.Connection) -> Iterator[str]:
    lines = [line for (line,) in connection.execute(f"PRAGMA integrity_check({SHOWN})")]
    if lines != ["ok"]:
        yield from (f"damaged: {line}" for line in lines)
        return
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for name in tables:
        if name != "minutes":  # the largest: `_hours` finds its probes by the way
            for table, row, parent, _ in connection.execute(f"PRAGMA foreign_key_check({name})"):
                yield f"damaged: row {row} of {table} refers to no row of {parent}"


def _hours(connection: sqlite3.Connection, names: Mapping[int, str], histories: Histories) -> Iterator[str]:
    """Compare every hour with its minutes, a day at a time, and look for minutes with too many runs."""
    first, last = connection.execute(_LIMITS).fetchone()
    for start in range(first or 0, (last or -1) + 1, DAY):
        end = start + DAY
        stored = {
            (hour, probe): tuple(counts)
            for probe in names
            for *counts, hour in connection.execute(_STORED, (probe, start, end))
        }
        for hour, probe, *sums, most, least in connection.execute(_SUMS, (start * 60, end * 60)):
            if probe not in names:
                yield f"damaged: minutes of hour {_at(hour * 60)} refer to no row of probes"
                continue
            yield from _compare(names[probe], hour, stored.pop((hour, probe), None), tuple(sums))
            if least < 0 or most > _always(histories.get(probe, [])):
                yield from _crowded(connection, names[probe], probe, hour, histories.get(probe, []))
        for (hour, probe), counts in stored.items():
            yield from _compare(names[probe], hour, counts, None)


def _compare(name: str, hour: int, stored: tuple[int, ...] | None, sums: tuple[int, ...] | None) -> Iterator[str]:
    if stored != sums:
        kept, made = (" ".join(map(str, counts)) if counts else "nothing" for counts in (stored, sums))
        yield f"{name}, hour {_at(hour * 60)}: {kept} (good, bad, unknown) is stored, its minutes make {made}"


def _always(history: Sequence[Revision]) -> int:
    """Return how many slots every minute has for certain, whenever it is."""
    return min((60_000 // each.slots.interval_ms if each.slots else 0 for each in history), default=0)


def _crowded(
    connection: sqlite3.Connection, name: str, probe: int, hour: int, history: Sequence[Revision]
) -> Iterator[str]:
    for minute, *counts in ledger_counts.minutes(connection, probe, hour * 60, hour * 60 + 60):
        slots = slots_owed(history, minute * 60_000, minute * 60_000 + 60_000)
        if min(counts) < 0:
            yield f"{name}, minute {_at(minute)}: a negative count"
        elif sum(counts) > slots:
            yield f"{name}, minute {_at(minute)}: {sum(counts)} runs, but {slots} were due"


def _counters(connection: sqlite3.Connection, names: Mapping[int, str]) -> Iterator[str]:
    for probe, runs, recorded in connection.execute(_VERDICTS):
        if runs < recorded:
            yield f"{names[probe]}: the counters know {runs:.0f} runs with a verdict, the minutes {recorded}"


def _windows(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        revisions = ledger_windows.history(connection)
    except (json.JSONDecodeError, TypeError) as error:
        yield f"windows: the systems of a window cannot be read: {error}"
        return
    last: dict[str, WindowRevision] = {}
    for revision in revisions:
        window = revision.window
        if not window.start < window.end:
            yield f"window {revision.uid}: it does not begin before it ends"
        if not window.systems or not all(window.systems):
            yield f"window {revision.uid}: it names no systems"
        if not revision.by:
            yield f"window {revision.uid}: nobody is said to have entered it"
        if revision.uid in last and revision.known_at < last[revision.uid].known_at:
            yield f"window {revision.uid}: a revision is known before the one that it replaces"
        last[revision.uid] = revision


def _at(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat(timespec="minutes")
