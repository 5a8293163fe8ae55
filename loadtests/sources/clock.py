"""Times as files have them: with an offset, or only what the clock shows, an hour of it twice when summer time ends."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime
from zoneinfo import ZoneInfo

from config.recording import unix

NEVER = -math.inf
"""When the line before was, where there is none."""

LATE = 300.0
"""Seconds by which a line may be late in any log: it may bear the time of a request and is written after the answer,
for which servers seldom wait longer."""

QUIET = 900.0
"""Seconds for which any log may be silent, even one with many lines: a server starts again."""

FEW = 15
"""Lines of a log after which it may be silent for as long as all of them took, if that is more than `QUIET`: with fewer
than one a minute. By chance it is silent for longer once in 16,000 lines."""


class RowClock:
    """Reads the times of rows in order: of two moments that the clock shows alike the first after the row before.

    `doubt` says what was taken where the rows begin with such a time and none of them tells.
    """

    def __init__(self, zone: ZoneInfo | None) -> None:
        self.doubt = ""
        self._zone = zone

    def read(self, text: str, before: float) -> float:
        """Return Unix seconds for ISO 8601. `before` are those of the row before, or `NEVER`.

        Raises `ValueError` (found, expected).
        """
        first, second = _moments(text, self._zone)
        if first == second:
            return first
        if before == NEVER:
            self.doubt = _beginning(text, "first, as nothing before it tells")
        if first > before:
            return first
        self.doubt = ""  # the clock went back only here
        return second


class LogClock:
    """Reads the times of logs that follow each other, in which lines may be late.

    Of two moments that the clock shows alike the first counts if it is at most `LATE` seconds before the latest so far,
    or if the second is further after that than the log may be silent: `QUIET` seconds, or as long as its last `FEW`
    lines took. So a log with a line a minute is read exactly although others are up to 45 minutes late, and one with a
    line every 15 minutes if they are up to five. Beyond `LATE` and `QUIET` it is a guess, and told.
    """

    def __init__(self, zone: ZoneInfo | None) -> None:
        self._zone = zone
        self._latest = NEVER
        self._recent: deque[float] = deque(maxlen=FEW)
        self.begin()

    def begin(self) -> None:
        """Begin with the next log."""
        self._begins = True
        self._doubt = ""
        self._guess = ""
        self._guesses = [0, 0]

    def read(self, text: str) -> float:
        """Return Unix seconds for ISO 8601. Raises `ValueError` (found, expected)."""
        first, second = _moments(text, self._zone)
        if self._begins and self._latest > second + QUIET:  # logs are not in order of time, and do not tell
            self._latest = NEVER
            self._recent.clear()
        moment = first if first == second else self._choose(text, first, second)
        self._begins = False
        self._latest = max(self._latest, moment)
        self._recent.append(self._latest)
        return moment

    def doubts(self) -> list[str]:
        """Return what was taken in this log where it may be otherwise."""
        first, second = self._guesses
        what = "in the hour that the clock shows twice that come late or after a silence"
        taken = f"{first:,} taken for the first, {second:,} for the second"
        guesses = f"has {first + second:,} lines {what}, such as {self._guess}: {taken}"
        return [*filter(None, [self._doubt]), *([guesses] if self._guess else [])]

    def _choose(self, text: str, first: float, second: float) -> float:
        latest = self._latest
        silence = max(QUIET, latest - self._recent[0]) if self._recent else QUIET
        moment = first if first >= latest - LATE or second > latest + silence else second
        certain = latest - LATE <= moment <= latest + QUIET
        if self._begins:
            if not certain or moment == second:  # beside the log before there may be another one of the same time
                self._doubt = _beginning(text, f"{'first' if moment == first else 'second'}, as {self._before()}")
        elif not certain:
            self._guess = self._guess or text
            self._guesses[moment == second] += 1
        return moment

    def _before(self) -> str:
        if self._latest == NEVER:
            return "nothing before it tells"
        return f"the log before it ends at {datetime.fromtimestamp(self._latest, self._zone).isoformat()}"


def _moments(text: str, zone: ZoneInfo | None) -> tuple[float, float]:
    """Return both moments that ISO 8601 stands for, in Unix seconds; nearly always they are the same.

    Raises `ValueError` (found, expected).
    """
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"the time {text[:40]!r}", "a time such as 2026-03-01T07:00:00+01:00") from None
    if written.utcoffset() is not None:
        moment = unix(written)
        return moment, moment
    if zone is None:
        raise ValueError(f"the time {text[:40]!r} without an offset", "an offset such as +01:00, or --zone")
    first, second = (unix(written.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if second < first:
        raise ValueError(f"the time {text[:40]!r}", f"a time that the clock shows in {zone.key}")
    return first, second


def _beginning(text: str, taken: str) -> str:
    return f"begins at {text}, which the clock shows twice: taken for the {taken}"
