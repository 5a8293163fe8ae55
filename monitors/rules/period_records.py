"""Recorded figures of a period: availability, what is left of the error budget, coverage. Pure.

    availability  =  1 - failures / runs                          planned time excluded, or included
    budget left   =  1 - (failures / runs) * passed / ((passed + ahead) * budget)         planned time excluded
    coverage      =  runs / runs due

with budget = 1 - objective. Of the rolling 30 days nothing is ahead, so that passed / (passed + ahead) is 1; of a month
or year of the calendar it is the time to its end, as in `monitors.availability.accounting`. Those of the calendar come
from the ledgers' own sums, since Prometheus knows no calendar and forgets; each window is judged as it is known now,
while the rolling figure keeps the label that a run was given when it was measured.

Runs are summed over vantage points. So an outage that one of three sees costs a third of what it costs if all do,
whether or not the system has a quorum: the figure of record, for which vantage points vote on each minute, is
`piekwacht availability` over their ledgers.
"""

from __future__ import annotations

from config import Configuration
from config.fields import parse_duration
from config.metric import Metric
from config.promql import increase, ratio, select, total
from monitors.metrics import FAILURES, INTERVAL, PERIOD_EXPECTED, PERIOD_FAILURES, PERIOD_RUNS, PERIOD_TIME, RUNS
from monitors.rules import queries
from monitors.rules.queries import AVAILABILITY, BUDGET, BUDGET_LEFT, CALENDAR, COVERAGE, MISSING, ROLLING
from monitors.rules.rule import Rule, owned, record

EVERY = "3m"
"""How often thirty days are summed up: costly, and yet often enough that the series is never stale (5 minutes)."""

HOUR = "1h"
WINDOWS = {queries.EXCLUDED: queries.UNPLANNED, queries.INCLUDED: queries.COUNTED}

RUNS_30D = Metric(f"system_window:piekwacht_probe_runs:increase{ROLLING}", "gauge", "Runs", ("system", "window"))
FAILURES_30D = Metric(
    f"system_window:piekwacht_probe_failures:increase{ROLLING}", "gauge", "Failed runs", ("system", "window")
)


def rolling(configuration: Configuration) -> list[Rule]:
    """Record the figures of the last 30 days; each series is read once and serves both ways of counting."""
    probes = queries.measuring_probes(configuration)
    counted = {"probe": probes, "window": queries.COUNTED}
    return [
        record(RUNS_30D, total(increase(RUNS, ROLLING, **counted), "system", "window")),
        record(FAILURES_30D, total(increase(FAILURES, ROLLING, **counted), "system", "window")),
        *_availability(ROLLING, RUNS_30D, FAILURES_30D),
        record(BUDGET_LEFT, f"1 - {_errors(RUNS_30D, FAILURES_30D, queries.UNPLANNED)}\n{_PER_BUDGET}", period=ROLLING),
    ]


def calendar() -> list[Rule]:
    """Record the figures of the month and the year to date."""
    found = []
    for period in CALENDAR:
        found += _availability(period, PERIOD_RUNS, PERIOD_FAILURES, period=period)
        errors = _errors(PERIOD_RUNS, PERIOD_FAILURES, queries.UNPLANNED, period=period)
        passed, ahead = (f"max by (system) ({select(PERIOD_TIME, period=period, part=part)})" for part in PARTS)
        gone = f"({passed} / ({passed} + {ahead} > 0))"
        found.append(record(BUDGET_LEFT, f"1 - {errors}\n* on (system) {gone}\n{_PER_BUDGET}", period=period))
        due = total(select(PERIOD_EXPECTED, period=period, window=queries.COUNTED), "system")
        ran = total(select(PERIOD_RUNS, period=period, window=queries.COUNTED), "system")
        found.append(record(COVERAGE, owned(f"clamp_max({ratio(ran, due)}, 1)"), period=period))
    return found


PARTS = ("passed", "ahead")


def coverage(configuration: Configuration) -> list[Rule]:
    """Record how much of what was due in the last hour gave a verdict, and how many runs are missing.

    Due is what the probes that were exported then and now should have done, at the longest interval that they had: a
    monitor that has just begun, or a probe that was taken away, owes nothing.
    """
    probes = queries.measuring_probes(configuration)
    known = f"{select(INTERVAL, probe=probes)} and {select(INTERVAL, probe=probes)} offset {HOUR}"
    interval = f"max_over_time({select(INTERVAL, probe=probes)}[{HOUR}]) > 0"
    due = total(f"{parse_duration(HOUR):g} / ({interval}) and ({known})", "system")
    each = total(increase(RUNS, HOUR, probe=probes), "system", "probe", "vantage")
    ran = total(f"{each} and on (system, probe, vantage) ({known})", "system")
    return [
        record(COVERAGE, owned(f"clamp_max({ratio(ran, due)}, 1)"), period=HOUR),
        record(MISSING, f"clamp_min({due} - {ran}, 0)"),
    ]


_PER_BUDGET = f"/ on (system) group_left (owner, objective) ({BUDGET} > 0)"


def _availability(over: str, runs: Metric, failures: Metric, **labels: str) -> list[Rule]:
    return [
        record(AVAILABILITY, owned(f"1 - {_errors(runs, failures, windows, **labels)}"), period=over, planned=planned)
        for planned, windows in WINDOWS.items()
    ]


def _errors(runs: Metric, failures: Metric, windows: str, **labels: str) -> str:
    failed, ran = (total(select(metric, window=windows, **labels), "system") for metric in (failures, runs))
    return ratio(failed, ran)
