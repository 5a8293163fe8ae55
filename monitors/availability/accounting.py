"""From what was counted to what is published: availability, coverage and error budget. Pure.

    availability = good / (good + bad)                 over the runs of the probes that measure the system
    coverage     = (good + bad) / expected             expected: what the schedules should have produced
    budget       = (1 - objective) * T                 T: minutes of the period that count, planned time left out
    spent        = (1 - availability) * t              t: those of them that have passed
    runs out     at the moment when pace * (minutes that count from now on) = budget - spent

Ratios of sums, never averages of ratios; so the sums of any parts of a period are those of the whole. What was not
measured is neither good nor bad. Without a single verdict there is no availability: None, never 100 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitors.availability.timeline import Stretch
from monitors.verdict import Window

RULE = (
    "Availability is the share of probe runs that passed, among those that passed or failed, over the probes that "
    "measure the system's objective. A run fails when the goal is not reached, or reached slower than its limit. A run "
    "that could not tell, because of the prober itself, counts as neither; it shows as missing coverage, like a run "
    "that never took place. 'Excluding planned' leaves out the minutes within announced maintenance, from its "
    "announced start to its announced end. Maintenance past its announced end (overrun) and announced repairs after a "
    "disruption (aftermath) count as unplanned. Time outside service hours counts nowhere. Objective and error budget "
    "are judged excluding planned time. Coverage is the share of the scheduled runs that passed or failed, from the "
    "moment the first probe was scheduled. A figure with less coverage than the system's floor is shown, not judged. "
    "A system without a run that passed or failed has no figure."
)
"""The rule by which every figure is computed, for people; printed with it."""

NOT_PUBLISHED = (Window.CLOSED,)
"""Classes of time that count nowhere."""
NOT_JUDGED = (Window.CLOSED, Window.PLANNED)
"""Classes of time that do not spend the error budget."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Runs (or minutes): those that passed, failed, could not tell, and those that should have been.

    `expected` is good + bad + unknown + those that left no trace. Counts are added like numbers.
    """

    good: int = 0
    bad: int = 0
    unknown: int = 0
    expected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.good + other.good, self.bad + other.bad, self.unknown + other.unknown, self.expected + other.expected
        )

    @property
    def availability(self) -> float | None:
        """The share that passed, 0 to 1, or None without a verdict."""
        return _share(self.good, self.good + self.bad)

    @property
    def coverage(self) -> float | None:
        """The share of what was expected that gave a verdict, 0 to 1, or None where nothing was expected."""
        return _share(self.good + self.bad, self.expected)


@dataclass(frozen=True, slots=True)
class Account:
    """What one system achieved in a period, by class of time. Accounts of parts of a period are added like numbers.

    `objective` and `floor` (the least coverage that is judged) are ratios. `time` are the minutes of each class that
    have passed, `counts` what was measured in them. `ahead` are the minutes of the period still to come that count.
    """

    system: str
    objective: float
    floor: float = 0.0
    time: Mapping[Window, int] = field(default_factory=dict)
    counts: Mapping[Window, Counts] = field(default_factory=dict)
    ahead: int = 0

    def __add__(self, other: Account) -> Account:
        counts = {kind: self.of(kind) + other.of(kind) for kind in {**self.counts, **other.counts}}
        time = dict(Counter(self.time) + Counter(other.time))
        return replace(self, time=time, counts=counts, ahead=self.ahead + other.ahead)

    def of(self, kind: Window) -> Counts:
        """Return what was measured in one class of time."""
        return self.counts.get(kind, Counts())

    @property
    def published(self) -> Counts:
        """What was measured in all time in which the system should work, planned time included."""
        return sum((counts for kind, counts in self.counts.items() if kind not in NOT_PUBLISHED), Counts())

    @property
    def judged(self) -> Counts:
        """What was measured outside planned time."""
        return sum((counts for kind, counts in self.counts.items() if kind not in NOT_JUDGED), Counts())

    @property
    def minutes(self) -> int:
        """The minutes that have passed and count: neither closed nor planned."""
        return sum(minutes for kind, minutes in self.time.items() if kind not in NOT_JUDGED)

    @property
    def closed(self) -> bool:
        """Whether all the time that has passed was outside service hours."""
        return any(self.time.values()) and not any(
            minutes for kind, minutes in self.time.items() if kind not in NOT_PUBLISHED
        )

    @property
    def including_planned(self) -> float | None:
        """Availability over all time in which the system should work, 0 to 1, or None without a verdict."""
        return self.published.availability

    @property
    def excluding_planned(self) -> float | None:
        """Availability outside planned windows, 0 to 1, or None without a verdict there."""
        return self.judged.availability

    @property
    def coverage(self) -> float | None:
        """The share of the expected runs that gave a verdict, 0 to 1, or None where none was expected."""
        return self.published.coverage

    @property
    def covered(self) -> bool:
        """Whether enough was measured to judge."""
        return self.coverage is not None and self.coverage >= self.floor

    @property
    def met(self) -> bool | None:
        """Whether the objective was met outside planned windows; None without a verdict there or below the floor."""
        if self.excluding_planned is None or not self.covered:
            return None
        return self.excluding_planned >= self.objective

    @property
    def budget_minutes(self) -> float:
        """The minutes of the period for which the system may fail: 43.2 for 99.9 % of 30 days without planned time."""
        return (1 - self.objective) * (self.minutes + self.ahead)

    @property
    def spent_minutes(self) -> float | None:
        """The minutes of the budget that are spent, or None without data."""
        return None if self.excluding_planned is None else (1 - self.excluding_planned) * self.minutes

    @property
    def budget_minutes_left(self) -> float | None:
        """What is left of `budget_minutes`; below 0 it is overspent. None without data."""
        return None if self.spent_minutes is None else self.budget_minutes - self.spent_minutes

    @property
    def budget_left(self) -> float | None:
        """The part of the error budget that is left: 1 is all of it, 0 none, below 0 overspent; None without data."""
        if self.budget_minutes_left is None:
            return None
        return self.budget_minutes_left / self.budget_minutes if self.budget_minutes else 1.0


@dataclass(frozen=True, slots=True)
class Chain:
    """How a system and everything it depends on worked together, in minutes. Chains of parts are added like numbers.

    `down` are the minutes in which any of them was down, by class of the system's own time and by cause: the deepest
    one that was down, the system itself where everything below it worked.
    """

    system: str
    counts: Mapping[Window, Counts] = field(default_factory=dict)
    down: Mapping[tuple[Window, str], int] = field(default_factory=dict)

    def __add__(self, other: Chain) -> Chain:
        counts = Account(self.system, 0, counts=self.counts) + Account(self.system, 0, counts=other.counts)
        return Chain(self.system, counts.counts, dict(Counter(self.down) + Counter(other.down)))

    @property
    def including_planned(self) -> float | None:
        """The share of minutes in which all of the chain worked, or None without a verdict."""
        return Account(self.system, 0, counts=self.counts).including_planned

    @property
    def excluding_planned(self) -> float | None:
        """The same outside the system's planned windows."""
        return Account(self.system, 0, counts=self.counts).excluding_planned

    @property
    def coverage(self) -> float | None:
        """The share of the expected minutes in which the state of the chain is known."""
        return Account(self.system, 0, counts=self.counts).coverage

    @property
    def causes(self) -> dict[str, int]:
        """The minutes down outside planned windows for each cause, the longest first."""
        found: Counter[str] = Counter()
        for (kind, cause), minutes in self.down.items():
            if kind not in NOT_JUDGED:
                found[cause] += minutes
        return dict(found.most_common())


def ratio(percent: float) -> float:
    """Return a percentage as a ratio."""
    # 99.9 / 100 is not the float nearest to 0.999; 999 good runs of 1,000 must meet 99.9 %.
    return round(percent / 100, 9)


def account(
    system: str,
    target: float,
    floor: float,
    stretches: Iterable[Stretch],
    counts: Iterable[Counts],
    ahead: Sequence[Stretch] = (),
) -> Account:
    """Sum up stretches of time and what was counted in each; `target` and `floor` are percentages.

    `ahead` is the rest of the period, which is still to come.
    """
    time: Counter[Window] = Counter()
    sums: dict[Window, Counts] = {}
    for (start, end, kind), part in zip(stretches, counts, strict=True):
        time[kind] += end - start
        sums[kind] = sums.get(kind, Counts()) + part
    return Account(system, ratio(target), ratio(floor), dict(time), sums, counting(ahead))


def counting(stretches: Iterable[Stretch]) -> int:
    """Return the minutes that count: neither closed nor planned."""
    return sum(end - start for start, end, kind in stretches if kind not in NOT_JUDGED)


def runs_out(left: float | None, pace: float | None, ahead: Iterable[Stretch]) -> int | None:
    """Return the minute (Unix time // 60) in which `left` minutes of budget are spent at this pace, or None: not ahead.

    `pace` is the failing share of the time that counts: 1 - availability over the last 24 hours, or over the period.
    """
    if not left or left < 0 or not pace:
        return None
    needed = left / pace
    for start, end, kind in ahead:
        if kind in NOT_JUDGED:
            continue
        if needed < end - start:
            return start + int(needed)
        needed -= end - start
    return None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
