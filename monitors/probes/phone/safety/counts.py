"""What is counted of calls: accounts by trunk and date, and until when a trunk or a number is left alone.

Nothing here waits or reads a clock: time is Unix time, and an argument. The clock may have stepped:

    accounts    each date has its own, and the last few that were used are kept: a clock that was ahead for a while, and
                is right again, finds today's account as it was. What was called while it was at most a day ahead counts
                for today as well: it was called just now
    holds       one that begins in the future holds for no longer than it was meant to, and so twice that in all
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import NoReturn, Self
from zoneinfo import ZoneInfo

from monitors.probes.phone.safety.numbers import Skipped

CLOCK = ZoneInfo("Europe/Amsterdam")
"""By which a day begins."""
DATES_KEPT = 8
"""Accounts of a trunk that are kept."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a trunk has used up on a day."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a trunk or a number is left alone, and from when until when."""

    since: float
    until: float
    reason: Skipped

    def counts_at(self, now: float) -> bool:
        """Tell whether it holds at that time."""
        return self.since - (self.until - self.since) <= now < self.until


class Counts:
    """Accounts and holds."""

    def __init__(self) -> None:
        self._dates: dict[str, dict[str, Spent]] = {}  # by trunk; the date that was used last stands last
        self._holds: dict[str, Hold] = {}

    def spent(self, trunk: str, now: float) -> Spent:
        """Return what a trunk has used up today."""
        dates, today = self._dates.get(trunk, {}), date.fromisoformat(date_of(now))
        ahead = today + timedelta(days=1)
        accounts = [dates.get(day.isoformat(), Spent()) for day in (today, ahead)]
        return Spent(sum(each.calls for each in accounts), sum(each.seconds for each in accounts))

    def charge(self, trunk: str, day: str, *, calls: int = 0, seconds: float = 0.0) -> None:
        """Put calls and seconds to the account of a date; negative ones give back."""
        dates = self._dates.setdefault(trunk, {})
        before = dates.pop(day, Spent())
        dates[day] = Spent(max(0, before.calls + calls), max(0.0, before.seconds + seconds))
        while len(dates) > DATES_KEPT:
            del dates[next(iter(dates))]

    def hold(self, whose: str, hold: Hold) -> None:
        """Leave a trunk or a number alone, unless it is for longer already."""
        present = self._holds.get(whose)
        if present is None or not present.counts_at(hold.since) or present.until < hold.until:
            self._holds[whose] = hold

    def held(self, whose: str, now: float) -> Hold | None:
        """Return what holds a trunk or a number now."""
        hold = self._holds.get(whose)
        return hold if hold is not None and hold.counts_at(now) else None

    def text(self, now: float) -> str:
        """Return it as JSON, without holds that are over."""
        holds = {whose: asdict(hold) for whose, hold in self._holds.items() if hold.counts_at(now)}
        dates = {trunk: {day: asdict(each) for day, each in of.items()} for trunk, of in self._dates.items()}
        return json.dumps({"dates": dates, "holds": holds})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from JSON. Raises `ValueError` for what is something else."""
        counts = cls()
        try:
            found = json.loads(text, parse_constant=_no_number)
            for trunk, dates in found["dates"].items():
                counts._dates[trunk] = {
                    day: Spent(int(each["calls"]), float(each["seconds"])) for day, each in dates.items()
                }
            for whose, each in found["holds"].items():
                counts._holds[whose] = Hold(float(each["since"]), float(each["until"]), Skipped(each["reason"]))
        except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"no counts: {error}") from None
        return counts


def date_of(now: float) -> str:
    """Return the date on which calls of this moment count."""
    return datetime.fromtimestamp(now, CLOCK).date().isoformat()


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
