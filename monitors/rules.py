"""Prometheus rules from the estate: error ratios, burn-rate alerts, and alerts for when nothing is measured. Pure.

A pair of burn-rate windows fires when

    error ratio (long)  > factor * budget   and   error ratio (short) > factor * budget   and   failures (long) ≥ floor

with budget = 1 - objective. Maintenance needs no gate here: each run carries the window it was measured in, and only
unplanned ones are counted. A monitor that is gone can never make a ratio rise, so silence has alerts of its own.
"""

from __future__ import annotations

from typing import Any

from config import Configuration
from config.promql import increase, ratio, select, total
from monitors import queries
from monitors.burn_rates import BurnRates, Pair, Severity
from monitors.metrics import FAILURES, INTERVAL, RUNS, UNKNOWN

Rule = dict[str, Any]

OPERATOR = "piekwacht"
"""Owner of the alerts about the measurement itself."""

BUDGET = "system:piekwacht_error_budget:ratio"
"""One series per system of the estate: 1 - objective, with the owner and the objective (per cent) as labels."""

SILENCE = "5m"
"""How long a system may go without a verdict; twenty runs at the default interval."""

_FAILURES = f"system:{FAILURES.name.removesuffix('_total')}"
_RUNS = f"system:{RUNS.name.removesuffix('_total')}"


def failures_record(window: str) -> str:
    """Name the recorded number of unplanned failed runs over `window`, per system."""
    return f"{_FAILURES}:increase{window}"


def ratio_record(window: str) -> str:
    """Name the recorded share of unplanned runs that failed over `window`, per system."""
    return f"{_FAILURES}:ratio_increase{window}"


def build(configuration: Configuration, rates: BurnRates) -> dict[str, Any]:
    """Return the rule file as plain data: groups of recording and alerting rules."""
    probes = queries.measuring_probes(configuration)
    return {
        "groups": [
            {"name": "piekwacht-budgets", "rules": _budgets(configuration)},
            {
                "name": "piekwacht-availability",
                "rules": [rule for window in rates.windows for rule in _records(window, probes)]
                + [_burn_alert(pair, rates) for pair in rates.pairs],
            },
            {"name": "piekwacht-measurement", "rules": _measurement_alerts(probes)},
        ]
    }


def _budgets(configuration: Configuration) -> list[Rule]:
    return [
        {
            "record": BUDGET,
            "expr": f"vector({round(1 - system.objective.target / 100, 9):g})",
            "labels": {
                "system": name,
                "owner": configuration.owner_of[name].id,
                "objective": f"{system.objective.target:g}",
            },
        }
        for name, system in configuration.systems.items()
    ]


def _records(window: str, probes: str) -> list[Rule]:
    runs = f"{_RUNS}:increase{window}"
    return [
        {"record": runs, "expr": queries.runs(window, "system", probe=probes)},
        {"record": failures_record(window), "expr": queries.failures(window, "system", probe=probes)},
        {"record": ratio_record(window), "expr": f"{failures_record(window)} / ({runs} > 0)"},
    ]


def _burn_alert(pair: Pair, rates: BurnRates) -> Rule:
    limit = f"{pair.factor:g} * {BUDGET}"
    expression = (
        f"{ratio_record(pair.long)} > on (system) group_left (owner, objective) {limit}\n"
        f"and on (system) {ratio_record(pair.short)} > on (system) {limit}\n"
        f"and on (system) {failures_record(pair.long)} >= {rates.min_failures}"
    )
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
