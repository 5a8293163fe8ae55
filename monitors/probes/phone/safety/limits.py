"""How often a trunk and a number are called, whoever calls: one register for all processes of a machine.

A folder holds the register:

    register.lock      held while something is decided: a few file operations
    counts.json        calls and seconds of each trunk today; until when a trunk or a number is left alone
    TRUNK.N.call       the slots (`journal.Slot`): as many calls at once as there are

Time is Unix time. A clock that steps back must neither block a line for long nor open the budget again: what was noted
in the future counts for nothing, and yesterday is still today.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from config.files import write_all
from monitors.probes.phone.safety.journal import CALL, Slot, last_note
from monitors.probes.phone.safety.numbers import Refusal, Skipped

CLOCK = ZoneInfo("Europe/Amsterdam")
"""By which a day begins."""
LONGEST_HOLD = 3_600.0
"""Seconds for which the far end's Retry-After is honoured at most: a line must not be left unwatched for ever."""
REJECTED_HOLD = 3_600.0
"""Seconds for which a number is not called again that did not want to be called."""
REJECTIONS = frozenset({403, 603, 607})

_PATIENCE = 2.0
_POLL = 0.005
_Counts = dict[str, Any]


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
class Spent:
    """What a trunk has used up today."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made, as what it counts, and its slot."""

    slot: Slot
    trunk: str
    number: str
    reserved: float

    def note(self, **details: Any) -> dict[str, Any]:
        """Return what is to be noted of it."""
        return {"trunk": self.trunk, "number": self.number, "reserved": self.reserved, **details}


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
            day = _of_day(counts, trunk, now)
            _refuse_held(counts, now, trunk, _key(trunk, number))
            if day["calls"] >= limits.per_day:
                raise Refusal(Skipped.CALLS_PER_DAY, f"{limits.per_day} calls were made")
            if day["seconds"] + longest > limits.minutes_per_day * 60:
                raise Refusal(Skipped.MINUTES_PER_DAY, f"{day['seconds'] / 60:.0f} minutes were called")
            admission = Admission(self._slot(trunk, limits.at_once, number), trunk, number, longest)
            day["calls"] += 1
            day["seconds"] += longest
            pause = limits.interval * (1 + self._random.uniform(0, limits.jitter))
            _hold(counts, _key(trunk, number), now, pause, Skipped.TOO_SOON)
            try:
                admission.slot.note(admission.note(at=now))
                self._write(counts)
            except BaseException:
                admission.slot.clear()
                admission.slot.let_go()
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
                day = _of_day(counts, admission.trunk, now)
                day["seconds"] = max(0.0, day["seconds"] - admission.reserved + min(seconds, admission.reserved))
                if retry_after is not None:
                    whose = admission.trunk if status == 503 else key
                    _hold(counts, whose, now, min(retry_after, LONGEST_HOLD), Skipped.RETRY_AFTER)
                if status in REJECTIONS:
                    _hold(counts, key, now, REJECTED_HOLD, Skipped.REJECTED)
                self._write(counts)
        finally:
            admission.slot.clear()
            admission.slot.let_go()

    def spent(self, trunk: str) -> Spent:
        """Return what a trunk has used up today."""
        day = _of_day(self._read(), trunk, self._clock())
        return Spent(day["calls"], day["seconds"])

    async def orphans(self) -> list[Admission]:
        """Take the slots of calls that a killed process left; who gets them must end the calls. Raises as `admit` does.

        Mere reservations are freed: nothing was sent.
        """
        if not any(last_note(path) for path in self._paths()):
            return []
        found = []
        async with self._alone():
            for path in self._paths():
                if (slot := Slot.take(path)) is None:
                    continue
                note = slot.last()
                if note is None or CALL not in note:
                    slot.clear()
                    slot.let_go()
                else:
                    found.append(Admission(slot, str(note["trunk"]), str(note["number"]), float(note["reserved"])))
        return found

    def _slot(self, trunk: str, at_once: int, number: str) -> Slot:
        """Return a free slot of a trunk, if the number is called by nobody, over whatever trunk. Raises `Refusal`."""
        stem = quote(trunk, safe="").replace(".", "%2E")
        free, used, called = self._look([f"{stem}.{index}.call" for index in range(at_once)], stem, number)
        refusal = None
        if called:
            refusal = Refusal(Skipped.NUMBER_IN_USE, "it is being called")
        elif free is None or used >= at_once:
            refusal = Refusal(Skipped.CALLS_AT_ONCE, f"{used} calls are under way")
        if refusal is not None:
            if free is not None:
                free.let_go()
            raise refusal
        assert free is not None
        free.clear()
        return free

    def _look(self, wanted: list[str], stem: str, number: str) -> tuple[Slot | None, int, bool]:
        """Return a free slot of those wanted, how many of the trunk are used, and whether the number is called.

        An orphan counts: it is up until somebody ends it.
        """
        free, used, called = None, 0, False
        for name in sorted({*(path.name for path in self._paths()), *wanted}):
            path = self._folder / name
            slot, note = Slot.take(path), last_note(path) or {}
            is_free = slot is not None and CALL not in note
            if is_free and free is None and name in wanted:
                free = slot
                continue
            if slot is not None:
                slot.let_go()
            if not is_free:
                used += name.startswith(f"{stem}.")
                called = called or note.get("number") == number
        return free, used, called

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

    def _read(self) -> _Counts:
        with suppress(OSError, ValueError):
            counts = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(counts, dict) and {"days", "holds"} <= counts.keys():
                return counts
        return {"days": {}, "holds": {}}

    def _write(self, counts: _Counts) -> None:
        now = self._clock()
        counts["holds"] = {key: hold for key, hold in counts["holds"].items() if _counts_at(hold, now)}
        write_all({self._file: json.dumps(counts)})


def _key(trunk: str, number: str) -> str:
    return f"{trunk} {number}"


def _of_day(counts: _Counts, trunk: str, now: float) -> dict[str, Any]:
    """Return what a trunk has used up on this day; after a step back over midnight that is still yesterday's."""
    today = datetime.fromtimestamp(now, CLOCK).toordinal()
    day: dict[str, Any] = counts["days"].setdefault(trunk, {"day": today, "calls": 0, "seconds": 0.0})
    if today > day["day"] or today < day["day"] - 1:
        day.update(day=today, calls=0, seconds=0.0)
    return day


def _counts_at(hold: dict[str, Any], now: float) -> bool:
    return bool(hold["since"] <= now < hold["until"])


def _hold(counts: _Counts, whose: str, now: float, seconds: float, reason: Skipped) -> None:
    """Leave a trunk or number alone for some time, unless it is for longer already."""
    present = counts["holds"].get(whose)
    if present is None or not _counts_at(present, now) or present["until"] < now + seconds:
        counts["holds"][whose] = {"since": now, "until": now + seconds, "reason": str(reason)}


def _refuse_held(counts: _Counts, now: float, *keys: str) -> None:
    for key in keys:
        hold = counts["holds"].get(key)
        if hold is not None and _counts_at(hold, now):
            raise Refusal(Skipped(hold["reason"]), f"for another {hold['until'] - now:.0f} s")
