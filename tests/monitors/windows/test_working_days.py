"""Working days of the Netherlands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Configuration
from config.hours import Holidays
from monitors.windows.working_days import is_working_day, working_day

STRICT, USUAL = Holidays(), Holidays(optional=False)
ONE = timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "holidays", "works"),
    [
        ("2026-05-04", STRICT, True),
        ("2026-05-05", STRICT, False),  # five does not divide 2026
        ("2026-05-05", USUAL, True),
        ("2025-05-05", USUAL, False),
        ("2026-04-03", STRICT, False),  # Good Friday
        ("2026-04-27", STRICT, False),  # the King's birthday
        ("2026-05-09", STRICT, False),  # a Saturday
    ],
)
def test_who_works_when(day: str, holidays: Holidays, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day), holidays) is works


def test_ten_working_days_before_work_on_sunday_10_may_2026() -> None:
    """23 April: without 5 May and the King's birthday. The usual set of holidays would allow a day more."""
    assert working_day(date(2026, 5, 10), -10, STRICT) == date(2026, 4, 23)
    assert working_day(date(2026, 5, 10), -10, USUAL) == date(2026, 4, 24)


days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@given(days, st.integers(1, 60))
def test_there_and_back(day: date, distance: int) -> None:
    """The tenth working day after a day is one, and as many lie up to it from the next day on; the same backwards."""
    after, before = working_day(day, distance, STRICT), working_day(day, -distance, STRICT)
    assert is_working_day(after, STRICT)
    assert is_working_day(before, STRICT)
    for first, last in ((day + ONE, after), (before, day - ONE)):
        between = [first + ONE * number for number in range((last - first).days + 1)]
        assert sum(is_working_day(each, STRICT) for each in between) == distance
    assert working_day(day, 0, STRICT) == day


def test_office_hours_are_those_of_the_owner(configuration: Configuration) -> None:
    """Thursday 23 April 2026 at 16:59:59 and 17:00, and the King's birthday at noon, by the clock of Amsterdam."""
    office = configuration.office_hours("website")
    moments = [datetime(2026, 4, 23, 14, 59, 59, tzinfo=UTC), datetime(2026, 4, 23, 15, tzinfo=UTC)]
    moments.append(datetime(2026, 4, 27, 10, tzinfo=UTC))
    assert [office.open_at(moment.timestamp()) for moment in moments] == [True, False, False]
