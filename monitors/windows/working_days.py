"""Working days: Monday to Friday without public holidays. Pure.

Ten of them lie between an announcement and the work that it announces (2022-12-douane-communication-protocol). Which
holidays count is configuration (`config.hours.Holidays`); office hours are `Configuration.office_hours`.
"""

from __future__ import annotations

from datetime import date, timedelta

from config.hours import Holidays

SATURDAY = 5


def is_working_day(day: date, holidays: Holidays) -> bool:
    """Tell whether people work on that day."""
    return day.weekday() < SATURDAY and day not in holidays.of_year(day.year)


def working_day(day: date, distance: int, holidays: Holidays) -> date:
    """Return the working day so many working days after `day`, or before it where `distance` is below 0.

    The day itself is not counted, so ten working days before Sunday 10 May 2026 is Thursday 23 April. With a distance
    of 0 it is `day`, whatever it is.
    """
    step = timedelta(days=1 if distance > 0 else -1)
    left = abs(distance)
    while left:
        day += step
        left -= is_working_day(day, holidays)
    return day
