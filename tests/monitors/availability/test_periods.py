"""Days, months, quarters and years of Europe/Amsterdam."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import ZONE
from monitors.availability.periods import EXAMPLES, Unit, calendar, split


@pytest.mark.parametrize(
    ("unit", "text", "first", "hours"),
    [
        ("day", "2026-03-28", "2026-03-28T00:00+01:00", 24),
        ("day", "2026-03-29", "2026-03-29T00:00+01:00", 23),
        ("day", "2026-10-25", "2026-10-25T00:00+02:00", 25),
        ("month", "2026-02", "2026-02-01T00:00+01:00", 28 * 24),
        ("month", "2026-03", "2026-03-01T00:00+01:00", 31 * 24 - 1),
        ("month", "2026-10", "2026-10-01T00:00+02:00", 31 * 24 + 1),
        ("quarter", "2026-Q1", "2026-01-01T00:00+01:00", 90 * 24 - 1),
        ("quarter", "2026-Q2", "2026-04-01T00:00+02:00", 91 * 24),
        ("quarter", "2026-Q4", "2026-10-01T00:00+02:00", 92 * 24 + 1),
        ("year", "2026", "2026-01-01T00:00+01:00", 365 * 24),
        ("year", "2028", "2028-01-01T00:00+01:00", 366 * 24),
    ],
)
def test_a_period_of_the_calendar(unit: Unit, text: str, first: str, hours: int) -> None:
    """It begins at local midnight; clock changes make days of 23 and 25 hours."""
    period = calendar(unit, text)
    assert (period.name, period.start * 60, period.minutes) == (
        text,
        datetime.fromisoformat(first).timestamp(),
        hours * 60,
    )


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        *[("day", "2026-02-29"), ("day", "2026-3-1"), ("day", "yesterday"), ("month", "2026-13"), ("month", "2026")],
        *[("quarter", "2026-Q5"), ("quarter", "Q1"), ("year", "26"), ("year", "0000"), ("year", "9999")],
    ],
)
def test_what_is_no_period_is_refused(unit: Unit, text: str) -> None:
    with pytest.raises(ValueError, match=f"expected a {unit} such as {EXAMPLES[unit]}, not {text!r}"):
        calendar(unit, text)


@pytest.mark.parametrize(
    ("unit", "count", "first", "last"),
    [
        ("day", 365, "2026-01-01", "2026-12-31"),
        ("month", 12, "2026-01", "2026-12"),
        ("quarter", 4, "2026-Q1", "2026-Q4"),
        ("year", 1, "2026", "2026"),
    ],
)
def test_a_year_in_parts(unit: Unit, count: int, first: str, last: str) -> None:
    year = calendar("year", "2026")
    parts = list(split(year.start, year.end, unit))
    assert (len(parts), parts[0].name, parts[-1].name) == (count, first, last)


@given(st.integers(0, 60_000_000), st.integers(1, 200_000), st.sampled_from(["day", "month", "quarter", "year"]))
def test_parts_have_no_gaps_and_begin_at_midnight(start: int, length: int, unit: Unit) -> None:
    """Whatever the period: the first and the last part are cut to it, all others are whole."""
    parts = list(split(start, start + length, unit))
    assert (parts[0].start, parts[-1].end) == (start, start + length)
    assert all(a.end == b.start for a, b in pairwise(parts))
    for part in parts[1:-1]:
        assert part == calendar(unit, part.name)
    for part in parts[1:]:
        assert datetime.fromtimestamp(part.start * 60, ZONE).strftime("%H:%M") == "00:00"
