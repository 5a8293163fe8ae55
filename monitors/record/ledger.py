"""The record of the monitor: one SQLite file that survives `kill -9` at any moment.

What it holds
    minutes     good, bad and unknown runs for each probe and minute, and the same summed by the hour
    totals      the same and more as counters that never go down, for the exporter
    states      when each probe last ran, last passed, and whether its last verdict was a pass
    schedules   which probe was due when, as revisions that are only ever added
    windows     announced maintenance and its corrections, as revisions that are only ever added
    evidence    what the newest failures and a few other runs looked like
    sightings   whenever a probe begins to pass, to fail or to be silent; incidents are made of them
    notices     messages that were published, each sealed with those before it

A ledger belongs to one vantage point (`vantage`, fixed when the file is made). One monitor writes it at a time: it
holds a lock on `<path>-lock`. Any number of readers may open it meanwhile, and windows may be corrected.

Expected runs
    A schedule says that a probe is due at every Unix time  t = phase + k · interval  (its slots), from the moment of
    the revision until the next revision of that probe. A run belongs to the slot at which it started, and a slot to the
    minute in which it lies, so a slot is counted once: an undisturbed monitor reaches exactly the expected number, in
    partial first and last minutes too.

    A minute never holds more runs than it has slots. When the clock was set back, the same minutes come once more: what
    was measured first stands, and further runs are `repeated`: in the counters, but not in the minutes. When it was set
    forward, the minutes passed over were expected and have no run.

    Expected runs are not written but computed from the schedules. So a monitor that was killed cannot leave the number
    out: every slot between its last run and the next start was expected and has no run, which is missing coverage.
    Stopping the monitor does not end a schedule; only removing the probe from the configuration does.

    A slot is owed once its interval (no run lasts longer) and `WRITE_DELAY` have passed: the runs under way at the
    moment of the question are not missing yet.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from monitors.availability.accounting import Counts
from monitors.record import (
    ledger_backup,
    ledger_check,
    ledger_counts,
    ledger_evidence,
    ledger_file,
    ledger_notices,
    ledger_schema,
    ledger_sightings,
    ledger_windows,
)
from monitors.record.ledger_counts import MinuteCounts, Room
from monitors.record.ledger_file import LedgerError, upgrade
from monitors.record.ledger_notices import Sealed
from monitors.record.ledger_windows import WindowRevision
from monitors.record.totals import Batch, Durations, Probe, State, Totals
from monitors.sightings import Sighting, Watch
from monitors.slots import Revision, Schedule, Slots, slots_owed
from monitors.verdict import Run
from monitors.windows.calendars import AnnouncedWindow

__all__ = ["Durations", "Ledger", "LedgerError", "Schedule", "Sealed", "State", "Totals", "WindowRevision", "upgrade"]

WRITE_DELAY = 5.0
"""Seconds within which a finished run must be in the ledger."""

_ADD_SCHEDULE = "INSERT INTO schedules (probe, since_ms, interval_ms, phase_ms) VALUES (?, ?, ?, ?)"
_ALL_SCHEDULES = """
SELECT system, probes.probe, since_ms, interval_ms, phase_ms FROM schedules JOIN probes ON id = schedules.probe
"""
_IN_ORDER = "ORDER BY since_ms, revision"
_SCHEDULES = f"{_ALL_SCHEDULES} {_IN_ORDER}"
_SCHEDULES_OF_PROBE = f"{_ALL_SCHEDULES} WHERE system = ? AND probes.probe = ? {_IN_ORDER}"
_ADD_TOTAL = """
INSERT INTO totals (probe, kind, label, value) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_SET_STATE = """
INSERT INTO states (probe, last_run, last_success, passed) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET passed = coalesce(excluded.passed, passed), last_run = excluded.last_run,
    last_success = coalesce(excluded.last_success, last_success)
"""
_TOTALS = "SELECT system, probes.probe, kind, label, value FROM totals JOIN probes ON id = totals.probe"
_STATES = """
SELECT system, probes.probe, last_run, last_success, passed FROM states JOIN probes ON id = states.probe
"""
Purpose = Literal["record", "correct", "read"]


class Ledger:
    """An open ledger; also a context manager. Any method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        purpose: Purpose,
        reader: sqlite3.Connection,
        writer: sqlite3.Connection | None,
    ) -> None:
        self.path = path
        self.vantage = ledger_file.vantage_of(reader)
        self.version = ledger_schema.version_of(reader)
        self._purpose = purpose
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._writing = threading.Lock()
        self._resources = ExitStack()
        self._file = ledger_file.identity(path)
        self._schedules = _revisions(reader)
        past = ledger_sightings.since(reader, self.vantage, math.inf)
        self._watch = Watch.resume(self.vantage, past, _states(reader))

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, vantage: str = "local") -> Ledger:
        """Open the ledger at `path` for the one monitor that writes it, or for reading.

        The monitor makes file and folder where they are missing, and brings an older ledger up to date. `vantage` says
        where it measures from; a reader takes what the file says. Raises `LedgerError` when the ledger is missing
        (reader), locked by another monitor, of another vantage point, of a newer version (reader: of an older one too),
        damaged, unreadable or unwritable, or no ledger at all.
        """
        return cls._open(path, "read" if read_only else "record", vantage)

    @classmethod
    def open_to_correct(cls, path: Path) -> Ledger:
        """Open a ledger to enter windows, beside the monitor that writes it if there is one. Raises `LedgerError`."""
        return cls._open(path, "correct", "")

    @classmethod
    def _open(cls, path: Path, purpose: Purpose, vantage: str) -> Ledger:
        with ledger_file.explained(path), ExitStack() as undo:
            writer = None
            if purpose == "record":
                writer = ledger_file.open_to_record(path, vantage, undo)
            elif purpose == "correct":
                writer = ledger_file.open_to_correct(path, undo)
            reader = ledger_file.open_to_read(path, undo)
            ledger = cls(path, purpose, reader, writer)
            ledger._resources = undo.pop_all()
            return ledger

    def close(self) -> None:
        """Close the file and release the lock. Closing twice is harmless."""
        with self._reading, self._writing:
            self._resources.close()

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
        with self._transaction("record") as writer:
            known = _revisions(writer)
            for probe in {**wanted, **known}:
                past, slots = known.get(probe, []), wanted.get(probe)
                if slots == (past[-1].slots if past else None):
                    continue
                number = _number(writer, probe)
                since_ms = max([round(at * 1000), *(revision.since_ms for revision in past)])
                last = ledger_counts.last_minute(writer, number)
                if last is not None and last > since_ms // 60_000:  # the clock was ahead: those minutes stand
                    since_ms = (last + 1) * 60_000
                timing = (slots.interval_ms, slots.phase_ms) if slots else (None, None)
                writer.execute(_ADD_SCHEDULE, (number, since_ms, *timing))
            schedules_now = _revisions(writer)
        self._schedules = schedules_now

    def record(self, runs: Sequence[Run], skipped: Sequence[Probe] = ()) -> None:
        """Add finished runs, each probe's in order, and the probes of runs not started: the previous one still went on.

        One durable transaction: when this returns, the batch is on disk; when it raises, nothing of it is. Give several
        runs at once where you can: 50 in one batch cost about as much as six batches of one. Raises `LedgerError`.
        """
        if not runs and not skipped:
            return
        with self._transaction("record") as writer:
            batch, room, watch = Batch(), Room(writer, self._schedules), self._watch.fork()
            for run in runs:
                number = _number(writer, (run.system, run.probe))
                batch.add(number, room.take(number, run), run)
                ledger_sightings.add(writer, number, watch.see(run, self._interval(run)))
            for probe in skipped:
                batch.skip(_number(writer, probe))
            ledger_counts.add(writer, batch)
            writer.executemany(_ADD_TOTAL, [(*key, value) for key, value in batch.counters.items()])
            writer.executemany(_SET_STATE, batch.states)
        self._watch = watch

    def totals(self) -> Totals:
        """Return every counter and state in one consistent read (a few hundred rows). Raises `LedgerError`."""
        with self._snapshot() as reader:
            counters = reader.execute(_TOTALS).fetchall()
            states = _states(reader)
        return Totals.of(counters, states)

    def states(self) -> dict[Probe, State]:
        """Return the last run of each probe. Raises `LedgerError`."""
        with self._snapshot() as reader:
            return _states(reader)

    def intervals(self) -> dict[Probe, float]:
        """Return the seconds between two runs of each probe that is scheduled. Raises `LedgerError`."""
        with self._snapshot() as reader:
            last = {probe: past[-1].slots for probe, past in _revisions(reader).items()}
        return {probe: slots.interval_ms / 1000 for probe, slots in last.items() if slots is not None}

    def sightings(self, since: float) -> list[Sighting]:
        """Return what is said of each probe at `since` (Unix seconds), and what has changed from then on, in order.

        Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_sightings.since(reader, self.vantage, since)

    def counts(self, probe: Probe, edges: Sequence[int], *, now: float) -> list[Counts]:
        """Return what was counted and expected of a probe in each [edges[i], edges[i + 1]), Unix time // 60 in order.

        `now` is the Unix time of the question; a run that is there before it is owed counts as expected. Whole hours
        come from their sums, the rest from minutes. Raises `LedgerError`.
        """
        settled_ms = round((now - WRITE_DELAY) * 1000)
        with self._snapshot() as reader:
            history, number = _history(reader, probe), _known_number(reader, probe)
            recorded = list(ledger_counts.recorded(reader, number, edges))
        return [
            Counts(*counts, max(sum(counts), slots_owed(history, start * 60_000, end * 60_000, settled_ms)))
            for counts, (start, end) in zip(recorded, pairwise(edges), strict=True)
        ]

    def minutes_of(self, probe: Probe, start: int, end: int) -> list[MinuteCounts]:
        """Return (minute, good, bad, unknown) for each of the minutes [start, end) in which the probe ran, in order.

        Minutes are Unix time // 60. Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_counts.minutes(reader, _known_number(reader, probe), start, end)

    def short_hours(self, probe: Probe, start: int, end: int, most: int) -> list[tuple[int, int]]:
        """Return (hour, runs) for each hour of [start, end) with fewer than `most` of them; Unix time // 3600.

        Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_counts.short_hours(reader, _known_number(reader, probe), start, end, most)

    def odd_minutes(self, probe: Probe, start: int, end: int) -> list[MinuteCounts]:
        """Return (minute, good, bad, unknown) for those of [start, end) in which a run failed or could not tell.

        They are in order, found by an index of their own: a year takes a few milliseconds. Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_counts.odd(reader, _known_number(reader, probe), start, end)

    def first_good(self, probe: Probe, minute: int) -> int | None:
        """Return the first minute (Unix time // 60) from `minute` on in which the probe passed, or None.

        Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_counts.first_good(reader, _known_number(reader, probe), minute)

    def schedules(self, probe: Probe) -> list[Revision]:
        """Return when a probe was due, as revisions, oldest first. Raises `LedgerError`."""
        with self._snapshot() as reader:
            return _history(reader, probe)

    def scheduled(self, probe: Probe, minute: int) -> bool:
        """Return whether a schedule of a probe was in force at a minute (Unix time // 60). Raises `LedgerError`."""
        past = [each for each in self.schedules(probe) if each.since_ms <= minute * 60_000]
        return bool(past) and past[-1].slots is not None

    def first_scheduled(self) -> float | None:
        """Return the Unix time from which runs are expected, or None for an unused ledger. Raises `LedgerError`."""
        with self._snapshot() as reader:
            since_ms: int | None = reader.execute("SELECT min(since_ms) FROM schedules").fetchone()[0]
        return None if since_ms is None else since_ms / 1000

    def add_window(
        self, window: AnnouncedWindow, known_at: float, *, by: str, why: str, withdrawn: bool = False
    ) -> bool:
        """Note an announced window as known at `known_at`; return False for what is known already: it is not added.

        `by` says who entered it, 'calendar: FILE' for iCalendar files. Raises `LedgerError`.
        """
        with self._transaction("correct") as writer:
            return ledger_windows.add(writer, window, known_at, by=by, why=why, withdrawn=withdrawn)

    def windows(self, as_known_at: float | None = None) -> list[AnnouncedWindow]:
        """Return the windows as they were known then (None: now), in order: each uid's last revision, unless withdrawn.

        Raises `LedgerError`.
        """
        with self._snapshot() as reader:
            return ledger_windows.known(reader, as_known_at)

    def window_history(self) -> list[WindowRevision]:
        """Return every revision of every window in the order in which they were entered. Raises `LedgerError`."""
        with self._snapshot() as reader:
            return ledger_windows.history(reader)

    def last_window_revision(self) -> int:
        """Return a number that grows whenever a window is entered, by whomever: cheap to ask. Raises `LedgerError`."""
        with self._snapshot() as reader:
            number: int = reader.execute("SELECT coalesce(max(revision), 0) FROM windows").fetchone()[0]
        return number

    def add_notice(self, case: str, body: str) -> str:
        """Add a published message to the archive and return its digest; beside a monitor, too. Raises `LedgerError`."""
        with self._transaction("correct") as writer:
            return ledger_notices.add(writer, case, body)

    def notices(self) -> list[Sealed]:
        """Return every published message in order. Raises `LedgerError`."""
        with self._snapshot() as reader:
            return ledger_notices.archive(reader)

    def keep_evidence(self, probe: Probe, started: float, verdict_json: str) -> None:
        """Keep what a run looked like: a JSON object whose `verdict` is pass, fail or unknown.

        Of each probe the newest are kept, failures longer. Raises `LedgerError`.
        """
        with self._transaction("record") as writer:
            ledger_evidence.keep(writer, _number(writer, probe), started, verdict_json)

    def evidence(self, probe: Probe) -> list[tuple[float, str]]:
        """Return (started, JSON) of the kept runs of a probe, newest first. Raises `LedgerError`."""
        with self._snapshot() as reader:
            return ledger_evidence.newest(reader, _known_number(reader, probe))

    def problems(self) -> list[str]:
        """Return what is wrong with the ledger, one line each; every page and every minute is read.

        Raises `LedgerError`.
        """
        try:
            with self._snapshot() as reader:
                histories = {_known_number(reader, probe): revisions for probe, revisions in _revisions(reader).items()}
                return ledger_check.problems(reader, histories)
        except LedgerError as error:
            cause = error.__cause__
            if isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode == sqlite3.SQLITE_CORRUPT:
                return [f"damaged: {cause}"]  # so badly that it cannot even be looked at
            raise

    def copy_to(self, target: Path) -> None:
        """Copy the ledger to a file while others write it (`monitors.record.ledger_backup`). Raises `LedgerError`."""
        with self._snapshot() as reader:
            ledger_backup.copy(reader, self.path, target)

    def _interval(self, run: Run) -> float:
        """Return the seconds between two runs of this probe, 0 where none is scheduled."""
        history = self._schedules.get((run.system, run.probe), [])
        return history[-1].slots.interval_ms / 1000 if history and history[-1].slots else 0.0

    @contextmanager
    def _transaction(self, purpose: Purpose) -> Iterator[sqlite3.Connection]:
        """Give the writing connection; commit durably at the end, or undo everything."""
        if self._writer is None:
            raise LedgerError(f"{self.path} was opened for reading only")
        if purpose == "record" and self._purpose != "record":
            raise LedgerError(f"{self.path} was opened for windows and notices only")
        with self._writing:
            if ledger_file.identity(self.path) != self._file:
                raise LedgerError(f"{self.path} could not be written: the file was moved, removed or replaced")
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


def _known_number(connection: sqlite3.Connection, probe: Probe) -> int | None:
    """Return the number of a probe, or None."""
    row = connection.execute("SELECT id FROM probes WHERE system = ? AND probe = ?", probe).fetchone()
    return None if row is None else int(row[0])


def _number(writer: sqlite3.Connection, probe: Probe) -> int:
    """Return the number of a probe; a new one gets the next."""
    number = _known_number(writer, probe)
    if number is None:
        number = writer.execute("INSERT INTO probes (system, probe) VALUES (?, ?)", probe).lastrowid
    assert number is not None
    return number


def _states(connection: sqlite3.Connection) -> dict[Probe, State]:
    """Return the last run of each probe."""
    return {
        (system, probe): State(last_run, last_success, None if passed is None else bool(passed))
        for system, probe, last_run, last_success, passed in connection.execute(_STATES)
    }


def _history(connection: sqlite3.Connection, probe: Probe) -> list[Revision]:
    """Return the history of one schedule, oldest revision first."""
    return _sorted(connection.execute(_SCHEDULES_OF_PROBE, probe)).get(probe, [])


def _revisions(connection: sqlite3.Connection) -> dict[Probe, list[Revision]]:
    """Return the history of every schedule, oldest revision first."""
    return _sorted(connection.execute(_SCHEDULES))


def _sorted(rows: Iterable[tuple[str, str, int, int | None, int]]) -> dict[Probe, list[Revision]]:
    history: dict[Probe, list[Revision]] = defaultdict(list)
    for system, probe, since_ms, interval_ms, phase_ms in rows:
        slots = None if interval_ms is None else Slots(interval_ms, phase_ms)
        history[system, probe].append(Revision(since_ms, slots))
    return dict(history)
