"""The estate's objectives as OpenSLO v1 documents, for tools that know nothing of Piekwacht. Pure.

Each system has three objectives: over the last 30 days from the live counters, over the calendar month and year from
the figures that the monitor takes from its ledger. `{{.window}}` in a query stands for the window, as Sloth has it.

What v1 cannot say stands in descriptions: a pair of burn-rate windows (a condition looks back over one), the floor on
failed runs, the quorum of vantage points, and that an hour outside service hours counts nowhere.
"""

from __future__ import annotations

from typing import Any

from config import Configuration
from config.hours import ZONE
from config.imported import WINDOW
from config.openslo import KINDS, VERSION
from config.promql import increase, select, total
from config.source import Document, validate
from monitors.metrics import FAILURES, PERIOD_FAILURES, PERIOD_RUNS, RUNS
from monitors.rules import queries
from monitors.rules.burn_rates import BurnRates, Pair

Object = dict[str, Any]

DATA_SOURCE = "prometheus"
TARGET = "alertmanager"
REMARK = "OpenSLO v1; {{.window}} in a query stands for the window that is looked at."

_CALENDAR = {"month": "1M", "year": "1Y"}
_ANY_YEAR = "2026-01-01 00:00:00"
"""A moment at which a month and a year begin; v1 wants one."""


def build(configuration: Configuration, rates: BurnRates) -> list[Object]:
    """Return every document, those that others refer to first."""
    systems = configuration.systems
    built = [
        _object(
            "DataSource", DATA_SOURCE, {"type": "Prometheus", "connectionDetails": {}}, "Where monitors are scraped"
        ),
        _notification(),
        *(each for pair in rates.pairs for each in (_condition(pair, rates), _policy(pair))),
        *(_service(configuration, name) for name in systems),
        *(_rolling(configuration, name, rates) for name in systems),
        *(_calendar(configuration, name, period) for name in systems for period in _CALENDAR),
    ]
    for each in built:
        validate(Document(each["metadata"]["name"], each), KINDS[each["kind"]])
    return built


def _object(kind: str, name: str, spec: Object, title: str, labels: dict[str, str] | None = None) -> Object:
    metadata = {"name": name, "displayName": title, **({"labels": labels} if labels else {})}
    return {"apiVersion": VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _labels(configuration: Configuration, system: str) -> dict[str, str]:
    return {"system": system, "owner": configuration.owner_of[system].id}


def _notification() -> Object:
    description = "Alertmanager decides who is told, by the labels owner and severity."
    return _object("AlertNotificationTarget", TARGET, {"description": description, "target": TARGET}, "Alertmanager")


def _name(pair: Pair) -> str:
    return f"{pair.severity}-{pair.long}-{pair.short}"


def _condition(pair: Pair, rates: BurnRates) -> Object:
    description = (
        f"The rule {pair.alert} fires when the budget burns faster than this over {pair.long} and over {pair.short}, "
        f"and at least {rates.min_failures} runs failed in {pair.long}. {pair.factor:g} spends "
        f"{rates.spent(pair):.0%} of the budget of {rates.period} in {pair.long}."
    )
    condition = {"kind": "burnrate", "op": "gt", "threshold": pair.factor, "lookbackWindow": pair.long}
    spec = {"description": description, "severity": pair.severity, "condition": condition}
    return _object("AlertCondition", _name(pair), spec, f"Burn rate above {pair.factor:g} over {pair.long}")


def _policy(pair: Pair) -> Object:
    spec = {
        "alertWhenNoData": False,
        "alertWhenResolved": True,
        "alertWhenBreaching": True,
        "conditions": [{"conditionRef": _name(pair)}],
        "notificationTargets": [{"targetRef": TARGET}],
    }
    return _object("AlertPolicy", _name(pair), spec, f"{pair.alert} over {pair.long}")


def _service(configuration: Configuration, name: str) -> Object:
    system = configuration.systems[name]
    return _object("Service", name, {"description": system.purpose}, system.name, _labels(configuration, name))


def _rolling(configuration: Configuration, name: str, rates: BurnRates) -> Object:
    selected = {
        "system": name,
        "probe": "|".join(sorted(configuration.systems[name].objective.measured_by)),
        "window": queries.UNPLANNED,
    }
    bad, runs = (total(increase(metric, WINDOW, **selected)) for metric in (FAILURES, RUNS))
    window = {"duration": rates.period, "isRolling": True}
    slo = _slo(configuration, name, rates.period, window, _ratio(bad, runs, counter=True))
    slo["spec"]["alertPolicies"] = [{"alertPolicyRef": _name(pair)} for pair in rates.pairs]
    return slo


def _calendar(configuration: Configuration, name: str, period: str) -> Object:
    selected = {"system": name, "period": period, "window": queries.UNPLANNED}
    bad, runs = (total(select(metric, **selected)) for metric in (PERIOD_FAILURES, PERIOD_RUNS))
    window = {"duration": _CALENDAR[period], "calendar": {"startTime": _ANY_YEAR, "timeZone": ZONE.key}}
    return _slo(configuration, name, period, window, _ratio(bad, runs, counter=False))


def _ratio(bad: str, runs: str, *, counter: bool) -> Object:
    return {"counter": counter, "bad": _metric(bad), "total": _metric(runs)}


def _metric(query: str) -> Object:
    return {"metricSource": {"metricSourceRef": DATA_SOURCE, "type": "Prometheus", "spec": {"query": query}}}


def _slo(configuration: Configuration, name: str, period: str, window: Object, ratio: Object) -> Object:
    system = configuration.systems[name]
    spec = {
        "description": "Share of the runs of its probes that passed, planned maintenance excluded.",
        "service": name,
        "indicator": {"metadata": {"name": f"{name}-{period}"}, "spec": {"ratioMetric": ratio}},
        "timeWindow": [window],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": "Availability", "targetPercent": system.objective.target}],
    }
    title = f"{system.name}: availability over {period}"
    return _object("SLO", f"{name}-{period}", spec, title, _labels(configuration, name))
