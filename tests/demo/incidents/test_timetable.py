"""When each moment of an incident comes in its replay."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from config.hours import ZONE
from demo.incidents.timetable import timetable

MONDAY = datetime(2022, 11, 14, tzinfo=ZONE)
HOURS = st.lists(st.integers(0, 120), min_size=2, max_size=12, unique=True).map(sorted)


def at(hour: float) -> datetime:
    return MONDAY + timedelta(hours=hour)


def test_without_floors_moments_are_spread_evenly() -> None:
    """The beginning is 0, the end is the length, and the middle lies between."""
    times = timetable([at(0), at(36)], {}, 480)
    assert [times.second(at(hour)) for hour in (0, 18, 36)] == [0, 240, 480]
    assert times.moment(120) == at(9)


def test_a_short_stretch_gets_its_floor() -> None:
    """One hour of ten would be ten seconds of a hundred; it gets thirty, and the rest stays as it is."""
    times = timetable([at(0), at(4), at(5), at(10)], {at(4): 30.0}, 100)
    assert [times.second(at(hour)) for hour in (0, 4, 5, 10)] == [0, 40, 70, 120]


@given(HOURS, st.floats(1, 1000), st.floats(0, 60))
def test_time_goes_forward_and_can_be_read_back(hours: list[int], length: float, floor: float) -> None:
    """It is never shorter than asked for; every stretch has its floor; a moment put into seconds comes back."""
    events = [at(hour) for hour in hours]
    times = timetable(events, dict.fromkeys(events, floor), length)
    assert times.length >= length * (1 - 1e-9)
    for earlier, later in pairwise(events):
        assert times.second(later) - times.second(earlier) >= floor * (1 - 1e-9)
        middle = earlier + (later - earlier) / 2
        assert abs(times.moment(times.second(middle)) - middle) < timedelta(seconds=1)
