"""The published figures: sums first, ratios last, and nothing from nothing."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitors.availability.accounting import RULE, Account, Chain, Counts, account, runs_out
from monitors.availability.timeline import Stretch
from monitors.verdict import Window

Row = tuple[int, Window, Counts]
"""So many minutes of one class, and what was counted in them."""

numbers = st.integers(0, 1000)
counted = st.builds(
    lambda good, bad, unknown, lost: Counts(good, bad, unknown, good + bad + unknown + lost),
    *[numbers] * 4,
)
rows = st.lists(st.tuples(st.integers(1, 100), st.sampled_from(list(Window)), counted), max_size=12)


def row(good: int = 0, bad: int = 0, window: Window = Window.NONE, unknown: int = 0, lost: int = 0) -> Row:
    return 1, window, Counts(good, bad, unknown, good + bad + unknown + lost)


def of(*given: Row, target: float = 99.9, floor: float = 0.0) -> Account:
    stretches: list[Stretch] = []
    for minutes, window, _ in given:
        start = stretches[-1][1] if stretches else 0
        stretches.append((start, start + minutes, window))
    return account("website", target, floor, stretches, [counts for _, _, counts in given])


def of_length(minutes: int, good: int, bad: int, ahead: int = 0) -> Account:
    counts = Counts(good, bad, 0, good + bad)
    rest = [(minutes, minutes + ahead, Window.NONE)]
    return account("website", 99.9, 0, [(0, minutes, Window.NONE)], [counts], rest)


def test_thirty_days_allow_43_2_minutes() -> None:
    """The figures of the objective: 43.2 minutes in 30 days, 525.6 in a year (2024-06-ict-progress-letter)."""
    assert of_length(30 * 1440, 1, 0).budget_minutes == pytest.approx(43.2)
    assert of_length(100 * 1440, 1, 0, ahead=265 * 1440).budget_minutes == pytest.approx(525.6)


def test_a_target_that_is_met_exactly_is_met() -> None:
    """999 of 1,000 is 99.9 %: nothing of the budget is left, and nothing is overspent."""
    assert of_length(43_200, 999, 1).met is True
    assert of_length(43_200, 999, 1).budget_left == pytest.approx(0)
    assert of_length(43_200, 998, 1).met is False
    assert of_length(43_200, 1000, 0).budget_left == 1
    assert of_length(43_200, 998, 2).budget_left == pytest.approx(-1)
    assert of_length(43_200, 998, 2).budget_minutes_left == pytest.approx(-43.2)


def test_the_budget_of_a_year_is_that_of_the_whole_year() -> None:
    """After 100 days with 99.8 %, 288 of 525.6 minutes are spent, although the objective is not met so far."""
    found = of_length(100 * 1440, 998, 2, ahead=265 * 1440)
    assert found.met is False
    assert found.spent_minutes == pytest.approx(288)
    assert found.budget_minutes_left == pytest.approx(237.6)


def test_no_data_is_no_figure() -> None:
    """Neither an empty record nor runs without a verdict give an availability; both show as missing coverage."""
    empty = of()
    assert (empty.including_planned, empty.excluding_planned, empty.coverage, empty.met) == (None, None, None, None)
    assert (empty.budget_left, empty.budget_minutes_left) == (None, None)
    blind = of(row(unknown=3, lost=5))
    assert (blind.including_planned, blind.met, blind.coverage) == (None, None, 0.0)
    assert of(row(good=5, window=Window.PLANNED)).met is None
    assert Chain("website").excluding_planned is None


def test_below_the_floor_a_figure_is_shown_but_not_judged() -> None:
    """899 of 1,000 runs with a verdict are too few for a floor of 90 %, 900 are enough; whatever the figure is."""
    few, enough = of(row(good=899, lost=101), floor=90), of(row(good=900, lost=100), floor=90)
    assert (few.excluding_planned, few.met, enough.met) == (1.0, None, True)
    assert of(row(bad=899, lost=101), floor=90).met is None


def test_planned_time_is_left_out_and_overrun_is_not() -> None:
    """Bad runs within the announced window do not spend the budget; those after its end and in aftermath do."""
    planned = of(row(good=100), row(bad=50, window=Window.PLANNED))
    assert planned.including_planned == pytest.approx(100 / 150)
    assert planned.excluding_planned == 1
    assert planned.minutes == 1
    for window in (Window.OVERRUN, Window.AFTERMATH):
        late = of(row(good=100), row(bad=50, window=window))
        assert late.including_planned == late.excluding_planned == pytest.approx(100 / 150)
        assert late.minutes == 2


def test_closed_hours_count_nowhere() -> None:
    closed = of(row(good=9, bad=1), row(good=5, bad=5, unknown=5, window=Window.CLOSED))
    assert (closed.published, closed.judged) == (Counts(9, 1, 0, 10), Counts(9, 1, 0, 10))
    assert (closed.minutes, closed.time[Window.CLOSED]) == (1, 1)


def test_the_rule_says_what_people_ask() -> None:
    """Each word that decides a dispute about the figure is in the rule."""
    words = (
        "share of probe runs",
        "announced end",
        "overrun",
        "aftermath",
        "overage",
        "slower than its limit",
        "floor",
    )
    for word in words:
        assert word in RULE


@pytest.mark.parametrize(
    ("left", "pace", "minute"),
    [
        (10.0, 0.5, 120),  # 20 minutes that count, from 100 on
        (10.0, 0.1, 250),  # 50 before the window, 50 after it
        (10.0, 0.01, None),  # 1,000 are needed, 150 are ahead
        (10.0, 0.0, None),
        (0.0, 0.5, None),
        (-1.0, 0.5, None),
        (None, 0.5, None),
        (10.0, None, None),
    ],
)
def test_when_the_budget_runs_out(left: float | None, pace: float | None, minute: int | None) -> None:
    """Minutes that do not count spend nothing: the window from 150 to 200 is passed over."""
    ahead = [(100, 150, Window.NONE), (150, 200, Window.PLANNED), (200, 300, Window.AFTERMATH)]
    assert runs_out(left, pace, ahead) == minute


def test_causes_are_those_outside_planned_windows() -> None:
    down = {(Window.NONE, "access"): 3, (Window.PLANNED, "access"): 9, (Window.OVERRUN, "portal"): 4}
    assert Chain("portal", {}, down).causes == {"portal": 4, "access": 3}


@given(rows)
def test_figures_are_shares(given: list[Row]) -> None:
    """Availability and coverage lie between 0 and 1 or do not exist; the objective is met when budget is left."""
    found = of(*given)
    for share in (found.including_planned, found.excluding_planned, found.coverage):
        assert share is None or 0 <= share <= 1
    assert (found.including_planned is None) == (found.published.good + found.published.bad == 0)
    if found.budget_left is not None:
        assert found.met == (found.budget_left >= -1e-9)
        assert found.budget_left <= 1


@given(rows, st.lists(st.integers(0, 12), max_size=4))
def test_any_partition_of_a_period_adds_up_to_the_whole(given: list[Row], cuts: list[int]) -> None:
    """Sums of the parts are those of the whole, and the figure lies between those of the parts."""
    edges = [0, *sorted(min(cut, len(given)) for cut in cuts), len(given)]
    parts = [of(*given[a:b]) for a, b in pairwise(edges)]
    whole, added = of(*given), reduce(add, parts)
    assert (added.counts, added.time, added.minutes) == (whole.counts, whole.time, whole.minutes)
    assert (added.published, added.judged, added.met) == (whole.published, whole.judged, whole.met)
    figures = [part.including_planned for part in parts if part.including_planned is not None]
    if whole.including_planned is not None:
        assert min(figures) - 1e-12 <= whole.including_planned <= max(figures) + 1e-12


@given(rows, st.integers(1, 100), st.sampled_from([Window.NONE, Window.OVERRUN, Window.AFTERMATH]))
def test_more_failures_never_improve_a_figure(given: list[Row], more: int, window: Window) -> None:
    """A failed run lowers the figure, a passed one raises it, a lost one lowers coverage only."""
    before = of(*given)
    worse, better = of(*given, row(bad=more, window=window)), of(*given, row(good=more, window=window))
    lost = of(*given, row(lost=more))
    assume(before.excluding_planned is not None)
    assert worse.excluding_planned <= before.excluding_planned <= better.excluding_planned  # type: ignore[operator]
    assert lost.coverage < before.coverage  # type: ignore[operator]
    assert lost.including_planned == before.including_planned


@given(rows)
def test_excluding_planned_only_removes_rows(given: list[Row]) -> None:
    """The figure without planned time is the figure of a record in which planned rows never were."""
    unplanned = of(*[each for each in given if each[1] is not Window.PLANNED])
    assert of(*given).excluding_planned == unplanned.including_planned == unplanned.excluding_planned
