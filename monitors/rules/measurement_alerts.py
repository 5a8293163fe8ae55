"""Alerts for when nothing, or too little, is measured. Pure.

A monitor that is gone can never make a ratio of failures rise, so silence has alerts of its own.
"""

from __future__ import annotations

from collections import defaultdict

from config import Configuration
from config.promql import increase, ratio, select, total
from monitors.metrics import INTERVAL, RUNS, UNKNOWN
from monitors.rules import queries
from monitors.rules.burn_rates import BurnRates, at_least
from monitors.rules.queries import OPERATOR
from monitors.rules.rule import NO_MONITOR, WHILE_A_MONITOR_LIVES, Rule, alert, budget_of, slowest

SILENCE = "5m"
"""How long a system may go without a verdict; twenty runs at the default interval, and four at any."""

UNKNOWN_OVER = "30m"
"""How long runs without a verdict are looked at; six runs of a telephone line."""


def alerts(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Return the alerts about the monitors themselves, and about what they do not see."""
    return [
        _monitor_down(),
        _vantage_silent(),
        *_systems_not_measured(configuration),
        _runs_without_verdict(rates.min_failures),
        *_coverage_low(configuration, rates.min_failures),
    ]


def _monitor_down() -> Rule:
    return alert(
        "MonitorDown",
        "page",
        NO_MONITOR,
        wait="2m",
        owner=OPERATOR,
        summary="No monitor exports anything",
        description=(
            "For 2 minutes Prometheus has received nothing from any monitor. Nobody knows whether the systems work, "
            "and no other alert about them can fire."
        ),
    )


def _vantage_silent() -> Rule:
    return alert(
        "VantageSilent",
        "ticket",
        f"max by (vantage) (last_over_time({select(INTERVAL)}[1d]))\n"
        f"unless on (vantage) {select(INTERVAL)}\n"
        f"{WHILE_A_MONITOR_LIVES}",
        wait="5m",
        owner=OPERATOR,
        summary="The monitor at {{ $labels.vantage }} is silent",
        description=(
            "The monitor at {{ $labels.vantage }} probed at least every {{ $value | humanizeDuration }} within the "
            "last day and has been silent for 5 minutes. Other vantage points go on measuring."
        ),
    )


def _systems_not_measured(configuration: Configuration) -> list[Rule]:
    by_silence = defaultdict[str, list[str]](list)
    for name in configuration.systems:
        by_silence[at_least(SILENCE, slowest(configuration, name))].append(name)
    probes = queries.measuring_probes(configuration)
    return [
        alert(
            "SystemNotMeasured",
            "page",
            f"{budget_of(configuration, systems)}\n"
            f"unless on (system) {total(increase(RUNS, silence, probe=probes), 'system')} > 0\n"
            f"{WHILE_A_MONITOR_LIVES}",
            wait=SILENCE,
            summary="{{ $labels.system }} is not being measured",
            description=(
                f"For {silence} and more, no probe that counts for {{{{ $labels.system }}}} has given a verdict, while "
                "the monitor runs. Its availability is unknown, not good."
            ),
            labels={"silence": silence},
        )
        for silence, systems in by_silence.items()
    ]


def _runs_without_verdict(floor: int) -> Rule:
    unknown, verdicts = (total(increase(metric, UNKNOWN_OVER), "system", "vantage") for metric in (UNKNOWN, RUNS))
    return alert(
        "RunsWithoutVerdict",
        "ticket",
        f"{ratio(unknown, f'{unknown} + {verdicts}')} > 0.5\nand {unknown} >= {floor}",
        wait="5m",
        owner=OPERATOR,
        summary="Most runs for {{ $labels.system }} from {{ $labels.vantage }} end without a verdict",
        description=(
            f"Over {UNKNOWN_OVER}, {{{{ $value | humanizePercentage }}}} of the runs for {{{{ $labels.system }}}} from "
            "{{ $labels.vantage }} ended as unknown: the prober itself is in trouble, and coverage falls."
        ),
    )


def _coverage_low(configuration: Configuration, floor: int) -> list[Rule]:
    """Compare the last hour with what a figure needs to be judged at all (`min_coverage` of the objective)."""
    by_least = defaultdict[float, list[str]](list)
    for name, system in configuration.systems.items():
        by_least[system.objective.min_coverage].append(name)
    return [
        alert(
            "CoverageLow",
            "ticket",
            f"{queries.coverage('1h', **_chosen(configuration, systems))} < {round(least / 100, 9):g}\n"
            f"and on (system) {queries.MISSING} >= {floor}",
            wait="5m",
            owner=OPERATOR,
            summary="Only {{ $value | humanizePercentage }} of the runs for {{ $labels.system }} gave a verdict",
            description=(
                "Over 1h, {{ $value | humanizePercentage }} of the runs that were due for {{ $labels.system }} gave a "
                f"verdict, less than the {least:g} % below which its availability is shown, not judged. The others "
                "never began, or could not tell."
            ),
            labels={"floor": f"{least:g}"},
        )
        for least, systems in by_least.items()
        if least
    ]


def _chosen(configuration: Configuration, systems: list[str]) -> dict[str, str]:
    return {"system": "|".join(systems)} if len(systems) < len(configuration.systems) else {}
