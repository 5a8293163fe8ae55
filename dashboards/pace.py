"""Rates of probes that run at different paces: most every 15 s, calls every 5 minutes.

Grafana's rate interval is four scrapes, a minute: of a call every 5 minutes it sees one run or none, and a share of
failed runs would be a line of dots. So what runs slowly is looked at over four of its runs:

    rate(x{probe=~"slow"}[20m]) or rate(x[$__rate_interval])

`or` takes from the right only what the left does not have. Over ranges above 15 days Grafana's points are further
apart than 20 minutes, and of slow probes not every run is seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from config import Configuration
from config.metric import Metric
from config.promql import rate

RATE = "$__rate_interval"

QUICK = 30.0
"""Seconds between runs that a rate interval of a minute still sees two of."""

RUNS_SEEN = 4


Ask = Callable[..., str]
"""A query over a period (its first argument) for the series that have some labels (by keyword)."""


@dataclass(frozen=True)
class Pace:
    """The probes that run slowly, and the interval (seconds) of the slowest."""

    slow: tuple[str, ...]
    interval: float

    @property
    def period(self) -> str:
        """The time over which slow probes are looked at: as PromQL writes it, and people read it."""
        return f"{math.ceil(RUNS_SEEN * self.interval / 60)}m"

    def over(self, ask: Ask, /, quick: str = RATE, slow: str = "", **labels: str) -> str:
        """Ask over a time that fits each probe; the result keeps a label by which slow and quick ones differ."""
        names = self._slow_among(labels)
        everything = ask(quick, **labels)
        if not names:
            return everything
        return f"({ask(slow or self.period, **labels | {'probe': names})} or {everything})"

    def rate(self, metric: Metric, /, **labels: str) -> str:
        """Return the growth of a counter per second, for each of its series."""
        return self.over(lambda period, **chosen: rate(metric, period, **chosen), **labels)

    def _slow_among(self, labels: dict[str, str]) -> str:
        chosen = labels["probe"].split("|") if "probe" in labels else self.slow
        return "|".join(name for name in self.slow if name in chosen)


def pace_of(configuration: Configuration) -> Pace:
    """Return the pace of an estate: slow are slow probes, and those that measure a system together with one."""
    slow: dict[str, float] = {}
    for system in configuration.systems.values():
        own = {name: probe.interval for name, probe in system.probes.items() if probe.interval > QUICK}
        if own.keys() & set(system.objective.measured_by):
            slow |= dict.fromkeys(system.objective.measured_by, 0.0)
        slow |= own
    return Pace(tuple(sorted(slow)), max(slow.values(), default=0.0))
