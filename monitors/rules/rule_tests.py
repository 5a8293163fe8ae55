"""Unit tests for the generated rules, in the format of `promtool test rules`. Pure.

They ship beside the rules, so that whoever deploys them can see them work. A case has the series of one system only,
and asks for the alerts of that system and for those of none: promtool simulates every sample, so cases are kept short.
A sample stands for 15 s, and so does a run, but for the cases about slow probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from config import Configuration
from config.metric import Metric
from monitors.metrics import FAILURES, INTERVAL, RUNS

SAMPLE = 15
"""Seconds between two samples."""
VANTAGE = "here"
DAY_BEFORE = 30
"""Minutes into which `Scene.seasoned` puts a day of runs."""

Labels = dict[str, str]
Series = dict[str, str]
"""The name of a series with its labels, to its samples in promtool's notation."""
Stretch = tuple[float, int]
"""Minutes, and what each run in them adds to a counter."""


@dataclass(frozen=True)
class Case:
    """Which series there are, and which alerts fire at which minute, for the system and for none.

    At the last minute that `firing` names, the queries of `absent` must return nothing, and those of `values` one value
    each, given to six decimal places.
    """

    name: str
    system: str
    series: Series
    firing: Mapping[int, list[Labels]]
    absent: list[str] = field(default_factory=list)
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The last minute that the case looks at."""
        return max(self.firing)


@dataclass(frozen=True)
class Scene:
    """A system of the estate; its counting probes all run every `interval` seconds here."""

    configuration: Configuration
    system: str
    interval: float = SAMPLE

    @property
    def probes(self) -> list[str]:
        """The probes that count."""
        return self.configuration.systems[self.system].objective.measured_by

    def healthy(self, minutes: float, vantage: str = VANTAGE) -> Series:
        """Every counting probe runs and passes."""
        return {
            **self.counts(RUNS, "none", (minutes, 1), vantage=vantage),
            **self.counts(FAILURES, "none", (minutes, 0), vantage=vantage),
            **self.each(INTERVAL, encode([self.interval] * _samples(minutes)), vantage=vantage),
        }

    def seasoned(self, minutes: float) -> Series:
        """Run and pass, after a day of runs counted in half an hour: what a long window sees needs no long case."""
        return self.healthy(DAY_BEFORE + minutes) | self.counts(RUNS, "none", (DAY_BEFORE, 48), (minutes, 1))

    def counts(self, metric: Metric, last: str, *stretches: Stretch, vantage: str = VANTAGE) -> Series:
        """Count something of every counting probe; `last` is the value of its last label: a window, a cause."""
        return self.each(metric, counter(self.interval, *stretches), vantage=vantage, **{metric.labels[-1]: last})

    def first(self, metric: Metric, last: str, *stretches: Stretch) -> Series:
        """Count it of the first counting probe alone."""
        return dict([next(iter(self.counts(metric, last, *stretches).items()))])

    def each(self, metric: Metric, samples: str, *, vantage: str = VANTAGE, **labels: str) -> Series:
        """Give every counting probe the same samples."""
        return {
            series(metric, system=self.system, probe=probe, vantage=vantage, **labels): samples for probe in self.probes
        }

    def outage(self, *stretches: Stretch, vantage: str = VANTAGE, window: str = "none") -> Series:
        """Failed runs in some of the stretches, in one class of time."""
        return self.counts(FAILURES, window, *stretches, vantage=vantage)

    def page(self, name: str, **labels: str) -> Labels:
        """Return a page about the system."""
        return {"alertname": name, "severity": "page", "system": self.system, **labels}

    def ticket(self, name: str, **labels: str) -> Labels:
        """Return a ticket about the system."""
        return {"alertname": name, "severity": "ticket", "system": self.system, **labels}


def file_of(cases: Iterable[Case], rules_file: str) -> dict[str, Any]:
    """Return the test file as plain data; `rules_file` is the path from the test file to the rules."""
    return {
        "rule_files": [rules_file],
        "evaluation_interval": "1m",
        "tests": [_test(case) for case in cases],
    }


def series(metric: Metric, **labels: str) -> str:
    """Name a series, with its labels in order; `instance` comes from Prometheus."""
    missing = set(metric.labels) ^ (set(labels) - {"instance"})
    if missing:
        raise ValueError(f"{metric}: the labels {', '.join(sorted(missing))} are not its own, or missing")
    return f"{metric}{_braces(labels)}" if labels else str(metric)


def counter(interval: float, *stretches: Stretch) -> str:
    """Write a counter that runs every `interval` seconds add to, from 0 on."""
    values, value, runs, begin = [0], 0, 0, 0.0
    for minutes, step in stretches:
        end = begin + 60 * minutes
        for sample in range(round(begin / SAMPLE) + 1, round(end / SAMPLE) + 1):
            now = int(sample * SAMPLE // interval)
            value, runs = value + step * (now - runs), now
            values.append(value)
        begin = end
    return encode(values)


def stairs(*stretches: tuple[float, float]) -> str:
    """Write a gauge that has each value for so many minutes."""
    return encode([value for minutes, value in stretches for _ in range(_samples(minutes))])


def encode(values: list[float] | list[int]) -> str:
    """Write samples in promtool's notation: each evenly spaced run as FIRST+STEPxREPEATS."""
    steps = [after - before for before, after in pairwise(values)]
    parts, at = [], 0
    while at < len(values):
        end = at
        while end < len(steps) and steps[end] == steps[at]:
            end += 1
        step = steps[at] if end > at else 0
        parts.append(f"{values[at]:.12g}{step:+.12g}x{end - at}")
        at = end + 1
    return " ".join(parts)


def _samples(minutes: float) -> int:
    return round(60 * minutes / SAMPLE)


def _test(case: Case) -> dict[str, Any]:
    mine = f'{{alertstate="firing", severity=~"page|ticket", system=~"{case.system}|"}}'
    checks = [
        {
            "expr": f"max by (alertname, severity, system, vantage) (ALERTS{mine})",
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": _braces(alert), "value": 1} for alert in alerts],
        }
        for minute, alerts in case.firing.items()
    ]
    at = f"{case.end}m"
    checks += [{"expr": query, "eval_time": at, "exp_samples": []} for query in case.absent]
    checks += [
        {
            "expr": f"round(1e6 * max({query}))",
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": round(1e6 * value)}],
        }
        for query, value in case.values.items()
    ]
    return {
        "name": case.name,
        "interval": f"{SAMPLE}s",
        "input_series": [{"series": name, "values": samples} for name, samples in case.series.items()],
        "promql_expr_test": checks,
    }


def _braces(labels: Labels) -> str:
    return "{" + ", ".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
