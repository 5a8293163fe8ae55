"""A copy of a ledger, made while the monitor goes on writing it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from monitors.record.ledger_file import LedgerError, connect, explained, open_to_read_any


def copy(source: sqlite3.Connection, path: Path, target: Path) -> None:
    """Copy the ledger of an open connection to `target`: as it is at one moment, whole, or not at all.

    It goes to a temporary file in the same folder, is checked page by page, made durable, and then takes the name. An
    existing ledger there is replaced; anything else is refused, and so is a file that a monitor writes. The copy is one
    file in rollback mode: it can be read where nothing can be written. Raises `LedgerError`.
    """
    target = target.resolve()
    _refuse_to_replace(path, target)
    with explained(target), ExitStack() as undo:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.fchmod(handle, 0o644)
        os.close(handle)
        temporary = Path(name)
        undo.callback(temporary.unlink, missing_ok=True)
        with closing(connect(temporary, "rw")) as written:
            source.backup(written)  # in one step: writers go on, the copy is of the moment at which it began
            written.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = written.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise LedgerError(f"the copy of {path} is damaged: {verdict}")
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        undo.callback(os.close, folder)
        os.fsync(folder)


def _refuse_to_replace(path: Path, target: Path) -> None:
    if target == path.resolve():
        raise LedgerError(f"{target} is the ledger itself")
    if not os.path.lexists(target):
        return
    with explained(target), ExitStack() as undo:
        open_to_read_any(target, undo)
    if any(target.with_name(target.name + end).exists() for end in ("-wal", "-lock")):
        raise LedgerError(f"{target} is a monitor's own ledger: -wal or -lock is beside it")
