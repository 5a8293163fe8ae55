"""Times that the clock shows twice, in logs whose lines are late or seldom, whatever comes together."""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate, cycle, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sources.clock import LogClock

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BEGIN = int(datetime(2026, 10, 25, 1, tzinfo=AMSTERDAM).timestamp())
END = BEGIN + 4 * 3600
"""04:00, an hour after the hour that comes twice."""


def shown(moment: int) -> str:
    return datetime.fromtimestamp(moment, AMSTERDAM).replace(tzinfo=None).isoformat()


def read(moments: list[int]) -> tuple[list[float], list[str]]:
    """Return what is read of the times that the clock shows at these moments, and what is told."""
    clock = LogClock(AMSTERDAM)
    return [clock.read(shown(moment)) for moment in moments], clock.doubts()


def every(gaps: list[int]) -> list[int]:
    """Return moments from 01:00 to 04:00 with these gaps, again and again."""
    return list(takewhile(lambda moment: moment < END, accumulate(cycle(gaps), initial=BEGIN)))


@pytest.mark.parametrize(("longest", "latest"), [(60, 45 * 60 - 1), (15 * 60, 5 * 60)])
@given(st.data())
def test_lines_may_be_late_where_others_come_often(longest, latest, data):
    """One a minute is written at once, any number up to 45 minutes later; or one in 15 minutes, and up to 5 later."""
    prompt = every(data.draw(st.lists(st.integers(1, longest), min_size=1, max_size=20)))
    late = st.tuples(st.integers(BEGIN + 1, END), st.integers(0, latest))
    written = [(moment, 0) for moment in prompt] + data.draw(st.lists(late, max_size=50))
    moments = [moment - lateness for moment, lateness in sorted(written)]
    assert read(moments)[0] == moments


@given(st.lists(st.integers(1, 54 * 60), min_size=1, max_size=20))
def test_a_log_in_order_of_time_is_read_exactly_or_it_is_told(gaps):
    """However long it is silent, if that is not an hour, after which the clock shows the same."""
    moments = every(gaps)
    found, told = read(moments)
    assert found == moments or told


@given(st.lists(st.tuples(st.integers(BEGIN + 1, END), st.integers(0, 3600)), max_size=100))
def test_lines_however_late_spoil_no_others_or_it_is_told(late):
    """A line every five seconds is written at once, others up to an hour later."""
    written = sorted([*((moment, 0) for moment in every([5])), *late])
    found, told = read([moment - lateness for moment, lateness in written])
    right = [moment == taken for (moment, lateness), taken in zip(written, found, strict=True) if not lateness]
    assert all(right) or told


def test_a_restart_while_the_clock_goes_back_is_known_and_a_longer_silence_told():
    """A line a second, and none for a quarter of an hour; or for twenty minutes, which is as if lines were late."""
    for silent, exact in ((15, True), (20, False)):
        moments = [moment for moment in every([1]) if not 6600 <= moment - BEGIN < 6600 + 60 * silent - 1]
        found, told = read(moments)
        assert (found == moments) is exact
        assert bool(told) is not exact
