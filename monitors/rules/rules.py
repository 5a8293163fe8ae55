"""Prometheus rules from the estate: error ratios, figures of periods, and every alert. Pure.

Who writes what: `burn_alerts` budgets that burn, `period_records` the figures of 30 days, month and year,
`measurement_alerts` silence, `service_alerts` what surrounds a service, `markers` what silences other alerts,
`imported` the objectives of other systems. For Prometheus 2.42 and later, 3.x too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config import Configuration
from monitors.rules import burn_alerts, imported, markers, measurement_alerts, period_records, service_alerts
from monitors.rules.burn_rates import BurnRates
from monitors.rules.queries import BUDGET
from monitors.rules.rule import Rule, labels_of, record

RUNBOOKS = "docs/runbooks"
"""Where the pages about the alerts are, unless a build says otherwise: in the project."""


def build(configuration: Configuration, rates: BurnRates, runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """Return the rule file as plain data: groups of recording and alerting rules.

    `runbooks` is the folder or URL in which each alert has a page. Raises `ValueError` for a system that is probed too
    seldom to be judged.
    """
    groups: dict[str, list[Rule]] = {
        "budgets": [_budget(configuration, name) for name in configuration.systems],
        "imported": imported.build(configuration, rates),
        "availability": burn_alerts.records(configuration, rates) + burn_alerts.alerts(configuration, rates),
        "quorum": burn_alerts.quorum(configuration, rates),
        "rolling": period_records.rolling(configuration),
        "calendar": period_records.calendar(),
        "measurement": period_records.coverage(configuration) + measurement_alerts.alerts(configuration, rates),
        "services": service_alerts.alerts(configuration, rates),
        "markers": markers.build(configuration),
    }
    for rule in (rule for rules in groups.values() for rule in rules if "runbook_url" in rule.get("annotations", {})):
        rule["annotations"]["runbook_url"] = f"{runbooks.rstrip('/')}/{rule['annotations']['runbook_url']}"
    return {"groups": [_group(name, rules) for name, rules in groups.items() if rules]}


def narrowed(configuration: Configuration, environment: str) -> Configuration:
    """Return the estate as it is probed in an environment: how often there, and only what can run there."""
    place = configuration.environments[environment]
    systems = {}
    for name, system in configuration.systems.items():
        probes = {
            one: probe.model_copy(update={"interval": place.interval_of(probe)})
            for one, probe in system.probes.items()
            if place.can_run(probe)
        }
        if measured := [one for one in system.objective.measured_by if one in probes]:
            objective = system.objective.model_copy(update={"measured_by": measured})
            systems[name] = system.model_copy(update={"probes": probes, "objective": objective})
    for name, system in systems.items():
        remaining = [one for one in system.depends_on if one in systems]
        systems[name] = system.model_copy(update={"depends_on": remaining})
    return replace(configuration, systems=systems)


def _group(name: str, rules: list[Rule]) -> dict[str, Any]:
    interval = {"interval": period_records.EVERY} if name == "rolling" else {}
    return {"name": f"piekwacht-{name}", **interval, "rules": rules}


def _budget(configuration: Configuration, name: str) -> Rule:
    allowed = round(1 - configuration.systems[name].objective.target / 100, 9)
    return record(BUDGET, f"vector({allowed:g})", **labels_of(configuration, name))
