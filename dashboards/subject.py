"""What a dashboard is about, and the figures that several panels draw from it, as queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from config import Configuration, PhoneProbe
from config.promql import quantile, select
from dashboards.links import Site
from dashboards.pace import Pace, pace_of
from monitors import metrics
from monitors.rules import queries
from monitors.rules.burn_rates import burn_rates

OWNERS = f"max by (system, owner) ({select(metrics.SYSTEM_INFO, system='$system', owner='$owner')})"
"""Which system is whose, as series of 1."""


@dataclass(frozen=True)
class Subject:
    """What a dashboard is about: the labels that its panels select (values may be Grafana's variables), and links."""

    configuration: Configuration
    site: Site
    scope: Mapping[str, str] = field(default_factory=lambda: {"system": "$system", "vantage": "$vantage"})

    @cached_property
    def pace(self) -> Pace:
        """How often its probes run."""
        return pace_of(self.configuration)

    def without_calls(self) -> Subject:
        """Leave out telephone calls: a run of theirs takes as long as its script."""
        quick = (name for _, name, probe in self.configuration.probes() if not isinstance(probe, PhoneProbe))
        return replace(self, scope={**self.scope, "probe": "|".join(quick)})

    @property
    def measured(self) -> dict[str, str]:
        """The labels of those probes that count for an objective."""
        counting = queries.measuring_probes(self.configuration)
        if "probe" in self.scope:
            counting = "|".join(sorted(set(counting.split("|")) & set(self.scope["probe"].split("|"))))
        return {**self.scope, "probe": counting}

    @property
    def counting(self) -> str:
        """An expression that is 1 for each probe that counts for an objective, 0 for the others."""
        everything = select(metrics.INTERVAL, **self.scope)
        return f"{select(metrics.INTERVAL, **self.measured)} > bool 0 or 0 * {everything}"

    @property
    def looked(self) -> str:
        """An expression that has a value if anything is probed at all, so that a 0 may be shown."""
        return f"max({select(metrics.INTERVAL, **self.scope)})"

    @property
    def burning(self) -> str:
        """The burn rate of an hour, by system: error ratio / budget. At 1 the budget of 30 days lasts 30 days."""
        errors = queries.error_ratio("1h", "system", **self.measured)
        return f"{errors} / on (system) {budget(self.scope['system'])}"


def budget(system: str) -> str:
    """Return 1 - objective, by system, as far as a monitor tells it."""
    return f"(1 - max by (system) ({select(metrics.OBJECTIVE, system=system)}))"


def left_of(period: str, **labels: str) -> str:
    """Return what is left of the error budget of a period; ten times overspent is as far as it goes."""
    return f"clamp_min({queries.budget_left(period, **labels)}, -10)"


def page_factors() -> list[float]:
    """Return the burn rates from which rules page, the lowest first."""
    return sorted(pair.factor for pair in burn_rates().pairs if pair.severity == "page")


def coverage_of_an_hour() -> str:
    """Return the coverage by system of the last hour; of this month, until a monitor has run for an hour."""
    hour, month = (queries.coverage(period, system="$system", owner="$owner") for period in ("1h", "month"))
    return f"max by (system) ({hour}) or max by (system) ({month})"


def all_pass(subject: Subject) -> str:
    """Return 1 for each system of which every probe that counts passed last, 0 for the others."""
    return f"min by (system) ({select(metrics.SUCCESS, **subject.measured)})"


def owned(by_system: str) -> str:
    """Give values by system the label of the owner."""
    return f"({by_system}) * on (system) group_left (owner) {OWNERS}"


def p95_by_probe(subject: Subject) -> str:
    """Return the 95th percentile of each probe's duration, by system and probe."""

    def p95(period: str, **labels: str) -> str:
        return quantile(0.95, metrics.DURATION, period, "system", "probe", **labels)

    return subject.pace.over(p95, **subject.scope)
