"""Panels that several dashboards have in common: states of probes, alerts, reasons, steps, times, saturation."""

from __future__ import annotations

from grafanalib.core import Panel

from config.promql import increase, or_zero, quantile, ratio, select, total
from dashboards import palette
from dashboards.fields import Labels, Steps
from dashboards.layout import Band, Section, rows_high
from dashboards.links import Link, Site, system_of_row, system_of_series
from dashboards.marks import OTHERWISE_0
from dashboards.pace import RATE
from dashboards.panels import NOTHING, Query, bars, stat, text, time_series, timeline
from dashboards.subject import Subject, all_pass, coverage_of_an_hour, owned, p95_by_probe
from dashboards.tables import Column, table
from monitors import metrics
from monitors.rules import queries

RANGE = "$__range"

STATES: Labels = {0: ("fails", palette.BAD), 1: ("passes", palette.GOOD)}
NO_FIGURE: Labels = {0: ("-", palette.UNKNOWN)}
"""For the row 'none' of a table that lists what there is."""
# From a half on: increase() makes 0.9 or 1.1 of one event.
NONE_IS_GOOD: Steps = [(None, palette.GOOD), (0.5, palette.BAD)]
NONE_IS_BETTER: Steps = [(None, palette.GOOD), (0.5, palette.WARNING)]
COVERED: Steps = [(None, palette.BAD), (0.9, palette.WARNING), (0.99, palette.GOOD)]
LEFT: Steps = [(None, palette.BAD), (0, palette.GOOD)]

MULTIPLE = "\N{MULTIPLICATION SIGN}"
"""Unit of a burn rate: a multiple of what the objective allows."""


def coverage(title: str = "Coverage") -> Panel:
    """Show the lowest coverage of all systems."""
    return stat(
        title,
        "Which part of the runs due in the last hour gave a verdict, for the system measured least? In the first hour "
        "of a monitor: of this month's.",
        [Query(f"min({coverage_of_an_hour()})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=COVERED,
    )


def purpose(content: str) -> Band:
    """Open a dashboard: what it is for, and where to look first."""
    return Band(5, [text("Purpose", "What is this dashboard for?", content)])


def failing_now(subject: Subject) -> Panel:
    """Count the probes whose last verdict was fail."""
    return stat(
        "Probes failing",
        "How many probes failed in their last run?",
        [Query(f"sum({select(metrics.SUCCESS, **subject.scope)} == bool 0)", instant=True)],
        steps=NONE_IS_GOOD,
    )


def firing_alerts(systems: str) -> Panel:
    """Count the firing alerts of systems (a regular expression), and those of no system, such as a dead monitor."""
    return _alert_counts(f'system=~"|{systems}"')


def firing_alerts_of(owner: str) -> Panel:
    """Count the firing alerts that an owner must see to."""
    return _alert_counts(f'owner="{owner}"')


def _alert_counts(matcher: str) -> Panel:
    return stat(
        "Alerts firing",
        "Which alerts fire now? A page wakes somebody, a ticket waits for the morning.",
        [
            Query(_firing("page", matcher), "page", instant=True),
            Query(_firing("ticket", matcher), "ticket", instant=True, steps=NONE_IS_BETTER),
        ],
        steps=NONE_IS_GOOD,
        show="value_and_name",
    )


def _firing(severity: str, matcher: str) -> str:
    """Count the firing alerts of a severity; one that fires by several pairs of windows is one.

    ALERTS is Prometheus's own series.
    """
    selected = f'ALERTS{{alertstate="firing", severity="{severity}", {matcher}}}'
    return f"count(count by (alertname, system, vantage) ({selected})) {OTHERWISE_0}"


def alerts(systems: str, site: Site, *, of_one: bool = False) -> Panel:
    """List the firing alerts, pages first, the newest on top, with the runbook of each; 'none' where nothing fires.

    Those `of_one` system need not say which.
    """
    keys = {"alertname": "Alert", "severity": "Severity"}
    if not of_one:
        keys |= {"system": "System", "owner": "Owner"}
    labels, nothing = ", ".join(keys), dict.fromkeys(keys, NOTHING)
    told = f'severity=~"page|ticket", system=~"|{systems}"'
    firing = f'count by ({labels}) (ALERTS{{alertstate="firing", {told}}})'
    since = f"time() - min by ({labels}) (ALERTS_FOR_STATE{{{told}}}) and on ({labels}) {firing}"
    return table(
        "What fires",
        "Which alerts fire, for what, and for how long? Pages first, the newest on top. A click on an alert opens its "
        "runbook, docs/runbooks/ALERT.md.",
        keys,
        [
            Column("For", or_zero(since, "vector(0)", **nothing), "s", 0, labels=NO_FIGURE),
            Column("Rules", or_zero(firing, "vector(0)", **nothing), "none", 0, labels=NO_FIGURE),
        ],
        first=["Severity", "For"],
        links={"Alert": site.runbook_of_row()} | ({} if of_one else {"System": [system_of_row()]}),
    )


def oldest_success(subject: Subject) -> Panel:
    """Show the age of the last success of the probe that waits longest: in seconds, and in its own intervals.

    Calls are minutes apart, so the age of one says little by itself.
    """
    age = f"time() - {select(metrics.LAST_SUCCESS, **subject.scope)}"
    missed = f"({age}) / {select(metrics.INTERVAL, **subject.scope)}"
    return stat(
        "Oldest success",
        "How long ago did the worst probe last pass, and how many of its runs is that? Up to 1 is usual. "
        "One that never passed is absent here and counted as failing.",
        [
            Query(f"max({age} and topk(1, {missed}))", "ago", instant=True),
            Query(f"max({missed})", "runs", instant=True, unit="none", steps=_MISSED),
        ],
        unit="s",
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        show="value_and_name",
        none="never passed",
    )


_MISSED: Steps = [(None, palette.GOOD), (3, palette.WARNING), (8, palette.BAD)]
"""At 15 s between runs: red after 2 minutes; of a call every 5 minutes, after 40."""


def probe_states(subject: Subject, title: str = "State of each probe") -> Panel:
    """Show for each probe when it passed and when it failed."""
    success = select(metrics.SUCCESS, **subject.scope)
    return timeline(
        title,
        "Which probe failed when? Gaps are time without measurement. "
        "A click opens what the monitor kept of the probe's last runs.",
        [Query(f"min by (probe, vantage) ({success})", "{{probe}} @ {{vantage}}")],
        labels=STATES,
        links=[subject.site.debug_page()],
    )


def system_states(subject: Subject) -> Panel:
    """Show for each system when it worked and when not."""
    return timeline(
        "State of each system",
        "Which system failed when? Red while a probe that counts fails; gaps are time without measurement. "
        "One row for each system, by owner; a click opens all about it.",
        [Query(owned(all_pass(subject)), "{{owner}}: {{system}}")],
        labels=STATES,
        links=[system_of_series()],
    )


def states_band(subject: Subject, probes: int) -> Band:
    """Give the states of so many probes the height that they need; beyond that the names thin out."""
    return Band(rows_high(probes, least=4, most=20), [probe_states(subject)])


def failed_by_reason(subject: Subject) -> Panel:
    """Stack the failed probe runs a minute by reason."""
    failed = subject.pace.rate(metrics.FAILURES_BY_REASON, **subject.scope)
    return time_series(
        "Failed runs a minute, by reason",
        "Why do probes fail? 'none' at 0 means that nothing failed.",
        [Query(per_minute_by_reason(failed), "{{reason}}")],
        colours=palette.REASONS | {NOTHING: palette.GOOD},
        stacked=True,
    )


def per_minute_by_reason(per_second: str) -> str:
    """Return events a minute for each reason that occurred, or one series 'none' at 0."""
    return or_zero(f"60 * {total(per_second, 'reason')} > 0", total(per_second), reason=NOTHING)


def failed_share(subject: Subject, title: str, question: str, windows: str, links: list[Link] | None = None) -> Panel:
    """Draw the share of failed runs of each system, over the probes that count for its objective."""

    def errors(period: str, **labels: str) -> str:
        return queries.error_ratio(period, "system", windows=windows, **labels)

    return time_series(
        title,
        question,
        [Query(subject.pace.over(errors, **subject.measured), "{{system}}")],
        unit="percentunit",
        colours=palette.systems(subject.configuration),
        top=1,
        ranked=True,
        links=links or (),
    )


def latency_by_probe(subject: Subject) -> Panel:
    """Draw the 95th percentile of each probe's duration."""
    return time_series(
        "Latency of probes, 95th percentile",
        "How long does a citizen wait, without thinking time? Runs that failed count too. The slowest first.",
        [Query(p95_by_probe(subject), "{{probe}}")],
        unit="s",
        colours=palette.probes(subject.configuration),
        ranked=True,
    )


def failed_steps(subject: Subject) -> Panel:
    """Count the failed runs of the range by probe and step."""
    failed = increase(metrics.FAILURES_BY_STEP, RANGE, **subject.scope)
    ten = f"topk(10, {total(failed, 'probe', 'step')} > 0.5)"
    by_step = or_zero(ten, total(failed), probe="no probe", step="no step failed")
    return bars(
        "Failed runs by step, this range",
        "At which step does it stop? The ten that fail most.",
        [Query(f"sort_desc({by_step})", "{{probe}}: {{step}}", instant=True)],
        steps=NONE_IS_GOOD,
        decimals=0,
    )


def phases(subject: Subject) -> Panel:
    """Stack the time of a run by phase."""
    spent = total(subject.pace.rate(metrics.PHASES, **subject.scope), "phase")
    verdicts = total(subject.pace.rate(metrics.RUNS, **subject.scope))
    return time_series(
        "Time of a run, by phase",
        "Where does the time go: resolving, connecting (with TLS), waiting for the first byte, transfer?",
        [Query(f"{spent} / on () group_left () ({verdicts} > 0)", "{{phase}}")],
        unit="s",
        colours=palette.PHASES,
        stacked=True,
    )


def ages(subject: Subject) -> Panel:
    """Draw the age of each probe's last success."""
    passed = select(metrics.LAST_SUCCESS, **subject.scope)
    return time_series(
        "Age of the last success",
        "Since when has each probe not passed? Teeth are normal: as high as the time between two runs.",
        [Query(f"time() - max by (probe) ({passed})", "{{probe}}")],
        unit="s",
        decimals=0,
        colours=palette.probes(subject.configuration),
        ranked=True,
    )


def percentiles(subject: Subject, title: str, question: str) -> Panel:
    """Draw how long the runs of all chosen probes take together."""
    return time_series(
        title,
        question,
        [Query(quantile(q / 100, metrics.DURATION, RATE, **subject.scope), f"p{q}") for q in (50, 95, 99)],
        unit="s",
        colours=palette.PERCENTILES,
    )


def share_without_verdict(subject: Subject, *by: str) -> str:
    """Return which share of the runs of the range says nothing about the systems."""
    unknown, verdicts = (total(increase(each, RANGE, **subject.scope), *by) for each in (metrics.UNKNOWN, metrics.RUNS))
    return ratio(unknown, f"({unknown} + {verdicts})")


def saturation(subject: Subject) -> Section:
    """Say, for whoever opens the row, whether these figures can be trusted."""
    bands = [Band(7, [_runs_made(subject), _without_verdict(subject), skipped(subject)])]
    return Section("Saturation", bands, "Does the prober keep up with what is asked of it here?", collapsed=True)


def _runs_made(subject: Subject) -> Panel:
    """Draw runs with a verdict / runs due, by system; due is 1 / interval a second for each probe."""
    made = total(subject.pace.rate(metrics.RUNS, **subject.scope), "system")
    due = total(f"1 / {select(metrics.INTERVAL, **subject.scope)}", "system")
    return time_series(
        "Runs with a verdict, of those due",
        "Is everything measured as often as it should be? About 100 %; less where runs are late, skipped or unknown.",
        [Query(ratio(made, due), "{{system}}")],
        unit="percentunit",
        colours=palette.systems(subject.configuration),
        ranked=True,
    )


def _without_verdict(subject: Subject) -> Panel:
    unknown = total(subject.pace.rate(metrics.UNKNOWN, **subject.scope))
    verdicts = total(subject.pace.rate(metrics.RUNS, **subject.scope))
    return time_series(
        "Share of runs without a verdict",
        "Can these figures be trusted? Such runs say something about the prober, not about the system.",
        [Query(ratio(unknown, f"({unknown} + {verdicts})"), "unknown")],
        unit="percentunit",
        colours={"unknown": palette.UNKNOWN},
        top=1,
    )


def skipped(subject: Subject) -> Panel:
    """Show of which systems runs were left out."""
    scope = {label: value for label, value in subject.scope.items() if label != "probe"}
    left_out = total(increase(metrics.SKIPPED, RANGE, **scope), "system")
    return bars(
        "Runs skipped, this range",
        "Of which systems were probes still running when they should have started again? The ten worst.",
        [Query(f"sort_desc(topk(10, {left_out}))", "{{system}}", instant=True)],
        steps=NONE_IS_BETTER,
        decimals=0,
    )
