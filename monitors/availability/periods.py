"""Days, months, quarters and years of the Dutch calendar as moments, exactly, clock changes and all. Pure.

A day of the calendar begins at midnight in Europe/Amsterdam, so the Sundays of the clock change have 23 and 25 hours,
the first quarter an hour less than its days, the fourth one more. Rolling periods are lengths: 30 days are 720 hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from config.hours import ZONE

Unit = Literal["day", "month", "quarter", "year"]

_SHAPES: dict[Unit, str] = {
    "day": r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)",
    "month": r"(?P<year>\d{4})-(?P<month>\d\d)",
    "quarter": r"(?P<year>\d{4})-Q(?P<quarter>[1-4])",
    "year": r"(?P<year>\d{4})",
}
EXAMPLES: dict[Unit, str] = {"day": "2026-03-29", "month": "2026-03", "quarter": "2026-Q1", "year": "2026"}
_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in minutes of Unix time, and what people call it."""

    name: str
    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long it is."""
        return self.end - self.start


def calendar(unit: Unit, text: str) -> Period:
    """Return the day, month, quarter or year that `text` names. Raises `ValueError` for anything else."""
    match = re.fullmatch(_SHAPES[unit], text)
    if match is None:
        raise ValueError(f"expected a {unit} such as {EXAMPLES[unit]}, not {text!r}")
    parts = {name: int(value) for name, value in match.groupdict().items()}
    try:
        month = parts.get("month", parts.get("quarter", 1) * 3 - 2)
        return _period(unit, date(parts["year"], month, parts.get("day", 1)))
    except (ValueError, OverflowError):
        raise ValueError(f"expected a {unit} such as {EXAMPLES[unit]}, not {text!r}") from None


def split(start: int, end: int, unit: Unit) -> Iterator[Period]:
    """Yield the calendar's units that [start, end) touches, each cut to what lies within; minutes of Unix time."""
    day = datetime.fromtimestamp(start * 60, ZONE).date()
    if unit != "day":
        day = day.replace(day=1, month=(day.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1)
    while start < end:
        whole = _period(unit, day)
        yield Period(whole.name, max(start, whole.start), min(end, whole.end))
        start, day = whole.end, _following(unit, day)


def midnight(day: date) -> int:
    """Return the minute of Unix time at which a day begins."""
    return int(datetime.combine(day, time(), ZONE).timestamp()) // 60


def _period(unit: Unit, first: date) -> Period:
    return Period(_name(unit, first), midnight(first), midnight(_following(unit, first)))


def _following(unit: Unit, first: date) -> date:
    if unit == "day":
        return first + timedelta(days=1)
    months = first.month - 1 + _MONTHS[unit]
    return date(first.year + months // 12, months % 12 + 1, 1)


def _name(unit: Unit, first: date) -> str:
    if unit == "quarter":
        return f"{first.year:04}-Q{(first.month + 2) // 3}"
    return first.isoformat()[: {"day": 10, "month": 7, "year": 4}[unit]]
