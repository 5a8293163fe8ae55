"""How often a trunk and a number are called, whoever calls: one register for all processes of a machine.

A folder holds the register:

    register.lock      held while something is decided: a few file operations
    counts.json        what was called, and who is left alone (`counts.Counts`)
    TRUNK.N.call       the slots (`journal.Slot`): as many calls at once as there are

A decision is a few operations on small files, and is made on the event loop: a thread could not be cancelled between
the slot that it took and the call that is to have it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import quote

from config.files import write_all
from monitors.probes.phone.safety.counts import Counts, Hold, Spent, date_of
from monitors.probes.phone.safety.journal import CALL, Slot, last_note, look
from monitors.probes.phone.safety.numbers import Refusal, Skipped

LONGEST_HOLD = 3_600.0
"""Seconds for which the far end's Retry-After is honoured at most: a line must not be left unwatched for ever."""
REJECTED_HOLD = 3_600.0
"""Seconds for which a number is not called again that did not want to be called."""
REJECTIONS = frozenset({403, 603, 607})

_PATIENCE = 2.0
_POLL = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be called by one trunk.

    `interval`: seconds between two calls of one number, plus up to `jitter` of it by chance, so that the calls of many
    monitors do not stay in step. `minutes_per_day`: a call under way counts with the longest that it may take.
    """

    at_once: int = 1
    per_day: int = 1_000
    minutes_per_day: float = 500.0
    interval: float = 10.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made, as what it counts, and its slot. `reserved`: seconds, to the account of `day`."""

    slot: Slot
    trunk: str
    number: str
    reserved: float
    day: str

    def note(self, **details: Any) -> dict[str, Any]:
        """Return what is to be noted of it."""
        return {"trunk": self.trunk, "number": self.number, "reserved": self.reserved, "day": self.day, **details}

    @classmethod
    def of_note(cls, slot: Slot, note: Mapping[str, Any]) -> Self:
        """Return what was noted of it; what cannot be read reserves nothing."""
        match note:
            case {"trunk": str(trunk), "number": str(number), "reserved": int() | float() as reserved, "day": str(day)}:
                return cls(slot, trunk, number, float(reserved), day)
        return cls(slot, "", "", 0.0, "")


class Register:
    """The limits of all trunks, kept in a folder. `clock` gives Unix seconds."""

    def __init__(self, folder: Path, random: Random, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._random, self._clock = folder, random, clock
        self._file = folder / "counts.json"

    async def admit(self, trunk: str, limits: Limits, number: str, longest: float) -> Admission:
        """Take the slot for a call of `longest` seconds at most to a number in its one form.

        Raises `Refusal` and `OSError`.

        The call counts from now on, also if this process is killed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        async with self._alone():
            now, counts = self._clock(), self._read()
            _refuse(counts, now, trunk, limits, number, longest)
            admission = Admission(self._slot(trunk, limits.at_once, number), trunk, number, longest, date_of(now))
            counts.charge(trunk, admission.day, calls=1, seconds=longest)
            pause = limits.interval * (1 + self._random.uniform(0, limits.jitter))
            counts.hold(_key(trunk, number), Hold(now, now + pause, Skipped.TOO_SOON))
            try:
                admission.slot.clear()
                admission.slot.note(admission.note())
                self._write(counts, now)
            except BaseException:
                admission.slot.free()
                raise
            return admission

    async def settle(self, admission: Admission, seconds: float, status: int | None, retry_after: float | None) -> None:
        """Note what the call took and what its final answer asks for, then give the slot back; nothing is up any more.

        503 with Retry-After is about the whole trunk (RFC 3261, 21.5.4), any other answer with it about the number.
        """
        try:
            async with self._alone():
                now, counts = self._clock(), self._read()
                key = _key(admission.trunk, admission.number)
                unused = max(0.0, admission.reserved - seconds)
                counts.charge(admission.trunk, admission.day, seconds=-unused)
                if retry_after is not None:
                    whose = admission.trunk if status == 503 else key
                    counts.hold(whose, Hold(now, now + min(retry_after, LONGEST_HOLD), Skipped.RETRY_AFTER))
                if status in REJECTIONS:
                    counts.hold(key, Hold(now, now + REJECTED_HOLD, Skipped.REJECTED))
                self._write(counts, now)
        finally:
            admission.slot.free()

    def spent(self, trunk: str) -> Spent:
        """Return what a trunk has used up today; nothing while that cannot be read."""
        with suppress(OSError):
            return self._read().spent(trunk, self._clock())
        return Spent()

    async def orphans(self) -> list[Admission]:
        """Take the slots of calls that a killed process left; who gets them must end the calls. Raises as `admit` does.

        Mere reservations are freed: nothing was sent.
        """
        if not any(last_note(path) for path in self._paths()):
            return []
        found = []
        with ExitStack() as taken:
            async with self._alone():
                for path in self._paths():
                    if (slot := Slot.take(path)) is None:
                        continue
                    taken.callback(slot.let_go)
                    note = slot.last() or {}
                    if CALL in note:
                        found.append(Admission.of_note(slot, note))
                    else:
                        slot.free()
            taken.pop_all()
        return found

    def _slot(self, trunk: str, at_once: int, number: str) -> Slot:
        """Return a free slot of a trunk, if the number is called by nobody, over whatever trunk. Raises `Refusal`."""
        stem = quote(trunk, safe="").replace(".", "%2E") + "."
        wanted = [self._folder / f"{stem}{index}.call" for index in range(at_once)]
        notes = {path: look(path) for path in sorted({*self._paths(), *wanted})}
        used = {path: note for path, (held, note) in notes.items() if held or CALL in note}
        if any(note.get("number") == number for note in used.values()):
            raise Refusal(Skipped.NUMBER_IN_USE, "it is being called")
        under_way = sum(path.name.startswith(stem) for path in used)
        free = next((path for path in wanted if path not in used), None)
        slot = Slot.take(free) if free is not None and under_way < at_once else None
        if slot is None:
            raise Refusal(Skipped.CALLS_AT_ONCE, f"{under_way} calls are under way")
        return slot

    def _paths(self) -> list[Path]:
        """Return the slots that were ever used."""
        return sorted(self._folder.glob("*.call"))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Be the only one who decides; nothing in it may wait. Raises `Refusal` where nobody lets go."""
        handle = os.open(self._folder / "register.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Refusal(Skipped.REGISTER, "another process holds the register") from None
                await asyncio.sleep(_POLL)
            yield
        finally:
            os.close(handle)

    def _read(self) -> Counts:
        """Return what was counted; what is no such file begins anew. Raises `OSError` for one that cannot be read."""
        try:
            return Counts.parse(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return Counts()

    def _write(self, counts: Counts, now: float) -> None:
        write_all({self._file: counts.text(now)})


def _key(trunk: str, number: str) -> str:
    return f"{trunk} {number}"


def _refuse(counts: Counts, now: float, trunk: str, limits: Limits, number: str, longest: float) -> None:
    """Raise `Refusal` where what was called before forbids the call."""
    for whose in (trunk, _key(trunk, number)):
        if (hold := counts.held(whose, now)) is not None:
            raise Refusal(hold.reason, f"for another {hold.until - now:.0f} s")
    spent = counts.spent(trunk, now)
    if spent.calls >= limits.per_day:
        raise Refusal(Skipped.CALLS_PER_DAY, f"{limits.per_day} calls were made")
    if spent.seconds + longest > limits.minutes_per_day * 60:
        raise Refusal(Skipped.MINUTES_PER_DAY, f"{spent.seconds / 60:.0f} minutes were called")
