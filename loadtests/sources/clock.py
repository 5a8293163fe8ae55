"""Times as files have them: with an offset, or only what the clock shows, an hour of it twice when summer time ends."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from config.recording import unix

NEVER = -math.inf
"""When the line before was, where there is none."""


class LocalClock:
    """Reads the times of one file; those without an offset are what the clock shows in `zone`.

    Of a time that it shows twice the first counts, unless the line before is `late` seconds or more after that.
    Before the first line stands the end of the file before, `earlier` (Unix seconds), if the two are in order of time.
    `doubt` says what was taken where a file begins at such a time and it may be otherwise.
    """

    def __init__(self, zone: ZoneInfo | None, *, late: float = 0.0, earlier: float = NEVER) -> None:
        self.doubt = ""
        self._zone = zone
        self._late = late
        self._earlier = earlier

    def read(self, text: str, before: float) -> float:
        """Return Unix seconds for ISO 8601. `before` are those of the line before.

        Raises `ValueError` (found, expected).
        """
        try:
            written = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"the time {text[:40]!r}", "a time such as 2026-03-01T07:00:00+01:00") from None
        if written.utcoffset() is not None:
            return unix(written)
        if self._zone is None:
            raise ValueError(f"the time {text[:40]!r} without an offset", "an offset such as +01:00, or --zone")
        first, second = (unix(written.replace(tzinfo=self._zone, fold=fold)) for fold in (0, 1))
        if second < first:
            raise ValueError(f"the time {text[:40]!r}", f"a time that the clock shows in {self._zone.key}")
        if first < second and before == NEVER:
            return self._begin(text, first, second)
        if first > before - self._late:
            return first
        if first < second and not self._late:  # in order, the clock went back only here
            self.doubt = ""
        return second

    def _begin(self, text: str, first: float, second: float) -> float:
        """Return the one of two moments at which the file begins."""
        told = NEVER < self._earlier <= second + self._late
        if told and first > self._earlier - self._late:
            return first
        taken = "second, as the log before it ends after the first" if told else "first, as nothing before it tells"
        self.doubt = f"begins at {text}, which the clock shows twice: taken for the {taken}"
        return second if told else first
