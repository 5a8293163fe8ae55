"""The tables of a ledger: how they are made, and how those of an older version become today's.

    probes      a number for each (system, probe)
    schedules   which probe was due when, as revisions that are only ever added
    minutes     good, bad and unknown runs of each probe and minute
    hours       the same, summed by the hour; written in the same transaction
    totals      every counter of the exporter
    states      the last run of each probe
    windows     announced maintenance and its corrections, as revisions that are only ever added
    evidence    what the newest failures and a few other runs looked like
    sightings   whenever a probe begins to pass, to fail or to be silent; incidents are made of them
    notices     messages that were published, each sealed with those before it

`minutes` is in order of time, so that a batch touches its last pages only, however many probes there are. `hours` is
in order of probe, so that a year of one probe is one short range. Minutes in which a run failed or could not tell have
an index of their own with all that is in them: they are few, and chains and quorums ask for them.

What a window makes of a minute is not stored here: it is found out at the time of the question, so neither table
changes when a window is corrected.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x5069656B  # "Piek" in the header of the file
SCHEMA_VERSION = 3
LARGE = ("minutes", "hours")
"""The tables that grow with every run."""

_COUNTS = "good INTEGER NOT NULL, bad INTEGER NOT NULL, unknown INTEGER NOT NULL"

_MINUTES = f"""
CREATE TABLE minutes (
    minute INTEGER NOT NULL, probe INTEGER NOT NULL REFERENCES probes, {_COUNTS}, PRIMARY KEY (minute, probe)
) STRICT, WITHOUT ROWID;
CREATE INDEX odd_minutes ON minutes (probe, minute, good, bad, unknown) WHERE bad > 0 OR unknown > 0;
CREATE TABLE hours (
    probe INTEGER NOT NULL REFERENCES probes, hour INTEGER NOT NULL, {_COUNTS}, PRIMARY KEY (probe, hour)
) STRICT, WITHOUT ROWID
"""
_EVIDENCE = """
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY, probe INTEGER NOT NULL REFERENCES probes, started REAL NOT NULL,
    failed INTEGER NOT NULL, verdict TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_of_probe ON evidence (probe, failed, number)
"""
_SIGHTINGS = """
CREATE TABLE sightings (
    number INTEGER PRIMARY KEY, probe INTEGER NOT NULL REFERENCES probes, at REAL NOT NULL, seen TEXT NOT NULL,
    reason TEXT, step TEXT NOT NULL, cause TEXT
) STRICT;
CREATE INDEX sightings_by_time ON sightings (at)
"""
_NOTICES = """
CREATE TABLE notices (
    number INTEGER PRIMARY KEY, case_id TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL
) STRICT
"""
_SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE probes (id INTEGER PRIMARY KEY, system TEXT NOT NULL, probe TEXT NOT NULL, UNIQUE (system, probe)) STRICT;
CREATE TABLE schedules (
    revision INTEGER PRIMARY KEY, probe INTEGER NOT NULL REFERENCES probes, since_ms INTEGER NOT NULL,
    interval_ms INTEGER, phase_ms INTEGER  -- NULL: not scheduled any more
) STRICT;
CREATE INDEX schedules_of_probe ON schedules (probe, since_ms, revision);
{_MINUTES};
CREATE TABLE totals (
    probe INTEGER NOT NULL REFERENCES probes, kind TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (probe, kind, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE states (
    probe INTEGER PRIMARY KEY REFERENCES probes, last_run REAL NOT NULL, last_success REAL, passed INTEGER
) STRICT;
CREATE TABLE windows (
    revision INTEGER PRIMARY KEY, known_at REAL NOT NULL, uid TEXT NOT NULL, kind TEXT NOT NULL, systems TEXT NOT NULL,
    starts REAL NOT NULL, ends REAL NOT NULL, summary TEXT NOT NULL, withdrawn INTEGER NOT NULL,
    entered_by TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX windows_of_uid ON windows (uid, revision);
{_EVIDENCE};
{_SIGHTINGS};
{_NOTICES}
"""

_FROM_1 = f"""
ALTER TABLE minutes RENAME TO labelled;
{_MINUTES};
INSERT INTO minutes SELECT minute, probe, sum(good), sum(bad), sum(unknown) FROM labelled GROUP BY minute, probe;
DROP TABLE labelled;
INSERT INTO hours (probe, hour, good, bad, unknown)
    SELECT probe, minute / 60 AS hour, sum(good), sum(bad), sum(unknown) FROM minutes GROUP BY probe, hour;
ALTER TABLE windows ADD COLUMN entered_by TEXT NOT NULL DEFAULT '';
ALTER TABLE windows ADD COLUMN why TEXT NOT NULL DEFAULT '';
UPDATE windows SET entered_by = 'calendar: unknown file';
{_EVIDENCE};
{_SIGHTINGS}
"""

_MIGRATIONS = {1: _FROM_1, 2: _NOTICES}
"""From which version to the next, by which statements."""


def create(connection: sqlite3.Connection, vantage: str) -> None:
    """Fill an empty file, in one transaction."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        _execute(connection, _SCHEMA)
        connection.execute("INSERT INTO meta VALUES ('vantage', ?)", (vantage,))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older ledger up to this version, in one transaction: killed half-way, it is still the old one.

    It takes about as much room beside the file as the file has.
    """
    if version_of(connection) == SCHEMA_VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for version in range(version_of(connection), SCHEMA_VERSION):
            _execute(connection, _MIGRATIONS[version])
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    """Execute one after the other; `executescript` would commit first."""
    for statement in statements.split(";"):
        connection.execute(statement)
