"""Unit tests for the generated rules, in the format of `promtool test rules`. Pure.

They ship beside the rules, so that whoever deploys them can see them work. Every case starts from a healthy estate and
changes some series. A sample stands for 15 s, and no case is longer than 500 minutes: promtool simulates every sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config import Configuration
from config.metric import Metric
from monitors.metrics import FAILURES, INTERVAL, RUNS, UNKNOWN
from monitors.rules.rules import ratio_record

SAMPLES_PER_MINUTE = 4
VANTAGE = "here"
ELSEWHERE = "there"

Series = tuple[Metric, str, str]
"""Metric, probe, and the value of the metric's last label: window, cause, or empty."""

Labels = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Which series differ from a healthy estate, and which alerts fire at which minute.

    `also` adds series of other vantage points. `absent` lists queries that must return nothing at the
    last minute that `firing` names.
    """

    name: str
    changed: Mapping[Series, str]
    firing: Mapping[int, list[Labels]]
    also: Mapping[str, Mapping[Series, str]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The last minute that the case looks at."""
        return max(self.firing)


def build(configuration: Configuration, rules_file: str) -> dict[str, Any]:
    """Return the test file as plain data; `rules_file` is the path from the test file to the rules."""
    system = next(iter(configuration.systems))
    probes = configuration.systems[system].objective.measured_by
    cases = [
        _outage(system, probes),
        _planned_window(probes),
        _single_failure(probes),
        _slow_burn(system, probes),
        _dead_exporter(configuration),
        _idle_system(system, probes),
        _without_verdict(system, probes),
        _silent_vantage(probes),
    ]
    for name, one in configuration.systems.items():
        if one.quorum > 1:
            cases += _quorum(name, one.objective.measured_by, one.quorum)
    return {
        "rule_files": [rules_file],
        "evaluation_interval": "1m",
        "tests": [_test(case, configuration) for case in cases],
    }


def _outage(system: str, probes: list[str]) -> Case:
    page = {"alertname": "AvailabilityBurnsFast", "severity": "page", "system": system}
    ticket = {"alertname": "AvailabilityBurnsSlowly", "severity": "ticket", "system": system}
    return Case(
        "ten minutes of unplanned outage page; the page ends after the outage, the ticket stays",
        {(FAILURES, probe, "none"): counter((30, 0), (10, 1), (80, 0)) for probe in probes},
        {30: [], 40: [page, ticket], 120: [ticket]},
    )


def _planned_window(probes: list[str]) -> Case:
    changed = {}
    for probe in probes:
        changed[(RUNS, probe, "none")] = counter((30, 1), (20, 0), (10, 1))
        changed[(RUNS, probe, "planned")] = counter((30, 0), (20, 1), (10, 0))
        changed[(FAILURES, probe, "planned")] = counter((30, 0), (20, 1), (10, 0))
    changed[(FAILURES, probes[0], "none")] = counter((50, 0), (0.25, 1), (9.75, 0))
    return Case(
        "an outage in a planned window is quiet, and so is one failed run right after it",
        changed,
        {40: [], 50: [], 51: [], 60: []},
    )


def _single_failure(probes: list[str]) -> Case:
    return Case(
        "a single failed run is quiet, even when little has been measured yet",
        {(FAILURES, probes[0], "none"): counter((2, 0), (0.25, 1), (57.75, 0))},
        {3: [], 10: [], 60: []},
    )


def _slow_burn(system: str, probes: list[str]) -> Case:
    # One failed run in 200 is 0.5 %: above 3 * 0.1 %, below 6 * 0.1 %.
    failing = counter(*[(49.75, 0), (0.25, 1)] * 8)
    return Case(
        "one failed run in two hundred makes a ticket, not a page",
        {(FAILURES, probe, "none"): failing for probe in probes},
        {45: [], 390: [{"alertname": "AvailabilityBurnsSlowly", "severity": "ticket", "system": system}]},
    )


def _dead_exporter(configuration: Configuration) -> Case:
    return Case(
        "a dead exporter fires the alert about missing data, and no other",
        {series: f"{values} stale" for series, values in _healthy(configuration, 30).items()},
        {30: [], 40: [{"alertname": "MonitorDown", "severity": "page"}]},
    )


def _idle_system(system: str, probes: list[str]) -> Case:
    return Case(
        "a system without runs has no ratio, not NaN, and is reported as not measured",
        {(RUNS, probe, "none"): counter((40, 0)) for probe in probes},
        {4: [], 40: [{"alertname": "SystemNotMeasured", "severity": "page", "system": system}]},
        absent=[f'{ratio_record("1h")}{{system="{system}"}}'],
    )


def _without_verdict(system: str, probes: list[str]) -> Case:
    ticket = {"alertname": "RunsWithoutVerdict", "severity": "ticket", "system": system, "vantage": VANTAGE}
    return Case(
        "runs without a verdict are neither up nor down: a ticket about the prober",
        {(UNKNOWN, probe, "broken_probe"): counter((20, 0), (40, 2)) for probe in probes},
        {20: [], 60: [ticket]},
    )


def _silent_vantage(probes: list[str]) -> Case:
    ticket = {"alertname": "VantageSilent", "severity": "ticket", "vantage": ELSEWHERE}
    return Case(
        "one of two vantage points that stops makes a ticket, and the other goes on",
        {},
        {20: [], 40: [ticket]},
        also={ELSEWHERE: {(INTERVAL, probe, ""): f"15+0x{20 * SAMPLES_PER_MINUTE} stale" for probe in probes}},
    )


def _quorum(system: str, probes: list[str], quorum: int) -> list[Case]:
    """With one vantage point more than the quorum: too few see an outage, enough do, or the others are blind."""
    page = {"alertname": "AvailabilityBurnsFast", "severity": "page", "system": system}
    ticket = {"alertname": "AvailabilityBurnsSlowly", "severity": "ticket", "system": system}
    outage = {(FAILURES, probe, "none"): counter((30, 0), (10, 1)) for probe in probes}
    healthy = {(FAILURES, probe, "none"): counter((40, 0)) for probe in probes}
    runs = {(RUNS, probe, "none"): counter((40, 1)) for probe in probes}
    blind = {(RUNS, probe, "none"): counter((40, 0)) for probe in probes}
    others = [f"{ELSEWHERE}-{number}" for number in range(1, quorum + 1)]

    def seen_by(failing: int) -> dict[str, dict[Series, str]]:
        return {other: runs | (outage if number < failing else healthy) for number, other in enumerate(others, start=1)}

    return [
        Case(
            f"{system}: an outage that {quorum - 1} of {quorum + 1} vantage points see is a ticket, not a page",
            outage,
            {30: [], 40: [ticket]},
            also=seen_by(quorum - 1),
        ),
        Case(
            f"{system}: an outage that {quorum} of {quorum + 1} vantage points see pages",
            outage,
            {30: [], 40: [page, ticket]},
            also=seen_by(quorum),
        ),
        Case(
            f"{system}: a vantage point that is blind has no vote, and the one that sees decides alone",
            outage,
            {30: [], 40: [page, ticket]},
            also=dict.fromkeys(others, healthy | blind),
        ),
    ]


def counter(*stretches: tuple[float, int]) -> str:
    """Write a counter in promtool's notation: from 0, for each (minutes, step) growing by `step` a sample."""
    parts, value = ["0"], 0
    for minutes, step in stretches:
        samples = round(minutes * SAMPLES_PER_MINUTE)
        parts.append(f"{value + step}+{step}x{samples - 1}")
        value += step * samples
    return " ".join(parts)


def _healthy(configuration: Configuration, minutes: int) -> dict[Series, str]:
    """Every probe that measures an objective runs and passes."""
    series: dict[Series, str] = {}
    for system in configuration.systems.values():
        for probe in system.objective.measured_by:
            series[(RUNS, probe, "none")] = counter((minutes, 1))
            series[(FAILURES, probe, "none")] = counter((minutes, 0))
            series[(INTERVAL, probe, "")] = f"15+0x{minutes * SAMPLES_PER_MINUTE}"
    return series


def _test(case: Case, configuration: Configuration) -> dict[str, Any]:
    series = {**_healthy(configuration, case.end), **case.changed}
    checks = [
        {
            "expr": 'max by (alertname, severity, system, vantage) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": _braces(alert), "value": 1} for alert in alerts],
        }
        for minute, alerts in case.firing.items()
    ]
    checks += [{"expr": query, "eval_time": f"{case.end}m", "exp_samples": []} for query in case.absent]
    return {
        "name": case.name,
        "interval": "15s",
        "input_series": [
            {"series": _name(one, vantage, configuration), "values": values}
            for vantage, group in {VANTAGE: series, **case.also}.items()
            for one, values in group.items()
        ],
        "promql_expr_test": checks,
    }


def _name(series: Series, vantage: str, configuration: Configuration) -> str:
    metric, probe, last = series
    system = next(system for system, name, _ in configuration.probes() if name == probe)
    values = [value for value in (system, probe, vantage, last) if value]
    return f"{metric}{_braces(dict(zip(metric.labels, values, strict=True)))}"


def _braces(labels: Labels) -> str:
    return "{" + ", ".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
