"""Prometheus rules from the estate: error ratios, burn-rate alerts, and alerts for when nothing is measured. Pure.

A pair of burn-rate windows fires when

    error ratio (long)  > factor * budget   and   error ratio (short) > factor * budget   and   failures (long) ≥ floor

with budget = 1 - objective. A system with a quorum of vantage points pages when the pair fires in enough of them:

    vantage points in which the pair fires  >=  min(quorum, vantage points with a verdict in the shortest window)

so that one that fails or is blind stays a ticket. Maintenance needs no gate here: each run carries the window it was
measured in, and only unplanned ones are counted. A monitor that is gone can never make a ratio rise, so silence has
alerts of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config import Configuration
from config.metric import Metric
from config.promql import increase, ratio, select, total
from monitors.metrics import FAILURES, INTERVAL, RUNS, UNKNOWN
from monitors.rules import queries
from monitors.rules.burn_rates import BurnRates, Pair, Severity

Rule = dict[str, Any]

OPERATOR = "piekwacht"
"""Owner of the alerts about the measurement itself."""

BUDGET = "system:piekwacht_error_budget:ratio"
"""One series per system of the estate: 1 - objective, with the owner and the objective (per cent) as labels."""

VOTES = "system:piekwacht_votes_needed:count"
"""One series per system with a quorum above 1: how many vantage points must see it burn, labelled as its budget is.

Who is blind has no vote: where fewer than the quorum have a verdict, all of them decide.
"""

SILENCE = "5m"
"""How long a system may go without a verdict; twenty runs at the default interval."""

BY_SYSTEM = ("system",)
BY_VANTAGE = ("system", "vantage")


def failures_record(window: str, by: Sequence[str] = BY_SYSTEM) -> str:
    """Name the recorded number of unplanned failed runs over `window`, per system or vantage point of a system."""
    return f"{_record(FAILURES, by)}:increase{window}"


def ratio_record(window: str, by: Sequence[str] = BY_SYSTEM) -> str:
    """Name the recorded share of unplanned runs that failed over `window`, per system or vantage point of a system."""
    return f"{_record(FAILURES, by)}:ratio_increase{window}"


def _record(metric: Metric, by: Sequence[str]) -> str:
    return f"{'_'.join(by)}:{metric.name.removesuffix('_total')}"


def build(configuration: Configuration, rates: BurnRates) -> dict[str, Any]:
    """Return the rule file as plain data: groups of recording and alerting rules."""
    probes = queries.measuring_probes(configuration)
    availability = [rule for window in rates.windows for rule in _records(window, BY_SYSTEM, probe=probes)]
    voting = [name for name, system in configuration.systems.items() if system.quorum > 1]
    groups = [
        {"name": "piekwacht-budgets", "rules": _budgets(configuration)},
        {
            "name": "piekwacht-availability",
            "rules": availability + [_burn_alert(pair, rates, voting) for pair in rates.pairs],
        },
        {"name": "piekwacht-measurement", "rules": _measurement_alerts(probes)},
    ]
    if voting:
        groups.insert(2, {"name": "piekwacht-quorum", "rules": _quorum(configuration, rates, voting, probes)})
    return {"groups": groups}


def _budgets(configuration: Configuration) -> list[Rule]:
    return [
        {
            "record": BUDGET,
            "expr": f"vector({round(1 - system.objective.target / 100, 9):g})",
            "labels": _labels(configuration, name),
        }
        for name, system in configuration.systems.items()
    ]


def _labels(configuration: Configuration, name: str) -> dict[str, str]:
    """Return what an alert about a system inherits."""
    objective = configuration.systems[name].objective.target
    return {"system": name, "owner": configuration.owner_of[name].id, "objective": f"{objective:g}"}


def _records(window: str, by: Sequence[str], **labels: str) -> list[Rule]:
    runs, failures = f"{_record(RUNS, by)}:increase{window}", failures_record(window, by)
    return [
        {"record": runs, "expr": queries.runs(window, *by, **labels)},
        {"record": failures, "expr": queries.failures(window, *by, **labels)},
        {"record": ratio_record(window, by), "expr": f"{failures} / ({runs} > 0)"},
    ]


def _burn_alert(pair: Pair, rates: BurnRates, voting: Sequence[str]) -> Rule:
    """Judge all runs together; for a page, only those of systems without a quorum."""
    limit = f"{pair.factor:g} * {BUDGET}"
    expression = (
        f"{ratio_record(pair.long)} > on (system) group_left (owner, objective) {limit}\n"
        f"and on (system) {ratio_record(pair.short)} > on (system) {limit}\n"
        f"and on (system) {failures_record(pair.long)} >= {rates.min_failures}"
    )
    if voting and pair.severity == "page":
        expression += f'\nunless on (system) {BUDGET}{{system=~"{"|".join(voting)}"}}'
    return _alert(
        pair.alert,
        pair.severity,
        expression,
        summary="{{ $labels.system }} spends its error budget too fast",
        description=(
            f"Over {pair.long}, {{{{ $value | humanizePercentage }}}} of the runs that count for "
            f"{{{{ $labels.system }}}} failed, and over {pair.short} it went on. The objective of "
            f"{{{{ $labels.objective }}}} % allows fewer: this alert fires at a burn rate of {pair.factor:g}, which "
            f"spends {rates.spent(pair):.0%} of the budget of {rates.period} in {pair.long}."
        ),
        labels={"pair": f"{pair.long}/{pair.short}"},
    )


def _quorum(configuration: Configuration, rates: BurnRates, voting: Sequence[str], probes: str) -> list[Rule]:
    """Judge the runs of each vantage point by themselves, and page when enough of them see it."""
    pages = [pair for pair in rates.pairs if pair.severity == "page"]
    windows = [window for window in rates.windows if any(window in {pair.long, pair.short} for pair in pages)]
    systems = "|".join(voting)
    return [
        *(rule for window in windows for rule in _records(window, BY_VANTAGE, probe=probes, system=systems)),
        *(_votes(configuration, name, windows[0]) for name in voting),
        *(_quorum_alert(pair, rates) for pair in pages),
    ]


def _votes(configuration: Configuration, name: str, window: str) -> Rule:
    seeing = f'count by (system) ({ratio_record(window, BY_VANTAGE)}{{system="{name}"}})'
    quorum = configuration.systems[name].quorum
    return {"record": VOTES, "expr": f"clamp_max({seeing}, {quorum})", "labels": _labels(configuration, name)}


def _quorum_alert(pair: Pair, rates: BurnRates) -> Rule:
    limit = f"{pair.factor:g} * {BUDGET}"
    long, short = ratio_record(pair.long, BY_VANTAGE), ratio_record(pair.short, BY_VANTAGE)
    expression = (
        "count by (system) (\n"
        f"  {long} > on (system) group_left () {limit}\n"
        f"  and {short} > on (system) group_left () {limit}\n"
        f"  and {failures_record(pair.long, BY_VANTAGE)} >= {rates.min_failures}\n"
        f") >= on (system) group_left (owner, objective) {VOTES}"
    )
    return _alert(
        pair.alert,
        pair.severity,
        expression,
        summary="{{ $labels.system }} spends its error budget too fast, seen from {{ $value }} vantage points",
        description=(
            f"From {{{{ $value }}}} vantage points, enough for its quorum, too many of the runs that count for "
            f"{{{{ $labels.system }}}} failed over {pair.long}, and over {pair.short} it went on. The objective of "
            f"{{{{ $labels.objective }}}} % allows fewer: this alert fires at a burn rate of {pair.factor:g}, which "
            f"spends {rates.spent(pair):.0%} of the budget of {rates.period} in {pair.long}."
        ),
        labels={"pair": f"{pair.long}/{pair.short}", "seen_by": "quorum"},
    )


def _measurement_alerts(probes: str) -> list[Rule]:
    return [_monitor_down(), _vantage_silent(), _system_not_measured(probes), _runs_without_verdict()]


# A monitor that is down fires one alert, not one for every system: the others hold only while a monitor exports.
_NO_MONITOR = f"absent({select(INTERVAL)})"
_WHILE_A_MONITOR_LIVES = f"unless on () {_NO_MONITOR}"


def _monitor_down() -> Rule:
    return _alert(
        "MonitorDown",
        "page",
        _NO_MONITOR,
        wait="2m",
        owner=OPERATOR,
        summary="No monitor exports anything",
        description=(
            "For 2 minutes Prometheus has received nothing from any monitor. Nobody knows whether the systems work, "
            "and no other alert about them can fire."
        ),
    )


def _vantage_silent() -> Rule:
    return _alert(
        "VantageSilent",
        "ticket",
        f"max by (vantage) (last_over_time({select(INTERVAL)}[1d]))\n"
        f"unless on (vantage) {select(INTERVAL)}\n"
        f"{_WHILE_A_MONITOR_LIVES}",
        wait="5m",
        owner=OPERATOR,
        summary="The monitor at {{ $labels.vantage }} is silent",
        description=(
            "The monitor at {{ $labels.vantage }} probed at least every {{ $value | humanizeDuration }} within the "
            "last day and has been silent for 5 minutes. Other vantage points go on measuring."
        ),
    )


def _system_not_measured(probes: str) -> Rule:
    verdicts = total(increase(RUNS, SILENCE, probe=probes), "system")
    return _alert(
        "SystemNotMeasured",
        "page",
        f"{BUDGET}\nunless on (system) {verdicts} > 0\n{_WHILE_A_MONITOR_LIVES}",
        wait=SILENCE,
        summary="{{ $labels.system }} is not being measured",
        description=(
            f"For {SILENCE} and more, no probe that counts for {{{{ $labels.system }}}} has given a verdict, while the "
            "monitor runs. Its availability is unknown, not good."
        ),
    )


def _runs_without_verdict() -> Rule:
    unknown, verdicts = (total(increase(metric, "15m"), "system", "vantage") for metric in (UNKNOWN, RUNS))
    return _alert(
        "RunsWithoutVerdict",
        "ticket",
        f"{ratio(unknown, f'{unknown} + {verdicts}')} > 0.5",
        wait="5m",
        owner=OPERATOR,
        summary="Most runs for {{ $labels.system }} from {{ $labels.vantage }} end without a verdict",
        description=(
            "Over 15m, {{ $value | humanizePercentage }} of the runs for {{ $labels.system }} from "
            "{{ $labels.vantage }} ended as unknown: the prober itself is in trouble, and coverage falls."
        ),
    )


def _alert(
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
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"docs/runbooks/{name}.md",
        },
    }
