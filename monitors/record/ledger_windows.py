"""Announced windows in the ledger: revisions that are only ever added, so that any day's knowledge can be asked for.

A revision is known from `known_at` on. Where the clock was set back, a revision counts as known no earlier than the one
that it replaces.
"""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import dataclass
from typing import Any

from monitors.windows.calendars import AnnouncedWindow

_COLUMNS = "starts, ends, uid, kind, systems, summary"
_ADD = f"""
INSERT INTO windows ({_COLUMNS}, known_at, withdrawn, entered_by, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_LAST = f"""
SELECT known_at, {_COLUMNS}, withdrawn FROM windows WHERE uid = ? ORDER BY revision DESC LIMIT 1
"""
_KNOWN = f"""
SELECT {_COLUMNS} FROM windows AS this WHERE NOT withdrawn
AND revision = (SELECT max(revision) FROM windows WHERE uid = this.uid AND known_at <= ?)
"""
_HISTORY = f"SELECT known_at, entered_by, why, withdrawn, {_COLUMNS} FROM windows ORDER BY revision"


@dataclass(frozen=True, slots=True)
class WindowRevision:
    """What somebody entered at `known_at` (Unix seconds): `by` says who, 'calendar: FILE' for iCalendar files.

    A withdrawn window is given as it was before.
    """

    uid: str
    known_at: float
    by: str
    why: str
    window: AnnouncedWindow
    withdrawn: bool


def add(
    writer: sqlite3.Connection, window: AnnouncedWindow, known_at: float, *, by: str, why: str, withdrawn: bool
) -> bool:
    """Add a revision unless it says what is known already; return whether it was added."""
    row = (window.start, window.end, window.uid, window.kind, json.dumps(window.systems), window.summary)
    last = writer.execute(_LAST, (window.uid,)).fetchone()
    if last is not None:
        if last[1:] == (*row, withdrawn):
            return False
        known_at = max(known_at, last[0])
    writer.execute(_ADD, (*row, known_at, withdrawn, by, why))
    return True


def known(reader: sqlite3.Connection, at: float | None) -> list[AnnouncedWindow]:
    """Return the windows as they were known then (None: now), in order: each uid's last revision, unless withdrawn."""
    return sorted(map(_window, reader.execute(_KNOWN, (math.inf if at is None else at,))))


def history(reader: sqlite3.Connection) -> list[WindowRevision]:
    """Return every revision in the order in which they were entered."""
    return [
        WindowRevision(row[2], known_at, by, why, _window(row), bool(withdrawn))
        for known_at, by, why, withdrawn, *row in reader.execute(_HISTORY)
    ]


def _window(row: Any) -> AnnouncedWindow:
    starts, ends, uid, kind, systems, summary = row
    return AnnouncedWindow(starts, ends, uid, kind, tuple(json.loads(systems)), summary)
