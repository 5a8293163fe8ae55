"""Availability in PromQL: the formula that rules and dashboards share, so that they can never disagree.

    error ratio = sum of the increases of FAILURES / sum of the increases of RUNS

over the probes that measure a system's objective. Never an average of ratios: averaging 5-minute ratios weighs a quiet
minute as heavily as a busy one, and one idle hour would make a month NaN.

What the rules record is declared here like any metric, so `config.promql.select` names it; one series for each system,
summed over vantage points. A period is `30d`, rolling, or `month` or `year`, of the calendar and to date.
"""

from __future__ import annotations

from collections.abc import Sequence

from config import Configuration
from config.metric import Metric
from config.promql import increase, ratio, select, total
from monitors.metrics import FAILURES, RUNS

OPERATOR = "piekwacht"
"""Owner of the alerts about the measurement itself."""

UNPLANNED = "none|overrun|aftermath"
"""The windows that count when planned time is excluded; 2022-12-douane-communication-protocol reports the aftermath as
unplanned."""

COUNTED = f"planned|{UNPLANNED}"
"""The windows that count when planned time is included. Closed lines count nowhere."""

BUDGET = Metric(
    "system:piekwacht_error_budget:ratio", "gauge", "1 - objective (per cent)", ("system", "owner", "objective")
)
"""One series per system of the estate, whether or not anything measures it."""

AVAILABILITY = Metric(
    "system:piekwacht_availability:ratio",
    "gauge",
    "Share of runs that passed; planned time excluded or included",
    ("system", "owner", "objective", "period", "planned"),
)
BUDGET_LEFT = Metric(
    "system:piekwacht_budget_left:ratio",
    "gauge",
    "Part of the error budget of the period that is left; below 0 it is overspent",
    ("system", "owner", "objective", "period"),
)
COVERAGE = Metric(
    "system:piekwacht_coverage:ratio",
    "gauge",
    "Share of the runs that were due which gave a verdict; of the last hour (1h), or of a calendar period",
    ("system", "owner", "objective", "period"),
)
VOTES = Metric(
    "system:piekwacht_votes_needed:count",
    "gauge",
    "How many vantage points must see a system burn; who is blind has no vote",
    ("system", "owner", "objective"),
)
"""One series per system with a quorum above 1: where fewer than the quorum have a verdict, all of them decide."""

MISSING = Metric(
    "system:piekwacht_runs_missing:count1h",
    "gauge",
    "Runs that were due in the last hour and gave no verdict",
    ("system",),
)
RECORDED = (BUDGET, AVAILABILITY, BUDGET_LEFT, COVERAGE, MISSING, VOTES)
"""What is recorded beside `failures_record`, `runs_record` and `ratio_record` of every burn-rate window."""

ROLLING = "30d"
CALENDAR = ("month", "year")
PERIODS = (ROLLING, *CALENDAR)
EXCLUDED, INCLUDED = "excluded", "included"
"""Values of `planned`."""

BY_SYSTEM = ("system",)
BY_VANTAGE = ("system", "vantage")


def runs_record(window: str, by: Sequence[str] = BY_SYSTEM) -> str:
    """Name the recorded number of unplanned runs with a verdict over a burn-rate window."""
    return f"{_record(RUNS, by)}:increase{window}"


def failures_record(window: str, by: Sequence[str] = BY_SYSTEM) -> str:
    """Name the recorded number of unplanned failed runs over a burn-rate window, per system or vantage point of it."""
    return f"{_record(FAILURES, by)}:increase{window}"


def ratio_record(window: str, by: Sequence[str] = BY_SYSTEM) -> str:
    """Name the recorded share of unplanned runs that failed over a burn-rate window."""
    return f"{_record(FAILURES, by)}:ratio_increase{window}"


def availability(period: str, planned: str = EXCLUDED, **labels: str) -> str:
    """Return the recorded availability, 0 to 1, of each system over 30d, month or year."""
    return select(AVAILABILITY, period=period, planned=planned, **labels)


def budget_left(period: str, **labels: str) -> str:
    """Return the recorded part of each system's error budget that is left over 30d, month or year."""
    return select(BUDGET_LEFT, period=period, **labels)


def coverage(period: str, **labels: str) -> str:
    """Return the recorded coverage, 0 to 1, of each system over 1h, month or year."""
    return select(COVERAGE, period=period, **labels)


def measuring_probes(configuration: Configuration) -> str:
    """Return the probes that measure an objective, as a regular expression; a probe's name is unique in the estate."""
    names = {name for system in configuration.systems.values() for name in system.objective.measured_by}
    return "|".join(sorted(names))


def failures(period: str, *by: str, windows: str = UNPLANNED, **labels: str) -> str:
    """Return the number of failed runs over `period`."""
    return total(increase(FAILURES, period, window=windows, **labels), *by)


def runs(period: str, *by: str, windows: str = UNPLANNED, **labels: str) -> str:
    """Return the number of runs with a verdict over `period`."""
    return total(increase(RUNS, period, window=windows, **labels), *by)


def error_ratio(period: str, *by: str, windows: str = UNPLANNED, **labels: str) -> str:
    """Return the share of runs that failed over `period`; absent where nothing ran."""
    return ratio(failures(period, *by, windows=windows, **labels), runs(period, *by, windows=windows, **labels))


def _record(metric: Metric, by: Sequence[str]) -> str:
    return f"{'_'.join(by)}:{metric.name.removesuffix('_total')}"
