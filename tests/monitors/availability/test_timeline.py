"""Which kind of time each minute was, judged afterwards."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import Holidays, Hours, Opening
from monitors.availability.timeline import Recovered, Stretch, at_edges, timeline
from monitors.verdict import Window
from monitors.windows.calendars import FOREVER, ROUND_THE_CLOCK, AnnouncedWindow

NONE, PLANNED, OVERRUN, AFTERMATH, CLOSED = (
    *(Window.NONE, Window.PLANNED, Window.OVERRUN),
    *(Window.AFTERMATH, Window.CLOSED),
)


def window(start: float, end: float, kind: str = "planned", summary: str = "") -> AnnouncedWindow:
    """Return a window between two minutes, or parts of minutes."""
    return AnnouncedWindow(start * 60, end * 60, f"{kind}{start}", kind, ("website",), summary)  # type: ignore[arg-type]


def passes_at(*minutes: int) -> Recovered:
    """Return the answer of a system whose probes all pass in these minutes."""
    return lambda minute: min((each for each in minutes if each >= minute), default=None)


def of(*windows: AnnouncedWindow, recovered: Recovered = lambda minute: minute, end: int = 100) -> list[Stretch]:
    return timeline(0, end, windows, ROUND_THE_CLOCK, recovered)


def minute_of(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 60


def test_ordinary_time_is_one_stretch() -> None:
    assert of() == [(0, 100, NONE)]
    assert of(end=0) == []


def test_a_window_is_planned_from_its_first_to_its_last_minute() -> None:
    """It may begin before and end after what is asked for."""
    assert of(window(10, 20)) == [(0, 10, NONE), (10, 20, PLANNED), (20, 100, NONE)]
    assert of(window(-5, 20)) == [(0, 20, PLANNED), (20, 100, NONE)]
    assert of(window(50, 200)) == [(0, 50, NONE), (50, 100, PLANNED)]
    assert of(window(200, 300)) == [(0, 100, NONE)]


def test_a_minute_has_the_class_of_its_first_second() -> None:
    """A window from 10:30 to 20:30 holds at the beginning of the minutes 11 to 20."""
    assert of(window(10.5, 20.5)) == [(0, 11, NONE), (11, 21, PLANNED), (21, 100, NONE)]


def test_overrun_lasts_until_the_first_pass() -> None:
    """The minute in which the system proves to be back is ordinary; passes before the announced end prove nothing."""
    assert of(window(10, 20), recovered=passes_at(15, 26, 40)) == [
        *[(0, 10, NONE), (10, 20, PLANNED), (20, 26, OVERRUN), (26, 100, NONE)]
    ]
    assert of(window(10, 20), recovered=passes_at())[-1] == (20, 100, OVERRUN)
    assert of(window(10, 20), recovered=passes_at(20)) == of(window(10, 20))


def test_overrun_of_a_window_before_the_period_reaches_into_it() -> None:
    assert of(window(-20, -10), recovered=passes_at(7)) == [(0, 7, OVERRUN), (7, 100, NONE)]


def test_aftermath_goes_before_planned_and_planned_before_overrun() -> None:
    """A later announcement hides neither a repair nor its own time; after a repair there is no overrun."""
    found = of(window(10, 40), window(20, 30, "aftermath"), window(60, 70), recovered=passes_at(90))
    assert found == [
        *[(0, 10, NONE), (10, 20, PLANNED), (20, 30, AFTERMATH), (30, 40, PLANNED), (40, 60, OVERRUN)],
        *[(60, 70, PLANNED), (70, 90, OVERRUN), (90, 100, NONE)],
    ]
    assert of(window(10, 20, "aftermath"), recovered=passes_at()) == [
        *[(0, 10, NONE), (10, 20, AFTERMATH), (20, 100, NONE)]
    ]


def test_closed_hours_go_before_everything() -> None:
    """Saturday 28 and Sunday 29 March 2026, a Sunday of 23 hours: open on Saturdays from 09:00 to 17:00."""
    start, end = minute_of("2026-03-28T00:00+01:00"), minute_of("2026-03-30T00:00+02:00")
    opening = Opening(Hours.parse("Sa 09:00-17:00"), Holidays())
    work = window(start + 8 * 60, start + 10 * 60)
    found = timeline(start, end, [work, window(start, end, "closed")], opening, passes_at())
    assert found == [(start, end, CLOSED)]
    found = timeline(start, end, [work], opening, passes_at())
    assert [(b - a, kind) for a, b, kind in found] == [
        *[(9 * 60, CLOSED), (60, PLANNED), (7 * 60, OVERRUN), ((7 + 23) * 60, CLOSED)]
    ]


def test_noted_hours_hold_from_their_start() -> None:
    """Round the clock before the first that were noted; the last ones that started hold."""
    monday = minute_of("2026-03-02T00:00+01:00")
    day = 1440
    hours = [
        window(monday + day, FOREVER / 60, "hours", "Mo-Su 08:00-20:00"),
        window(monday + 3 * day, FOREVER / 60, "hours", "24/7"),
    ]
    found = timeline(monday, monday + 4 * day, hours, Opening(Hours.parse("Mo off"), Holidays()), passes_at())
    shape = [((a - monday) / 60, (b - monday) / 60) for a, b, kind in found if kind is CLOSED]
    assert shape == [(24, 32), (44, 56), (68, 72)]


def test_recovery_is_asked_for_windows_that_ended() -> None:
    asked: list[int] = []

    def recovered(minute: int) -> int:
        asked.append(minute)
        return minute

    of(window(10, 20), window(30, 40, "aftermath"), window(90, 100), window(95, 120), recovered=recovered)
    assert asked == [20]


spans = st.tuples(st.integers(-20, 120), st.integers(1, 60), st.sampled_from(["planned", "aftermath", "closed"]))


@given(st.lists(spans, max_size=6), st.lists(st.integers(0, 120), max_size=4))
def test_every_minute_has_the_class_that_its_windows_give(given: list[tuple[int, int, str]], passes: list[int]) -> None:
    """Against the definition, minute by minute; stretches have no gaps, and neighbours differ."""
    windows = [window(start, start + length, kind) for start, length, kind in given]
    recovered = passes_at(*passes)
    found = of(*windows, recovered=recovered)
    assert [found[0][0], found[-1][1]] == [0, 100]
    assert all(a[1] == b[0] and a[2] is not b[2] for a, b in pairwise(found))
    for start, end, kind in found:
        for minute in range(start, end):
            running = {each.kind for each in windows if each.start <= minute * 60 < each.end}
            late = any(
                each.kind == "planned"
                and each.end <= minute * 60
                and ((back := recovered(int(each.end // 60))) is None or minute < back)
                for each in windows
            )
            expected = next((Window(each) for each in ("closed", "aftermath", "planned") if each in running), None)
            assert kind is (expected or (OVERRUN if late else NONE)), minute


@given(st.lists(st.integers(-10, 110), max_size=6))
def test_cutting_changes_no_minute(edges: list[int]) -> None:
    """Every edge within becomes one; what was a class stays one."""
    whole = of(window(10, 40), window(30, 50, "aftermath"))
    cut = at_edges(whole, edges)
    assert {a for a, _, _ in cut} == {0, 10, 30, 50, *(edge for edge in edges if 0 <= edge < 100)}
    assert [kind for a, b, kind in cut for _ in range(a, b)] == [kind for a, b, kind in whole for _ in range(a, b)]
    assert at_edges([], edges) == []


@pytest.mark.parametrize("kind", ["planned", "aftermath", "closed"])
def test_a_window_that_is_added_changes_the_minutes_that_it_covers(kind: str) -> None:
    """And no others, where the system is up."""
    before, after = of(window(10, 40)), of(window(10, 40), window(35, 45, kind))
    changed = [
        minute
        for minute in range(100)
        if next(k for a, b, k in before if a <= minute < b) is not next(k for a, b, k in after if a <= minute < b)
    ]
    assert set(changed) == set(range(40, 45) if kind == "planned" else range(35, 45))
