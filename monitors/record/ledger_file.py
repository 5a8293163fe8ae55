"""The file of a ledger: opened, locked, checked, copied. What is in it is the business of `monitors.record.ledger`.

    <path>         SQLite in WAL mode, synchronous = FULL: a transaction that was acknowledged is on the disk
    <path>-wal     what was written since the last checkpoint; belongs to the file, never remove it
    <path>-shm     the index of -wal
    <path>-lock    held by the monitor that writes; the kernel releases it however that process ends

A symbolic link is followed first, so that one ledger has one lock.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from monitors.record import ledger_schema
from monitors.record.ledger_schema import APPLICATION_ID, SCHEMA_VERSION

BUSY = 10.0
"""Seconds that one writer waits for another: a correction of windows takes milliseconds."""


class LedgerError(Exception):
    """The ledger cannot be used; the message says which file and why, for people."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into a `LedgerError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(f"{path} is not a usable ledger: {error}") from error
    except OSError as error:
        raise LedgerError(f"{path} cannot be written: {error.strerror}") from error


def open_to_read(path: Path, undo: ExitStack) -> sqlite3.Connection:
    """Return a connection that cannot write. Raises `LedgerError` and what SQLite raises."""
    reader = open_to_read_any(path, undo)
    version = ledger_schema.version_of(reader)
    if version < SCHEMA_VERSION:
        known = f"of the older version {version}; bring it up to date: piekwacht ledger upgrade --ledger {path}"
        raise LedgerError(f"{path} is {known}")
    _check_version(reader, path)
    return reader


def open_to_read_any(path: Path, undo: ExitStack) -> sqlite3.Connection:
    """Return a connection that cannot write, to a ledger of any version. Raises like `open_to_read`."""
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}")
    reader = undo.enter_context(closing(connect(path, "ro")))
    _check_kind(reader, path)
    return reader


def open_to_correct(path: Path, undo: ExitStack) -> sqlite3.Connection:
    """Return a connection for short writes beside the monitor that holds the lock. Raises like `open_to_read`."""
    open_to_read(path, undo)
    _refuse_read_only(path)
    writer = undo.enter_context(closing(connect(path, "rw")))
    _set_durable(writer)
    return writer


def open_to_record(path: Path, vantage: str, undo: ExitStack) -> sqlite3.Connection:
    """Return the connection of the one monitor that writes; file and folder are made where they are missing.

    An older ledger is brought up to date. Raises `LedgerError`, `OSError` and what SQLite raises.
    """
    refuse_foreign(path)  # first: nothing is put beside a file of someone else
    _lock(path, undo)
    writer = undo.enter_context(closing(connect(path, "rwc")))
    if _is_empty(writer):
        _set_durable(writer)
        ledger_schema.create(writer, vantage)
        return writer
    _check_version(writer, path)
    found = vantage_of(writer)
    if found != vantage:
        raise LedgerError(f"{path} belongs to the vantage point '{found}', not to '{vantage}'")
    _bring_up_to_date(writer, path)
    return writer


def upgrade(path: Path) -> tuple[int, int]:
    """Bring an older ledger up to date, whatever its vantage point; return the versions before and after.

    Raises `LedgerError`, also when a monitor is writing it.
    """
    with explained(path), ExitStack() as undo:
        open_to_read_any(path, undo)
        _lock(path, undo)
        writer = undo.enter_context(closing(connect(path, "rw")))
        before = ledger_schema.version_of(writer)
        _bring_up_to_date(writer, path)
        return before, ledger_schema.version_of(writer)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection in autocommit mode; `mode` is that of SQLite's URI: ro, rw or rwc.

    To read, SQLite puts -shm beside the file. Where it may not, a ledger that nobody writes (it has no -wal) can still
    be read.
    """
    path = path.resolve()
    uri = f"{path.as_uri()}?mode={mode}"
    if mode == "ro" and not _may_write(path.parent) and not path.with_name(path.name + "-wal").exists():
        uri += "&immutable=1"
    return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from another one of the same name, or None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def vantage_of(connection: sqlite3.Connection) -> str:
    """Return the vantage point that the ledger was made for."""
    vantage: str = connection.execute("SELECT value FROM meta WHERE name = 'vantage'").fetchone()[0]
    return vantage


def _lock(path: Path, undo: ExitStack) -> None:
    """Take the lock that keeps a second monitor out, until `undo` is closed."""
    path = path.resolve()
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


def refuse_foreign(path: Path) -> None:
    """Raise `LedgerError` for what is certainly no ledger; one that another monitor is just filling is none yet.

    Nothing remains beside the file: a connection that may write takes SQLite's own files away when it is closed.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise LedgerError(f"{path} is not a ledger")
    with closing(connect(path, "rw" if _may_write(path.resolve().parent) else "ro")) as connection:
        if not _is_empty(connection):
            _check_kind(connection, path)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0)


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise LedgerError(f"{path} is not a ledger")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = ledger_schema.version_of(connection)
    if version > SCHEMA_VERSION:
        raise LedgerError(f"{path} is of a newer version ({version}) than this program knows ({SCHEMA_VERSION})")


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage in every table but the large ones, so that a year is opened as fast as a day.

    A file that was cut off is refused by SQLite itself; `piekwacht ledger check` and a backup read every page. An older
    ledger is read as a whole, since it is going to be rewritten as a whole.
    """
    tables = ["1"]
    if ledger_schema.version_of(connection) == SCHEMA_VERSION:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = [name for (name,) in rows if name not in ledger_schema.LARGE]
    for table in tables:
        (verdict,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if verdict != "ok":
            raise LedgerError(f"{path} is damaged: {verdict}")


def _bring_up_to_date(writer: sqlite3.Connection, path: Path) -> None:
    """Check a ledger, and make it one of this version that can be written."""
    _check_version(writer, path)
    _check_pages(writer, path)
    _set_durable(writer)
    _refuse_read_only(path)
    ledger_schema.migrate(writer)


def _set_durable(writer: sqlite3.Connection) -> None:
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute("PRAGMA foreign_keys = ON")


def _refuse_read_only(path: Path) -> None:
    """Raise now what the first write would raise: SQLite opens a file that it may not write for reading."""
    for place in (path.parent, path):
        if not _may_write(place):
            raise LedgerError(f"{path} cannot be written: {place} is read-only")


def _may_write(place: Path) -> bool:
    return os.access(place, os.W_OK)
