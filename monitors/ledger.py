"""The record of the monitor: one SQLite file that survives `kill -9` at any moment.

What it holds
    minutes     good, bad and unknown runs for each probe, minute and window
    totals      the same and more as counters that never go down, for the exporter
    states      when each probe last ran, last passed, and whether its last verdict was a pass
    schedules   which probe was due when, as revisions that are only ever added
    windows     announced maintenance, as revisions that are only ever added

A ledger belongs to one vantage point (`vantage`, fixed when the file is made). One monitor writes it at a time: it
holds a lock on `<path>-lock`. Any number of readers may open it meanwhile with `read_only=True`.

Expected runs
    A schedule says that a probe is due at every Unix time  t = phase + k · interval  (its slots), from the moment of
    the revision until the next revision of that probe. A run belongs to the slot at which it started, and a slot to the
    minute in which it lies, so a slot is counted once: an undisturbed monitor reaches exactly the expected number, in
    partial first and last minutes too, and never exceeds it.

    Expected runs are not written but computed from the schedules. So a monitor that was killed cannot leave the number
    out: every slot between its last run and the next start was expected and has no run, which is missing coverage.
    Stopping the monitor does not end a schedule; only removing the probe from the configuration does.

    A slot is owed once its interval (no run lasts longer) and `WRITE_DELAY` have passed: the runs under way at the
    moment of the question are not missing yet.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from monitors.accounting import Tally
from monitors.calendars import AnnouncedWindow
from monitors.slots import Revision, Schedule, Slots, slots_owed
from monitors.totals import Batch, Durations, Probe, State, Totals
from monitors.verdict import Run, Window

__all__ = ["Durations", "Ledger", "LedgerError", "Schedule", "State", "Totals"]

APPLICATION_ID = 0x5069656B  # "Piek" in the header of the file
SCHEMA_VERSION = 1
WRITE_DELAY = 5.0
"""Seconds within which a finished run must be in the ledger."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE probes (id INTEGER PRIMARY KEY, system TEXT NOT NULL, probe TEXT NOT NULL, UNIQUE (system, probe)) STRICT;
CREATE TABLE schedules (
    revision INTEGER PRIMARY KEY, probe INTEGER NOT NULL REFERENCES probes, since_ms INTEGER NOT NULL,
    interval_ms INTEGER, phase_ms INTEGER  -- NULL: not scheduled any more
) STRICT;
CREATE INDEX schedules_of_probe ON schedules (probe, since_ms, revision);
CREATE TABLE minutes (
    minute INTEGER NOT NULL, probe INTEGER NOT NULL REFERENCES probes, window TEXT NOT NULL,
    good INTEGER NOT NULL, bad INTEGER NOT NULL, unknown INTEGER NOT NULL, PRIMARY KEY (minute, probe, window)
) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
    probe INTEGER NOT NULL REFERENCES probes, kind TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (probe, kind, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE states (
    probe INTEGER PRIMARY KEY REFERENCES probes, last_run REAL NOT NULL, last_success REAL, passed INTEGER
) STRICT;
CREATE TABLE windows (
    revision INTEGER PRIMARY KEY, known_at REAL NOT NULL, uid TEXT NOT NULL, kind TEXT NOT NULL, systems TEXT NOT NULL,
    starts REAL NOT NULL, ends REAL NOT NULL, summary TEXT NOT NULL, withdrawn INTEGER NOT NULL
) STRICT;
CREATE INDEX windows_of_uid ON windows (uid, revision)
"""

_ADD_SCHEDULE = "INSERT INTO schedules (probe, since_ms, interval_ms, phase_ms) VALUES (?, ?, ?, ?)"
_SLOTS_THEN = """
SELECT interval_ms, phase_ms FROM schedules WHERE probe = ? AND since_ms <= ?
ORDER BY since_ms DESC, revision DESC LIMIT 1
"""
_SCHEDULES = """
SELECT system, probes.probe, since_ms, interval_ms, phase_ms FROM schedules JOIN probes ON id = schedules.probe
ORDER BY since_ms, revision
"""
_ADD_MINUTE = """
INSERT INTO minutes (minute, probe, window, good, bad, unknown) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad, unknown = unknown + excluded.unknown
"""
_SUM_MINUTES = """
SELECT :start + (minute - :start) / :step * :step AS block, system, probes.probe, window,
    sum(good), sum(bad), sum(unknown)
FROM minutes JOIN probes ON id = minutes.probe WHERE minute >= :start AND minute < :end GROUP BY block, id, window
"""
_ADD_TOTAL = """
INSERT INTO totals (probe, kind, label, value) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_SET_STATE = """
INSERT INTO states (probe, last_run, last_success, passed) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    passed = CASE WHEN excluded.last_run >= last_run THEN coalesce(excluded.passed, passed) ELSE passed END,
    last_run = max(last_run, excluded.last_run),
    last_success = coalesce(max(last_success, excluded.last_success), last_success, excluded.last_success)
"""
_TOTALS = "SELECT system, probes.probe, kind, label, value FROM totals JOIN probes ON id = totals.probe"
_STATES = """
SELECT system, probes.probe, last_run, last_success, passed FROM states JOIN probes ON id = states.probe
"""
_ADD_WINDOW = """
INSERT INTO windows (known_at, uid, kind, systems, starts, ends, summary, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_LAST_WINDOW = """
SELECT uid, kind, systems, starts, ends, summary, withdrawn FROM windows WHERE uid = ? ORDER BY revision DESC LIMIT 1
"""
_WINDOWS = """
SELECT starts, ends, uid, kind, systems, summary FROM windows AS this WHERE NOT withdrawn
AND revision = (SELECT max(revision) FROM windows WHERE uid = this.uid AND known_at <= ?)
"""


class LedgerError(Exception):
    """The ledger cannot be used; the message says which file and why, for people."""


class Ledger:
    """An open ledger; also a context manager. Any method may be called from any thread."""

    def __init__(
        self, path: Path, reader: sqlite3.Connection, writer: sqlite3.Connection | None, lock: int | None
    ) -> None:
        self.path = path
        self.vantage: str = reader.execute("SELECT value FROM meta WHERE name = 'vantage'").fetchone()[0]
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._writing = threading.Lock()
        self._lock = lock

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, vantage: str = "local") -> Ledger:
        """Open the ledger at `path`; a writer makes file and folder where they are missing.

        `vantage` says where this monitor measures from; a reader takes what the file says. Raises `LedgerError` when
        the ledger is missing (reader), locked by another monitor, of another vantage point, of a newer version,
        damaged, unreadable or unwritable, or no ledger at all.
        """
        if read_only and not path.is_file():
            raise LedgerError(f"there is no ledger at {path}")
        try:
            with ExitStack() as undo:
                writer = lock = None
                if not read_only:
                    _refuse_foreign(path)  # first: nothing is put beside a file of someone else
                    lock = _lock(path, undo)
                    writer = undo.enter_context(closing(_connect(path, "rwc")))
                    _prepare(writer, path, vantage)
                reader = undo.enter_context(closing(_connect(path, "ro")))
                if read_only:
                    _check(reader, path)
                ledger = cls(path, reader, writer, lock)
                if not read_only and ledger.vantage != vantage:
                    raise LedgerError(f"{path} belongs to the vantage point '{ledger.vantage}', not to '{vantage}'")
                undo.pop_all()
                return ledger
        except sqlite3.Error as error:
            raise LedgerError(f"{path} is not a usable ledger: {error}") from error
        except OSError as error:
            raise LedgerError(f"{path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file and release the lock. Closing twice is harmless."""
        with self._reading, self._writing:
            self._reader.close()
            if self._writer is not None:
                self._writer.close()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def expect(self, schedules: Sequence[Schedule], at: float) -> None:
        """Say that from `at` (Unix seconds) these probes are due and no others; call it at start and at every reload.

        A schedule that is already known goes on without a seam, so the time since the last run counts as expected.
        Raises `LedgerError`.
        """
        wanted = {(schedule.system, schedule.probe): Slots.of(schedule) for schedule in schedules}
        with self._transaction() as writer:
            known = _revisions(writer)
            for probe in {**wanted, **known}:
                past, slots = known.get(probe, []), wanted.get(probe)
                if slots == (past[-1].slots if past else None):
                    continue
                since_ms = max([round(at * 1000), *(revision.since_ms for revision in past)])
                timing = (slots.interval_ms, slots.phase_ms) if slots else (None, None)
                writer.execute(_ADD_SCHEDULE, (_id(writer, probe), since_ms, *timing))

    def record(self, runs: Sequence[Run], skipped: Sequence[Probe] = ()) -> None:
        """Add finished runs, and the probes of runs not started because the previous one was still going.

        One durable transaction: when this returns, the batch is on disk; when it raises, nothing of it is. Give several
        runs at once where you can: 50 in one batch cost about as much as six batches of one. Raises `LedgerError`.
        """
        if not runs and not skipped:
            return
        with self._transaction() as writer:
            batch = Batch()
            for run in runs:
                number = _id(writer, (run.system, run.probe))
                batch.add(number, _minute(writer, number, run.started), run)
            for probe in skipped:
                batch.skip(_id(writer, probe))
            writer.executemany(_ADD_MINUTE, [(*key, *counts) for key, counts in batch.minutes.items()])
            writer.executemany(_ADD_TOTAL, [(*key, value) for key, value in batch.counters.items()])
            writer.executemany(_SET_STATE, batch.states)

    def totals(self) -> Totals:
        """Return every counter and state in one consistent read (a few hundred rows). Raises `LedgerError`."""
        with self._snapshot() as reader:
            counters = reader.execute(_TOTALS).fetchall()
            states = reader.execute(_STATES).fetchall()
        return Totals.of(
            counters,
            {
                (system, probe): State(last_run, last_success, None if passed is None else bool(passed))
                for system, probe, last_run, last_success, passed in states
            },
        )

    def minutes(self, start: int, end: int, *, now: float, step: int = 1) -> list[Tally]:
        """Return what was counted and expected in the minutes [start, end), `step` minutes summed into one row.

        `start` and `end` are Unix time // 60, `now` is the Unix time of the question. Rows are in order of minute,
        system, probe and window. Runs that left no trace are expected in the row of `Window.NONE`. Raises
        `LedgerError`.
        """
        with self._snapshot() as reader:
            revisions = _revisions(reader)
            rows = reader.execute(_SUM_MINUTES, {"start": start, "end": end, "step": step}).fetchall()
        counted: dict[tuple[int, str, str, str], Sequence[int]] = {tuple(row[:4]): row[4:] for row in rows}
        recorded: dict[tuple[int, str, str], int] = defaultdict(int)
        for block, system, probe, _, *counts in rows:
            recorded[block, system, probe] += sum(counts)
        lost: dict[tuple[int, str, str, str], int] = {}
        settled_ms = round((now - WRITE_DELAY) * 1000)
        for (system, probe), history in revisions.items():
            for block in range(start, end, step):
                owed = slots_owed(history, block * 60_000, min(block + step, end) * 60_000, settled_ms)
                missing = owed - recorded.get((block, system, probe), 0)
                if missing > 0:
                    lost[block, system, probe, Window.NONE] = missing
        tallies = []
        for key in sorted({**counted, **lost}):
            block, system, probe, window = key
            good, bad, unknown = counted.get(key, (0, 0, 0))
            expected = good + bad + unknown + lost.get(key, 0)
            tallies.append(Tally(block, system, probe, Window(window), good, bad, unknown, expected))
        return tallies

    def first_scheduled(self) -> float | None:
        """Return the Unix time from which runs are expected, or None for an unused ledger. Raises `LedgerError`."""
        with self._snapshot() as reader:
            since_ms: int | None = reader.execute("SELECT min(since_ms) FROM schedules").fetchone()[0]
        return None if since_ms is None else since_ms / 1000

    def add_window(self, window: AnnouncedWindow, known_at: float, *, withdrawn: bool = False) -> None:
        """Note an announced window as known at `known_at`; what is known already is not added again.

        Raises `LedgerError`.
        """
        row = (window.uid, window.kind, json.dumps(window.systems), window.start, window.end, window.summary, withdrawn)
        with self._transaction() as writer:
            if writer.execute(_LAST_WINDOW, (window.uid,)).fetchone() != row:
                writer.execute(_ADD_WINDOW, (known_at, *row))

    def windows(self, as_known_at: float | None = None) -> list[AnnouncedWindow]:
        """Return the windows as they were known then (None: now), in order: each uid's last revision, unless withdrawn.

        Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            rows = reader.execute(_WINDOWS, (math.inf if as_known_at is None else as_known_at,)).fetchall()
        return sorted(
            AnnouncedWindow(start, end, uid, kind, tuple(json.loads(systems)), summary)
            for start, end, uid, kind, systems, summary in rows
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the writing connection; commit durably at the end, or undo everything."""
        if self._writer is None:
            raise LedgerError(f"{self.path} was opened for reading only")
        with self._writing:
            try:
                with self._writer:
                    self._writer.execute("BEGIN IMMEDIATE")
                    yield self._writer
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path} could not be written: {error}") from error

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give the reading connection with one consistent view."""
        with self._reading:
            try:
                with self._reader:
                    self._reader.execute("BEGIN")
                    yield self._reader
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path} could not be read: {error}") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _lock(path: Path, undo: ExitStack) -> int:
    """Take the lock that keeps a second monitor out; the kernel releases it however this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + "-lock"), os.O_RDWR | os.O_CREAT, 0o644)
    undo.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode().strip()
        raise LedgerError(f"{path} is in use by another monitor (process {holder})") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _refuse_foreign(path: Path) -> None:
    """Raise `LedgerError` for what is certainly no ledger; one that another monitor is just filling is none yet.

    Nothing remains beside the file: a connection that may write takes SQLite's own files away when it is closed.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise LedgerError(f"{path} is not a ledger")
    with closing(_connect(path, "rw")) as connection:
        if not _is_empty(connection):
            _check_kind(connection, path)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0)


def _prepare(writer: sqlite3.Connection, path: Path, vantage: str) -> None:
    """Check the file, or fill an empty one in one transaction; only then touch its settings."""
    new = _is_empty(writer)
    if not new:
        _check(writer, path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute("PRAGMA foreign_keys = ON")
    if new:
        with writer:
            writer.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                writer.execute(statement)
            writer.execute("INSERT INTO meta VALUES ('vantage', ?)", (vantage,))
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise LedgerError(f"{path} is not a ledger")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `LedgerError` unless this is an undamaged ledger of a known version."""
    _check_kind(connection, path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise LedgerError(f"{path} is of a newer version ({version}) than this program knows ({SCHEMA_VERSION})")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise LedgerError(f"{path} is damaged: {verdict}")


def _id(writer: sqlite3.Connection, probe: Probe) -> int:
    """Return the number of a probe; a new one gets the next."""
    writer.execute("INSERT OR IGNORE INTO probes (system, probe) VALUES (?, ?)", probe)
    number: int = writer.execute("SELECT id FROM probes WHERE system = ? AND probe = ?", probe).fetchone()[0]
    return number


def _minute(connection: sqlite3.Connection, number: int, started: float) -> int:
    """Return the minute (Unix time // 60) of the slot at which a run started, or of its start where none was due."""
    started_ms = round(started * 1000)
    row = connection.execute(_SLOTS_THEN, (number, started_ms)).fetchone()
    if row is not None and row[0] is not None:
        started_ms = Slots(*row).at(started_ms)
    return started_ms // 60_000


def _revisions(connection: sqlite3.Connection) -> dict[Probe, list[Revision]]:
    """Return the history of every schedule, oldest revision first."""
    history: dict[Probe, list[Revision]] = defaultdict(list)
    for system, probe, since_ms, interval_ms, phase_ms in connection.execute(_SCHEDULES):
        slots = None if interval_ms is None else Slots(interval_ms, phase_ms)
        history[system, probe].append(Revision(since_ms, slots))
    return dict(history)
