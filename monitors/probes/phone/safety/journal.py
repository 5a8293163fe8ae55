"""What a killed process leaves for its successor: a file for each call that may be under way.

A file is all of these at once:

    locked              somebody's call is under way (the system lets go of the lock when a process dies)
    free and empty      room for a call
    free, not empty     an orphan: whoever gets the lock ends that call first

Lines are appended, the last whole one counts: a process killed while writing leaves what it wrote before.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

CALL = "call"
"""The key under which the entry of a call stands; a note without it is a reservation: nothing was sent."""


class Slot:
    """Room for one call, held by this process. Notes are JSON objects."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Return the slot, or None while somebody has it; the file is made where it is missing. Raises `OSError`."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        return cls(path, handle)

    @property
    def held(self) -> bool:
        """Whether it is still ours."""
        return self._handle is not None

    def note(self, note: Mapping[str, Any]) -> None:
        """Append a note: it outlives this process at once, and a power cut after `sync`. Raises `OSError`.

        What cannot be written whole (a full disk takes a part) is taken back: the note before it counts.
        """
        if self._handle is None:
            return
        line, before = json.dumps(note, separators=(",", ":")).encode() + b"\n", os.fstat(self._handle).st_size
        if os.write(self._handle, line) < len(line):
            os.ftruncate(self._handle, before)
            raise OSError(errno.ENOSPC, "no room for a whole note", str(self.path))

    async def sync(self) -> None:
        """Have the notes on the disk. Raises `OSError`."""
        if self._handle is None:
            return
        handle = os.dup(self._handle)  # the slot may be let go of meanwhile
        try:
            await asyncio.get_running_loop().run_in_executor(None, _sync_and_close, handle)
        except RuntimeError:  # the executor is gone: the loop is being closed
            os.close(handle)
            raise

    def last(self) -> dict[str, Any] | None:
        """Return the last whole note, or None."""
        return last_note(self.path)

    def clear(self) -> None:
        """Forget the notes: nothing is up any more."""
        if self._handle is not None:
            os.ftruncate(self._handle, 0)

    def free(self) -> None:
        """Forget the notes and let others have it. Raises `OSError`, and is let go of all the same."""
        try:
            self.clear()
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Let others have it; what is noted stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def look(path: Path) -> tuple[bool, dict[str, Any]]:
    """Return whether somebody holds a slot, and its last note. Raises `OSError`.

    Others are kept out for that moment: only who decides alone may look.
    """
    slot = Slot.take(path)
    try:
        return slot is None, last_note(path) or {}
    finally:
        if slot is not None:
            slot.let_go()


def last_note(path: Path) -> dict[str, Any] | None:
    """Return the last whole note in a file, or None where there is none."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line feed is not whole
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            note = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(note, dict):
            return note
    return None


def _sync_and_close(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
