"""Rules for objectives of other systems, which `config.imported` reads from OpenSLO files. Pure.

Their events are recorded under the names that the estate's runs have, with the objective's name as `system`, and so are
their budgets. What the estate records and compares by those names, the ratios and the burn-rate alerts, holds for them
without another line. Alerts about measuring do not: nobody says how often an event must come.
"""

from __future__ import annotations

from config import Configuration
from config.imported import ImportedObjective
from config.promql import ratio
from monitors.rules.burn_rates import BurnRates
from monitors.rules.queries import AVAILABILITY, BUDGET, BUDGET_LEFT, EXCLUDED, failures_record, runs_record
from monitors.rules.rule import Rule, record


def build(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Return what is recorded of every imported objective."""
    return [rule for each in configuration.imported.values() for rule in _records(each, rates)]


def _records(objective: ImportedObjective, rates: BurnRates) -> list[Rule]:
    labels = {"system": objective.name, "owner": objective.owner, "objective": f"{objective.target:g}"}
    budget = round(1 - objective.target / 100, 9)
    period = objective.period
    errors = ratio(f"({objective.failures(period)})", objective.events(period))
    events = [
        rule
        for window in rates.windows
        for rule in (
            record(runs_record(window), objective.events(window), system=objective.name),
            record(failures_record(window), objective.failures(window), system=objective.name),
        )
    ]
    return [
        record(BUDGET, f"vector({budget:g})", **labels),
        *events,
        record(AVAILABILITY, f"1 - {errors}", **labels, period=period, planned=EXCLUDED),
        # budget left = 1 - error ratio / budget
        record(BUDGET_LEFT, f"1 - {errors} / {budget:g}", **labels, period=period),
    ]
