"""Opening hours and holidays: by the clock of the Netherlands, on every day of the year."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import ALWAYS, ZONE, Holidays, Hours, Opening


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) // 60


def opening(text: str, *, optional: bool = True) -> Opening:
    return Opening(Hours.parse(text), Holidays(optional=optional))


def spans(text: str, day: str, days: int = 1) -> list[str]:
    """Return the open spans that begin on some days, as people write them."""
    start = minute(day)
    found = opening(text).spans(start, start + days * 1440)
    return [
        f"{datetime.fromtimestamp(a * 60, ZONE):%a %H:%M}-{datetime.fromtimestamp(b * 60, ZONE):%H:%M}"
        for a, b in found
    ]


def test_weekly_hours() -> None:
    """Thursday 12 to Sunday 15 March 2026."""
    assert spans("Mo-Fr 08:00-20:00; Sa 09:00-17:00", "2026-03-12", 4) == [
        *["Thu 08:00-20:00", "Fri 08:00-20:00", "Sat 09:00-17:00"]
    ]
    assert spans("Th,Sa-Su 09:00-12:00,13:00-24:00", "2026-03-12") == ["Thu 09:00-12:00", "Thu 13:00-00:00"]
    assert spans("Fr-Mo 10:00-11:00", "2026-03-12", 4) == ["Fri 10:00-11:00", "Sat 10:00-11:00", "Sun 10:00-11:00"]


def test_the_last_rule_for_a_day_holds() -> None:
    assert spans("Mo-Su 08:00-20:00; Fr off; Th 10:00-11:00", "2026-03-12", 2) == ["Thu 10:00-11:00"]


def test_holidays_are_days_like_any_other_unless_a_rule_says_otherwise() -> None:
    """Good Friday and Easter Monday of 2026, 3 and 6 April."""
    assert spans("Mo-Fr 08:00-20:00", "2026-04-03", 4) == ["Fri 08:00-20:00", "Mon 08:00-20:00"]
    assert spans("Mo-Fr 08:00-20:00; PH off", "2026-04-03", 4) == []
    assert spans("Mo-Fr 08:00-20:00; PH 10:00-12:00", "2026-04-03", 4)[0] == "Fri 10:00-12:00"


def test_the_stricter_set_of_holidays_is_the_default() -> None:
    """5 May of a year that five does not divide, and Good Friday."""
    strict, usual = Holidays().dates([2026]), Holidays(optional=False).dates([2026])
    assert {date(2026, 4, 3), date(2026, 5, 5)} <= set(strict)
    assert date(2026, 5, 5) not in usual
    assert date(2025, 5, 5) in Holidays(optional=False).dates([2025])


@pytest.mark.parametrize(("day", "open_for"), [("2026-03-22", 480), ("2026-03-29", 420), ("2026-10-25", 540)])
def test_the_sundays_of_the_clock_change(day: str, open_for: int) -> None:
    """From 00:00 to 08:00 it is 8, 7 or 9 hours."""
    start = minute(day)
    assert [b - a for a, b in opening("Su 00:00-08:00").spans(start, start + 600)] == [open_for]


def test_hours_that_the_clock_skips_are_no_time() -> None:
    """On 29 March 2026 there is no time from 02:00 to 03:00."""
    start = minute("2026-03-29")
    assert list(opening("Su 02:00-03:00").spans(start, start + 600)) == []
    assert opening("Su 02:00-03:00").closed(start, start + 600) == [(start, start + 600)]


def test_round_the_clock_never_closes() -> None:
    for text in (ALWAYS, "Mo-Su 00:00-24:00", "Mo-Su 00:00-24:00; PH 00:00-24:00"):
        assert opening(text).hours.always
        assert opening(text).closed(0, 10_000_000) == []
    assert not opening("Mo-Su 00:00-24:00; PH off").hours.always


def test_whether_it_is_open_at_a_moment() -> None:
    """The first minute is within, the last one is not."""
    hours = opening("Mo-Fr 08:00-17:00")
    moments = ("2026-03-12T07:59:59", "2026-03-12T08:00", "2026-03-12T16:59:59", "2026-03-12T17:00")
    found = [hours.open_at(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) for text in moments]
    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        *["", "always", "8-20", "Mo-Fr", "Mo-Fr 8:00-20:00", "Mo-Fr 08:00", "Mo-Xx 08:00-20:00", "Mo 20:00-08:00"],
        *["Mo 08:00-24:01", "Mo 08:60-09:00", "Mo 08:00-12:00,11:00-13:00", "Mo 08:00-20:00;", "PH-Mo 08:00-20:00"],
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|does not lie"):
        Hours.parse(text)


texts = st.sampled_from(
    ["Mo-Fr 08:00-20:00; Sa 09:00-17:00; PH off", "Mo,We 09:00-12:00,13:00-24:00; Su 00:00-04:00", "24/7", "PH off"]
)


@given(texts, st.integers(29_000_000, 30_000_000), st.integers(0, 30_000))
def test_open_and_closed_spans_fill_the_time(text: str, start: int, length: int) -> None:
    """They have no gaps and do not overlap, whatever the period."""
    end = start + length
    found = sorted([*opening(text).spans(start, end), *opening(text).closed(start, end)])
    assert all(a < b for a, b in found)
    at = start
    for a, b in found:
        assert a == at
        at = b
    assert at == end
