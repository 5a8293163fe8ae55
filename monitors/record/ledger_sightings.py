"""Sightings in the ledger: what the vantage point says of each probe, whenever it changes; only ever added."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from journeys import Reason
from monitors.sightings import Seen, Sighting
from monitors.verdict import Cause

_ADD = "INSERT INTO sightings (probe, at, seen, reason, step, cause) VALUES (?, ?, ?, ?, ?, ?)"
_SINCE = """
SELECT system, probes.probe, at, seen, reason, step, cause FROM sightings JOIN probes ON id = sightings.probe
WHERE at >= :since OR number IN (SELECT max(number) FROM sightings WHERE at < :since GROUP BY probe)
ORDER BY number
"""


def add(writer: sqlite3.Connection, number: int, sightings: Iterable[Sighting]) -> None:
    """Add what is said of the probe with this number."""
    for each in sightings:
        writer.execute(_ADD, (number, each.at, each.seen, each.reason, each.step, each.cause))


def since(reader: sqlite3.Connection, vantage: str, moment: float) -> list[Sighting]:
    """Return the sightings from a moment on, and the last one of each probe before it, in the order of writing."""
    return [
        Sighting(at, vantage, system, probe, Seen(seen), reason and Reason(reason), step, cause and Cause(cause))
        for system, probe, at, seen, reason, step, cause in reader.execute(_SINCE, {"since": moment})
    ]
