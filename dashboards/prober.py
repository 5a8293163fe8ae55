"""Dashboard *Prober health*: whether the instrument itself can be trusted, at each vantage point."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration
from config.promql import or_zero, quantile, select, total
from dashboards import palette
from dashboards.about import choices
from dashboards.fields import Labels, Steps
from dashboards.grafana import JsonObject, dashboard
from dashboards.layout import Band, Section, rows_high
from dashboards.links import PROBER_UID, Site
from dashboards.marks import marks
from dashboards.pace import RATE
from dashboards.panels import NOTHING, Query, bars, stat, time_series, timeline
from dashboards.shared import (
    RANGE,
    coverage,
    firing_alerts_of,
    purpose,
    share_without_verdict,
    skipped,
)
from dashboards.subject import Subject, coverage_of_an_hour
from dashboards.tables import Column, table
from monitors import metrics
from monitors.rules.queries import OPERATOR

_PURPOSE = """
**Can the figures be trusted: does every monitor run, probe on time, reach its own network, write down what it saw?**
A monitor in trouble must not blame the systems: its runs end *without a verdict*, lower the coverage, and count neither
as up nor as down. One row or line for each monitor; `instance` is where Prometheus scrapes it.

**First look:** *Monitors that answer*, then *Runs without a verdict a minute, by cause* and *Start lateness*. What the
causes mean: `docs/prober-health.md`; what each alert means and what to do: `docs/runbooks/` of the project. The other
dashboards are linked above.
"""

_ANSWERS: Labels = {0: ("silent", palette.BAD), 1: ("answers", palette.GOOD)}
_LAGS: Steps = [(None, palette.GOOD), (0.1, palette.WARNING), (1, palette.BAD)]
_USED: Steps = [(None, palette.GOOD), (0.8, palette.WARNING), (0.95, palette.BAD)]
_UNKNOWN: Steps = [(None, palette.GOOD), (0.01, palette.WARNING), (0.1, palette.BAD)]
_TAKEN: Labels = {0: ("refused", palette.BAD), 1: ("taken", palette.GOOD)}


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    subject = Subject(configuration, site)
    probes = sum(1 for _ in configuration.probes())
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(
            4,
            [
                _vantage_points(),
                firing_alerts_of(OPERATOR),
                _reloaded(),
                coverage(),
                _unknown_share(subject),
                _latest_start(),
                _last_run(subject),
            ],
            [3, 4, 3, 3, 4, 4, 3],
        ),
        Band(6, [_answering(), _monitors()], [8, 16]),
        Band(8, [_without_verdict(subject), _lateness()]),
        Band(8, [_coverage(subject), _loop_lag()]),
        Band(7, [_references(), _ledger_writes()]),
        Band(8, [skipped(subject), _windows()]),
        Band(rows_high(probes, least=8, most=60), [_schedule(subject)]),
        Section(
            "Saturation",
            [Band(7, [_descriptors(), _runs_a_minute(subject)])],
            "What room do the monitors have left?",
            collapsed=True,
        ),
    ]
    return dashboard(
        PROBER_UID,
        "Prober health",
        "The instrument itself: monitors, lateness, verdicts, coverage, ledger, schedule",
        parts,
        variables=choices(),
        annotations=marks(configuration, "$system"),
        period="6h",
        refresh="30s",
    )


def _vantage_points() -> Panel:
    return stat(
        "Vantage points",
        "From how many places is the estate probed now?",
        [Query(f"count(count by (vantage) ({select(metrics.INTERVAL, vantage='$vantage')}))", instant=True)],
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        none="no monitor",
    )


def _reloaded() -> Panel:
    return stat(
        "Last reload",
        "Did every monitor take its configuration at the last reload? A refused one goes on with the old.",
        [Query(f"min({select(metrics.CONFIG_RELOADED)})", instant=True)],
        steps=[(None, palette.BAD), (1, palette.GOOD)],
        labels=_TAKEN,
    )


def _unknown_share(subject: Subject) -> Panel:
    return stat(
        "Without a verdict",
        "Which share of the runs of this range says nothing about the systems?",
        [Query(share_without_verdict(subject), instant=True)],
        unit="percentunit",
        decimals=1,
        steps=_UNKNOWN,
    )


def _latest_start() -> Panel:
    return stat(
        "Start lateness, p99",
        "How late did 1 of 100 probe runs of this range start?",
        [Query(quantile(0.99, metrics.LATENESS, RANGE), instant=True)],
        unit="s",
        decimals=0,
        steps=_LAGS,
    )


def _last_run(subject: Subject) -> Panel:
    return stat(
        "Last run",
        "How long ago did any probe start?",
        [Query(f"time() - max({select(metrics.LAST_RUN, **subject.scope)})", instant=True)],
        unit="s",
        decimals=0,
        steps=[(None, palette.GOOD), (60, palette.WARNING), (120, palette.BAD)],
    )


def _answering() -> Panel:
    """Show where monitors answer: those that did at some time of the range."""
    seen = select(metrics.INTERVAL, vantage="$vantage")
    here = f"count by (vantage) ({seen})"
    return timeline(
        "Monitors that answer",
        "Which vantage point was silent when? No row: none answered in the last day.",
        [Query(f"{here} > bool 0 or on (vantage) 0 * count by (vantage) (last_over_time({seen}[1d]))", "{{vantage}}")],
        labels=_ANSWERS,
    )


def _monitors() -> Panel:
    def worst(expression: str) -> str:
        return f"max by (instance) ({expression}) * on (instance) group_left (version) {select(metrics.BUILD)}"

    return table(
        "Monitors",
        "How is each monitor? One row for each address that Prometheus scrapes.",
        {"instance": "Instance", "version": "Version"},
        [
            Column("Last reload", worst(select(metrics.CONFIG_RELOADED)), labels=_TAKEN),
            Column("Config age", worst(f"time() - {select(metrics.CONFIG_LOADED)}"), "s", 0),
            Column("Loop lag", worst(select(metrics.LOOP_LAG)), "s", 1, _LAGS),
            Column(
                "Descriptors",
                worst(f"{select(metrics.OPEN_DESCRIPTORS)} / {select(metrics.DESCRIPTOR_LIMIT)}"),
                "percentunit",
                0,
                _USED,
            ),
            Column("Probes", worst(f"count by (instance) ({select(metrics.INTERVAL)})"), "none", 0),
        ],
        first=["-Loop lag"],
    )


def _without_verdict(subject: Subject) -> Panel:
    per_second = subject.pace.rate(metrics.UNKNOWN, **subject.scope)
    unknown = or_zero(f"60 * {total(per_second, 'cause')} > 0", total(per_second), cause=NOTHING)
    return time_series(
        "Runs without a verdict a minute, by cause",
        "Is the prober itself in trouble? Such runs count neither as up nor as down.",
        [Query(unknown, "{{cause}}")],
        colours=palette.CAUSES | {NOTHING: palette.GOOD},
        stacked=True,
    )


def _lateness() -> Panel:
    return time_series(
        "Start lateness, 99th percentile",
        "Do probes start when they should? One line for each monitor.",
        [Query(quantile(0.99, metrics.LATENESS, RATE, "instance"), "{{instance}}")],
        unit="s",
        colours={},
        ranked=True,
    )


def _coverage(subject: Subject) -> Panel:
    return time_series(
        "Coverage, 1 hour: what is missing",
        "Which part of the runs due gave no verdict? From 10 % on an availability is shown but not judged. "
        "In the first hour of a monitor: of this month's.",
        [Query(f"1 - ({coverage_of_an_hour()})", "{{system}}")],
        unit="percentunit",
        colours=palette.systems(subject.configuration),
        top=1,
        ranked=True,
    )


def _loop_lag() -> Panel:
    return time_series(
        "Lag of the event loop",
        "Is a monitor too busy to measure well? Its own lag is in every latency it reports.",
        [Query(f"max by (instance) ({select(metrics.LOOP_LAG)})", "{{instance}}")],
        unit="s",
        colours={},
        ranked=True,
    )


def _references() -> Panel:
    up = f"sum by (instance) ({select(metrics.REFERENCE_UP)})"
    return time_series(
        "Reference targets that answer",
        "Is the monitor's own network up? At 0 every failure is unknown; 'none configured' where there are none.",
        [Query(f'{up} or label_replace(vector(0), "instance", "none configured", "", "")', "{{instance}}")],
        decimals=0,
        colours={"none configured": palette.UNKNOWN},
    )


def _ledger_writes() -> Panel:
    return time_series(
        "Durable writes of the ledger, 99th percentile",
        "Does the disk keep up with the record? Verdicts wait for it.",
        [Query(quantile(0.99, metrics.LEDGER_WRITE, RATE, "instance"), "{{instance}}")],
        unit="s",
        colours={},
        ranked=True,
    )


def _windows() -> Panel:
    active = select(metrics.WINDOW_ACTIVE, system="$system", window="planned|overrun|aftermath|closed")
    return bars(
        "Systems in a window now",
        "For how many systems is the present time planned, overrun, aftermath or closed?",
        [Query(total(f"max by (system, window) ({active})", "window"), "{{window}}", instant=True)],
        colours=palette.WINDOWS,
        decimals=0,
    )


def _schedule(subject: Subject) -> Panel:
    scope, by = subject.scope, "probe, vantage"
    late = f"(time() - {select(metrics.LAST_RUN, **scope)}) / {select(metrics.INTERVAL, **scope)}"
    return table(
        "Schedule",
        "What is probed, how often, when did it last run, and does it count for the objective? The latest first: at "
        "more than 2 intervals something is wrong.",
        {"probe": "Probe", "vantage": "Vantage"},
        [
            Column("Every", f"min by ({by}) ({select(metrics.INTERVAL, **scope)})", "s"),
            Column("Last run", f"time() - max by ({by}) ({select(metrics.LAST_RUN, **scope)})", "s", 0),
            Column("In intervals", f"max by ({by}) ({late})", "none", 1, [(None, palette.GOOD), (2, palette.BAD)]),
            Column("Without verdict", share_without_verdict(subject, "probe", "vantage"), "percentunit", 1, _UNKNOWN),
            Column("Counts", f"max by ({by}) ({subject.counting})", "bool_yes_no"),
        ],
        first=["-In intervals"],
        links={"Probe": [subject.site.debug_page_of_row()]},
    )


def _descriptors() -> Panel:
    used = f"max by (instance) ({select(metrics.OPEN_DESCRIPTORS)} / {select(metrics.DESCRIPTOR_LIMIT)})"
    return time_series(
        "Descriptors in use",
        "Can the monitor still open connections? Above 95 % a failure is unknown.",
        [Query(used, "{{instance}}")],
        unit="percentunit",
        colours={},
        ranked=True,
        lines_at=_USED,
    )


def _runs_a_minute(subject: Subject) -> Panel:
    made = f"60 * {total(subject.pace.rate(metrics.RUNS, **subject.scope), 'vantage')}"
    return time_series(
        "Runs with a verdict a minute, by vantage point",
        "How much does each vantage point do?",
        [Query(made, "{{vantage}}")],
        colours={},
        ranked=True,
    )
