"""What is marked on every graph: windows, incidents, pages, load tests, deploys, and the monitor's own starts.

Each kind is one stretch, or a few: stretches on top of each other hide the graph.
"""

from __future__ import annotations

from config import Configuration
from config.promql import select
from dashboards import palette
from dashboards.grafana import JsonObject, annotation, told_annotation
from dashboards.pace import pace_of
from loadtests import metrics as load
from monitors import metrics
from monitors.rules import queries
from monitors.rules.queries import VOTES

OTHERWISE_0 = "or on () vector(0)"
"""For alerts and load tests: no series means that there are none."""

TWO_RUNS = "30s"
"""Longer than an interval of quick probes: a gauge that stood at 0 all the while failed twice in a row."""

DEPLOY = "deploy"
"""The tag of annotations in Grafana that tell of a deploy; whoever deploys a system sets it."""

LOAD_TEST = ("piekwacht", "load test")
"""Tags of what `load run --annotate` tells Grafana: also of runs that Prometheus does not scrape."""


def marks(configuration: Configuration, system: str) -> list[JsonObject]:
    """Mark what happened to systems (a regular expression), to the monitor, and what was done to them."""
    scope = {"system": system}
    windows = f"max by (window) ({select(metrics.WINDOW_ACTIVE, window='planned|overrun|aftermath', **scope)})"
    paging = f'ALERTS{{alertstate="firing", severity="page", system=~"|{system}"}}'
    # The minute in which somebody was woken: as long as it fires, an incident is marked.
    pages = f"max by (alertname) ({paging}) unless max by (alertname) ({paging} offset 1m) {OTHERWISE_0}"
    running = f"max by (campaign) ({select(load.PROGRESS)} < bool 1) {OTHERWISE_0}"
    return [
        annotation("Windows", windows, palette.PLANNED, "{{window}}", ["window"]),
        annotation("Incidents", f"max({incidents(configuration, **scope)})", palette.WARNING, "a system is down"),
        annotation("Pages", pages, palette.BAD, "{{alertname}}", ["alertname"]),
        annotation("Load tests", running, palette.UNKNOWN, "load test {{campaign}}", ["campaign"]),
        told_annotation("Announced load tests", palette.UNKNOWN, LOAD_TEST),
        told_annotation("Deploys", palette.NEUTRAL, [DEPLOY]),
        annotation("Monitor", _monitor_began(), palette.OWN, "monitor {{version}} read its configuration", ["version"]),
    ]


def _monitor_began() -> str:
    """Return 1 for a minute from each start of a monitor and each reload, with its version."""
    began = f"(time() - {select(metrics.CONFIG_LOADED)} < bool 60)"
    return f"max by (version) ({began} * on (instance) group_left (version) {select(metrics.BUILD)})"


def incidents(configuration: Configuration, **scope: str) -> str:
    """Return for each system whether it is down (1 or 0), as `monitors.incidents` says it, as far as gauges tell.

    A vantage point sees it down while a probe that measures it failed twice in a row: its gauge stands at 0 for longer
    than an interval. Down, while vantage points that see it down >= min(quorum, those with a verdict).
    """
    down = _seen_down(configuration, **scope)
    seeing = f"count by (system) ({down})"
    voting = any(system.quorum > 1 for system in configuration.systems.values())
    needed = f"({VOTES} or on (system) 0 * {seeing} + 1)" if voting else "1"
    by = "on (system) " if voting else ""
    return f"sum by (system) ({down}) >= bool {by}{needed}"


def _seen_down(configuration: Configuration, **scope: str) -> str:
    """Return for each system and vantage point whether the one sees the other down, 1 or 0."""
    pace, probes = pace_of(configuration), queries.measuring_probes(configuration)
    failing = pace.over(
        lambda period, **labels: f"max_over_time({select(metrics.SUCCESS, **labels)}[{period}])",
        quick=TWO_RUNS,
        slow=f"{pace.interval + 30:.0f}s",
        probe=probes,
        **scope,
    )
    return f"(min by (system, vantage) ({failing}) == bool 0)"
