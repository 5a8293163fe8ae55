"""Availability in PromQL: the formula that rules and dashboards share, so that they can never disagree.

    error ratio = sum of the increases of FAILURES / sum of the increases of RUNS

over the probes that measure a system's objective. Never an average of ratios: averaging 5-minute ratios weighs a quiet
minute as heavily as a busy one, and one idle hour would make a month NaN.
"""

from __future__ import annotations

from config import Configuration
from config.promql import increase, ratio, total
from monitors.metrics import FAILURES, RUNS

UNPLANNED = "none|overrun|aftermath"
"""The windows that count when planned time is excluded; 2022-12-douane-communication-protocol reports the aftermath as
unplanned."""

COUNTED = f"planned|{UNPLANNED}"
"""The windows that count when planned time is included. Closed lines count nowhere."""


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
