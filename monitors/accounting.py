"""From what was counted to what is published: availability, coverage and error budget. Pure.

    availability = good / (good + bad)                 over the runs of the probes that measure the system
    coverage     = (good + bad) / expected             expected: what the schedules should have produced
    budget left  = 1 - (1 - availability) / (1 - objective)

Ratios of sums, never averages of ratios. What was not measured is neither good nor bad. Without a single verdict there
is no availability: None, never 100 %.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from monitors.verdict import Window

RULE = (
    "Availability is the share of probe runs that passed, among those that passed or failed, over the probes that "
    "measure the system's objective. A run fails when the goal is not reached, or reached slower than its limit. A run "
    "that could not tell, because of the prober itself, counts as neither; it shows as missing coverage, like a run "
    "that never took place. 'Excluding planned' leaves out the runs within announced maintenance, from its announced "
    "start to its announced end. Maintenance past its announced end (overrun) and announced repairs after a disruption "
    "(aftermath) count as unplanned. Objective and error budget are judged excluding planned time. Coverage is the "
    "share of the scheduled runs that passed or failed, from the moment the first probe was scheduled. A system "
    "without a run that passed or failed has no figure."
)
"""The rule by which every figure is computed, for people; printed with it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs of one probe in one kind of time, from `minute` (Unix time // 60) on for as long as the query asked.

    `expected` is the number of runs that the schedule should have produced: good + bad + unknown + those that left no
    trace.
    """

    minute: int
    system: str
    probe: str
    window: Window
    good: int
    bad: int
    unknown: int
    expected: int


@dataclass(frozen=True, slots=True)
class Account:
    """What one system achieved in a period.

    `objective` is a ratio (0.999), `minutes` the length of the period. The counts are of all time in which the system
    should work, planned time included; `planned_good` and `planned_bad` are the part of it within planned windows.
    """

    system: str
    objective: float
    minutes: float
    good: int = 0
    bad: int = 0
    unknown: int = 0
    expected: int = 0
    planned_good: int = 0
    planned_bad: int = 0

    @property
    def including_planned(self) -> float | None:
        """Availability over all time, 0 to 1, or None without a verdict."""
        return _share(self.good, self.good + self.bad)

    @property
    def excluding_planned(self) -> float | None:
        """Availability outside planned windows, 0 to 1, or None without a verdict there."""
        good, bad = self.good - self.planned_good, self.bad - self.planned_bad
        return _share(good, good + bad)

    @property
    def coverage(self) -> float | None:
        """The share of the expected runs that gave a verdict, 0 to 1, or None where none was expected."""
        return _share(self.good + self.bad, self.expected)

    @property
    def met(self) -> bool | None:
        """Whether the objective was met outside planned windows, or None without a verdict there."""
        return None if self.excluding_planned is None else self.excluding_planned >= self.objective

    @property
    def budget_left(self) -> float | None:
        """The part of the error budget that is left: 1 is all of it, 0 none, below 0 overspent; None without data."""
        if self.excluding_planned is None:
            return None
        return 1 - (1 - self.excluding_planned) / (1 - self.objective)

    @property
    def budget_minutes(self) -> float:
        """The minutes of the period for which the system may fail: 43.2 for 99.9 % of 30 days."""
        return (1 - self.objective) * self.minutes

    @property
    def budget_minutes_left(self) -> float | None:
        """What is left of `budget_minutes`, or None without data."""
        return None if self.budget_left is None else self.budget_left * self.budget_minutes


def account(
    tallies: Iterable[Tally], system: str, measured_by: Collection[str], target: float, minutes: float
) -> Account:
    """Sum up a system's rows for the probes that measure it; `target` is a percentage, `minutes` the period's length.

    Rows of closed hours count nowhere.
    """
    good = bad = unknown = expected = planned_good = planned_bad = 0
    for tally in tallies:
        if tally.system != system or tally.probe not in measured_by or tally.window is Window.CLOSED:
            continue
        good += tally.good
        bad += tally.bad
        unknown += tally.unknown
        expected += tally.expected
        if tally.window is Window.PLANNED:
            planned_good += tally.good
            planned_bad += tally.bad
    # 99.9 / 100 is not the float nearest to 0.999; 999 good runs of 1,000 must meet 99.9 %.
    objective = round(target / 100, 9)
    return Account(system, objective, minutes, good, bad, unknown, expected, planned_good, planned_bad)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
