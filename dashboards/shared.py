"""What several dashboards show in the same way: their addresses, states of probes, alerts, windows, reasons."""

from __future__ import annotations

from collections.abc import Mapping

from grafanalib.core import Panel

from config.promql import or_zero, quantile, rate, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, annotation
from dashboards.panels import NOTHING, Labels, Query, Steps, stat, time_series, timeline
from loadtests import metrics as load
from monitors import metrics

AVAILABILITY_UID = "piekwacht-availability"
LOGIN_UID = "piekwacht-login"
CAMPAIGN_UID = "piekwacht-campaign"
PHONE_UID = "piekwacht-phone"

RATE = "$__rate_interval"
RANGE = "$__range"

STATES: Labels = {0: ("fails", palette.BAD), 1: ("passes", palette.GOOD)}
NONE_IS_GOOD: Steps = [(None, palette.GOOD), (1, palette.BAD)]
AGES: Steps = [(None, palette.GOOD), (60, palette.WARNING), (300, palette.BAD)]


_OTHERWISE_0 = "or on () vector(0)"
"""For alerts and load tests: no series means that there are none."""


def link_to(uid: str) -> str:
    """Return the address of a dashboard, over the same time."""
    return f"/d/{uid}?${{__url_time_range}}"


def failing_now(**scope: str) -> Panel:
    """Count the probes whose last verdict was fail."""
    return stat(
        "Probes failing",
        "How many probes failed in their last run?",
        [Query(f"sum({select(metrics.SUCCESS, **scope)} == bool 0)", instant=True)],
        steps=NONE_IS_GOOD,
    )


def firing_alerts(systems: str) -> Panel:
    """Count the firing alerts of systems (a regular expression), and those of no system, such as a dead monitor.

    ALERTS is Prometheus's own series.
    """
    return stat(
        "Alerts firing",
        "Which notices are out? The rules and their runbooks are in docs/runbooks of the project.",
        [
            Query(_firing("page", systems), "page", instant=True),
            Query(
                _firing("ticket", systems), "ticket", instant=True, steps=[(None, palette.GOOD), (1, palette.WARNING)]
            ),
        ],
        steps=NONE_IS_GOOD,
        show="value_and_name",
    )


def _firing(severity: str, systems: str) -> str:
    """Count the firing alerts of a severity; one that fires by several pairs of windows is one."""
    selected = f'ALERTS{{alertstate="firing", severity="{severity}", system=~"|{systems}"}}'
    return f"count(count by (alertname, system, vantage) ({selected})) {_OTHERWISE_0}"


def oldest_success(ages: Steps = AGES, /, **scope: str) -> Panel:
    """Show the age in seconds of the last success of the probe that waits longest."""
    return stat(
        "Oldest last success",
        "How long ago did the worst probe pass? One that never passed is absent here and counted as failing.",
        [Query(f"max(time() - {select(metrics.LAST_SUCCESS, **scope)})", instant=True)],
        unit="s",
        decimals=0,
        steps=ages,
        none="never passed",
    )


def probe_states(links: Mapping[str, str], **scope: str) -> Panel:
    """Show for each probe when it passed and when it failed."""
    return timeline(
        "State of each probe",
        "Which probe failed when? Gaps are time without measurement.",
        [Query(f"min by (probe, vantage) ({select(metrics.SUCCESS, **scope)})", "{{probe}} @ {{vantage}}")],
        labels=STATES,
        links=[(title, link_to(uid)) for title, uid in links.items()],
    )


def failed_by_reason(**scope: str) -> Panel:
    """Stack the failed probe runs a minute by reason."""
    return time_series(
        "Failed runs a minute, by reason",
        "Why do probes fail? 'none' at 0 means that nothing failed.",
        [Query(per_minute_by_reason(rate(metrics.FAILURES_BY_REASON, RATE, **scope)), "{{reason}}")],
        colours=palette.REASONS | {NOTHING: palette.GOOD},
        stacked=True,
    )


def per_minute_by_reason(per_second: str) -> str:
    """Return events a minute for each reason that occurred, or one series 'none' at 0."""
    return or_zero(f"60 * {total(per_second, 'reason')} > 0", total(per_second), reason=NOTHING)


def latency_by_probe(colours: Mapping[str, str], **scope: str) -> Panel:
    """Draw the 95th percentile of each probe's duration."""
    return time_series(
        "Latency of probes, 95th percentile",
        "How long does a citizen wait, without thinking time? Runs that failed count too.",
        [Query(quantile(0.95, metrics.DURATION, RATE, "probe", **scope), "{{probe}}")],
        unit="s",
        colours=colours,
        ranked=True,
    )


def marks(**scope: str) -> list[JsonObject]:
    """Mark maintenance windows and pages, one stretch for each kind: stretches on top of each other hide the graph."""
    windows = f"max by (window) ({select(metrics.WINDOW_ACTIVE, window='planned|overrun|aftermath', **scope)})"
    pages = f'max by (alertname) (ALERTS{{alertstate="firing", severity="page"}}) {_OTHERWISE_0}'
    return [
        annotation("Windows", windows, palette.PLANNED, "{{window}}", ["window"]),
        annotation("Pages", pages, palette.BAD, "{{alertname}}", ["alertname"]),
    ]


def load_tests() -> JsonObject:
    """Mark load tests."""
    running = f"max by (campaign) ({select(load.PROGRESS)} < bool 1) {_OTHERWISE_0}"
    return annotation("Load tests", running, palette.UNKNOWN, "load test {{campaign}}", ["campaign"])
