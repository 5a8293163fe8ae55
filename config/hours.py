"""When people may expect a service: weekly hours by the clock of the Netherlands, and public holidays. Pure.

Hours are written in a part of the notation of OpenStreetMap's `opening_hours`, in which every opening time of the
country is already known:

    24/7                                        always
    Mo-Fr 08:00-20:00; Sa 09:00-17:00; PH off   weekdays until eight, Saturdays until five, never on holidays
    Mo,We 09:00-12:00,13:00-17:00               two days, closed for lunch

Rules stand apart by `;`, and the last rule for a day holds. `PH` are public holidays; without a rule for them they are
days like any other. Times are local, so the hours of a Sunday on which the clock changes are one more or one less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from config.fields import shaped
from config.source import Strict, expected

ZONE = ZoneInfo("Europe/Amsterdam")
"""The zone of days, months and years, of service hours and working days."""
ALWAYS = "24/7"

Span = tuple[int, int]
"""[begin, end): minutes of a local day, or of Unix time, as the name of the value says."""

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_HOLIDAYS = "PH"
_RULE = re.compile(r"(?P<days>[A-Za-z,-]+) +(?P<times>off|[0-9:,-]+)")
_TIMES = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-4]):([0-5][0-9]))")
_WANTED = "opening hours such as 24/7 or 'Mo-Fr 08:00-20:00; Sa 09:00-17:00; PH off'"


def known_country(code: str) -> str:
    """Return the code of a country whose holidays are known. Raises a validation error for any other."""
    import holidays  # reads many modules

    if code not in holidays.list_supported_countries():
        raise expected("the code of a country whose holidays are known, such as NL")
    return code


class Holidays(Strict):
    """Public holidays, as the package `holidays` knows them.

    In the Netherlands 5 May is one in years that five divides; `optional` makes it one every year, and Good Friday too.
    The sources do not settle which days count, so the stricter set is the default: with a working day less, an
    announcement is due earlier.
    """

    country: Annotated[str, shaped("[A-Z]{2}", "two capital letters"), AfterValidator(known_country)] = "NL"
    optional: bool = Field(default=True, strict=True)

    def dates(self, years: list[int]) -> dict[date, str]:
        """Return the holidays of some years with their names."""
        import holidays

        calendar = holidays.country_holidays(self.country, years=years)
        categories = ["public"]
        if self.optional and "optional" in calendar.supported_categories:
            categories.append("optional")
        return dict(holidays.country_holidays(self.country, years=years, categories=tuple(categories)))

    def of_year(self, year: int) -> frozenset[date]:
        """Return the holidays of one year, quickly."""
        return _dates(self, year)


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly hours: the open spans of Monday to Sunday in minutes of the day, and of holidays (None: as any day)."""

    week: tuple[tuple[Span, ...], ...]
    holiday: tuple[Span, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read hours from their notation. Raises `ValueError` for anything else."""
        if text.strip() == ALWAYS:
            return cls((((0, 1440),),) * 7)
        open_on: dict[str, tuple[Span, ...]] = {}
        for rule in text.split(";"):
            match = _RULE.fullmatch(rule.strip())
            if match is None:
                raise ValueError(f"'{rule.strip()}' is no rule such as 'Mo-Fr 08:00-20:00' or 'PH off'")
            for day in _days(match["days"]):
                open_on[day] = _spans(match["times"])
        return cls(tuple(open_on.get(day, ()) for day in _DAYS), open_on.get(_HOLIDAYS))

    @property
    def always(self) -> bool:
        """Whether it never closes."""
        whole: tuple[Span, ...] = ((0, 1440),)
        return set(self.week) == {whole} and self.holiday in (None, whole)


@dataclass(frozen=True, slots=True)
class Opening:
    """Hours together with the holidays that they speak of."""

    hours: Hours
    holidays: Holidays

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield the open spans within [start, end), all in minutes of Unix time, in order; neighbours stay apart."""
        day = _local_day(start) - timedelta(days=1)
        while day <= _local_day(end):
            for begin, until in self._of(day):
                a, b = max(start, _minute(day, begin)), min(end, _minute(day, until))
                if a < b:  # the hour that the clock skips in March is no time at all
                    yield a, b
            day += timedelta(days=1)

    def closed(self, start: int, end: int) -> list[Span]:
        """Return the closed spans within [start, end), all in minutes of Unix time, in order."""
        if self.hours.always:
            return []
        found, at = [], start
        for begin, until in self.spans(start, end):
            if at < begin:
                found.append((at, begin))
            at = max(at, until)
        return [*found, (at, end)] if at < end else found

    def open_at(self, moment: float) -> bool:
        """Return whether it is open at a moment (Unix seconds)."""
        minute = int(moment // 60)
        return self.hours.always or not self.closed(minute, minute + 1)

    def _of(self, day: date) -> tuple[Span, ...]:
        if self.hours.holiday is not None and day in self.holidays.of_year(day.year):
            return self.hours.holiday
        return self.hours.week[day.weekday()]


def known_hours(text: str) -> str:
    """Return opening hours. Raises a validation error for anything else."""
    try:
        Hours.parse(text)
    except ValueError:
        raise expected(_WANTED) from None
    return text


OpeningHours = Annotated[str, AfterValidator(known_hours)]
"""Weekly hours as text; `Hours.parse` reads it."""


def _days(text: str) -> Iterator[str]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if part == _HOLIDAYS:
            yield part
        elif first in _DAYS and (last or first) in _DAYS:
            begin, end = _DAYS.index(first), _DAYS.index(last or first)
            yield from (_DAYS[index % 7] for index in range(begin, (end if end >= begin else end + 7) + 1))
        else:
            raise ValueError(f"'{part}' is no day such as Mo or Sa-Su or PH")


def _spans(text: str) -> tuple[Span, ...]:
    if text == "off":
        return ()
    spans: list[Span] = []
    for part in text.split(","):
        match = _TIMES.fullmatch(part)
        if match is None:
            raise ValueError(f"'{part}' is no time such as 08:00-20:00")
        begin, end = (int(match[index]) * 60 + int(match[index + 1]) for index in (1, 3))
        if not (spans[-1][1] if spans else 0) <= begin < end <= 1440:
            raise ValueError(f"'{part}' does not lie after what stands before it, within one day")
        spans.append((begin, end))
    return tuple(spans)


def _minute(day: date, minute: int) -> int:
    """Return a minute of a local day as Unix time // 60."""
    return int((datetime.combine(day, time(), ZONE) + timedelta(minutes=minute)).timestamp()) // 60


def _local_day(minute: int) -> date:
    return datetime.fromtimestamp(minute * 60, ZONE).date()


@lru_cache(maxsize=256)
def _dates(holidays: Holidays, year: int) -> frozenset[date]:
    return frozenset(holidays.dates([year]))
