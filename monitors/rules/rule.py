"""What every rule is made of: the fields of an alert that a person needs, the labels of a system's budget. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from config import Configuration
from config.promql import select
from monitors.metrics import INTERVAL
from monitors.rules.burn_rates import Severity
from monitors.rules.queries import BUDGET

Rule = dict[str, Any]

# A monitor that is down fires one alert, not one for every system: the others hold only while a monitor exports.
NO_MONITOR = f"absent({select(INTERVAL)})"
WHILE_A_MONITOR_LIVES = f"unless on () {NO_MONITOR}"


def alert(
    name: str,
    severity: Severity,
    expression: str,
    *,
    summary: str,
    description: str,
    wait: str = "",
    owner: str = "",
    labels: dict[str, str] | None = None,
) -> Rule:
    """Every alert carries the same fields; without `owner` the system's own comes with the series."""
    return {
        "alert": name,
        "expr": expression,
        **({"for": wait} if wait else {}),
        "labels": {"severity": severity, **({"owner": owner} if owner else {}), **(labels or {})},
        "annotations": {"summary": summary, "description": description, "runbook_url": f"{name}.md"},
    }


def record(name: object, expression: str, **labels: str) -> Rule:
    """Return a recording rule."""
    return {"record": str(name), "expr": expression, **({"labels": labels} if labels else {})}


def owned(expression: str) -> str:
    """Give a value for each system the labels of its budget: whose it is, and what it must achieve."""
    return f"{expression}\n+ on (system) group_left (owner, objective) 0 * {BUDGET}"


def labels_of(configuration: Configuration, name: str) -> dict[str, str]:
    """Return what an alert about a system inherits."""
    objective = configuration.systems[name].objective.target
    return {"system": name, "owner": configuration.owner_of[name].id, "objective": f"{objective:g}"}


def budget_of(configuration: Configuration, systems: Collection[str]) -> str:
    """Select the budgets of some systems; of all, imported ones too, no list is written."""
    everyone = len(configuration.systems) + len(configuration.imported)
    return select(BUDGET, system="|".join(systems)) if len(systems) < everyone else str(BUDGET)


def slowest(configuration: Configuration, system: str) -> float:
    """Return the seconds between two runs of the slowest probe that counts for a system; 0 for an imported one."""
    if system in configuration.imported:
        return 0.0
    one = configuration.systems[system]
    return max(one.probes[name].interval for name in one.objective.measured_by)
