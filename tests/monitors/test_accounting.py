"""The published figures: sums first, ratios last, and nothing from nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitors.accounting import RULE, Account, Tally, account
from monitors.verdict import Window

counts = st.integers(0, 1000)
tallies = st.lists(
    st.builds(
        lambda minute, probe, window, good, bad, unknown, lost: Tally(
            minute, "website", probe, window, good, bad, unknown, good + bad + unknown + lost
        ),
        st.integers(0, 50),
        st.sampled_from(["home-page", "visit", "other"]),
        st.sampled_from(list(Window)),
        counts,
        counts,
        counts,
        counts,
    ),
    max_size=12,
)


def tally(good: int = 0, bad: int = 0, window: Window = Window.NONE, unknown: int = 0, lost: int = 0) -> Tally:
    return Tally(0, "website", "home-page", window, good, bad, unknown, good + bad + unknown + lost)


def of(*rows: Tally, minutes: float = 43_200.0, target: float = 99.9) -> Account:
    return account(rows, "website", ["home-page", "visit"], target, minutes)


def test_thirty_days_allow_43_2_minutes() -> None:
    """The figures of the objective: 43.2 minutes in 30 days, 525.6 in a year (2024-06-ict-progress-letter)."""
    assert of(minutes=30 * 1440).budget_minutes == pytest.approx(43.2)
    assert of(minutes=365 * 1440).budget_minutes == pytest.approx(525.6)


def test_a_target_that_is_met_exactly_is_met() -> None:
    """999 of 1,000 is 99.9 %: nothing of the budget is left, and nothing is overspent."""
    exact = of(tally(good=999, bad=1))
    assert exact.met is True
    assert exact.budget_left == 0
    assert of(tally(good=998, bad=1)).met is False
    assert of(tally(good=1000)).budget_left == 1
    assert of(tally(good=998, bad=2)).budget_left == pytest.approx(-1)
    assert of(tally(good=998, bad=2)).budget_minutes_left == pytest.approx(-43.2)


def test_no_data_is_no_figure() -> None:
    """Neither an empty record nor runs without a verdict give an availability; both show as missing coverage."""
    empty = of()
    assert (empty.including_planned, empty.excluding_planned, empty.coverage, empty.met) == (None, None, None, None)
    assert (empty.budget_left, empty.budget_minutes_left) == (None, None)
    blind = of(tally(unknown=3, lost=5))
    assert (blind.including_planned, blind.met, blind.coverage) == (None, None, 0.0)
    assert of(tally(good=5, window=Window.PLANNED)).met is None


def test_planned_time_is_left_out_and_overrun_is_not() -> None:
    """Bad runs within the announced window do not spend the budget; those after its end and in aftermath do."""
    planned = of(tally(good=100), tally(bad=50, window=Window.PLANNED))
    assert planned.including_planned == pytest.approx(100 / 150)
    assert planned.excluding_planned == 1
    for window in (Window.OVERRUN, Window.AFTERMATH):
        late = of(tally(good=100), tally(bad=50, window=window))
        assert late.including_planned == late.excluding_planned == pytest.approx(100 / 150)


def test_closed_hours_count_nowhere() -> None:
    closed = of(tally(good=9, bad=1), tally(good=5, bad=5, unknown=5, window=Window.CLOSED))
    assert closed == of(tally(good=9, bad=1))


def test_only_the_probes_of_the_objective_measure() -> None:
    """Rows of other probes and other systems change nothing; several probes are summed."""
    mine = [tally(good=9, bad=1), replace(tally(good=10), probe="visit")]
    strangers = [replace(tally(bad=100), probe="other"), replace(tally(bad=100), system="digid-app")]
    assert of(*mine, *strangers) == of(*mine)
    assert of(*mine).including_planned == pytest.approx(19 / 20)


def test_the_rule_says_what_people_ask() -> None:
    """Each word that decides a dispute about the figure is in the rule."""
    for word in ("share of probe runs", "announced end", "overrun", "aftermath", "coverage", "slower than its limit"):
        assert word in RULE


@given(tallies)
def test_figures_are_shares(rows: list[Tally]) -> None:
    """Availability and coverage lie between 0 and 1 or do not exist; the objective is met when budget is left."""
    found = of(*rows)
    for share in (found.including_planned, found.excluding_planned, found.coverage):
        assert share is None or 0 <= share <= 1
    assert (found.including_planned is None) == (found.good + found.bad == 0)
    if found.budget_left is not None:
        assert found.met == (found.budget_left >= 0)
        assert found.budget_left <= 1


@given(tallies, st.integers(0, 12))
def test_splitting_time_changes_nothing(rows: list[Tally], at: int) -> None:
    """The sums of two parts are those of the whole, and the figure lies between those of the parts."""
    first, second, whole = of(*rows[:at]), of(*rows[at:]), of(*rows)
    for count in ("good", "bad", "unknown", "expected", "planned_good", "planned_bad"):
        assert getattr(first, count) + getattr(second, count) == getattr(whole, count)
    parts = [part.including_planned for part in (first, second) if part.including_planned is not None]
    if whole.including_planned is not None:
        assert min(parts) <= whole.including_planned + 1e-12
        assert max(parts) >= whole.including_planned - 1e-12


@given(tallies, st.integers(1, 100), st.sampled_from([Window.NONE, Window.OVERRUN, Window.AFTERMATH]))
def test_more_failures_never_improve_a_figure(rows: list[Tally], more: int, window: Window) -> None:
    """A failed run lowers availability and budget, a passed one raises them, a lost one lowers coverage only."""
    before = of(*rows)
    worse, better = of(*rows, tally(bad=more, window=window)), of(*rows, tally(good=more, window=window))
    lost = of(*rows, tally(lost=more))
    assume(before.excluding_planned is not None)
    assert worse.excluding_planned <= before.excluding_planned <= better.excluding_planned  # type: ignore[operator]
    assert worse.budget_left <= before.budget_left <= better.budget_left  # type: ignore[operator]
    assert lost.coverage < before.coverage  # type: ignore[operator]
    assert lost.including_planned == before.including_planned


@given(tallies)
def test_excluding_planned_only_removes_rows(rows: list[Tally]) -> None:
    """The figure without planned time is the figure of a record in which planned rows never were."""
    unplanned = of(*[row for row in rows if row.window is not Window.PLANNED])
    assert of(*rows).excluding_planned == unplanned.including_planned == unplanned.excluding_planned
