"""Dashboard *System*: one system, in full: steps, reasons, phases, vantage points, windows, incidents, figures."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration
from config.promql import select, total
from dashboards import palette
from dashboards.fields import Labels, Steps
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section, rows_high
from dashboards.links import SYSTEM_UID, Site
from dashboards.marks import incidents, marks
from dashboards.panels import Query, stat, time_series, timeline
from dashboards.shared import (
    COVERED,
    LEFT,
    MULTIPLE,
    NONE_IS_GOOD,
    STATES,
    ages,
    alerts,
    failed_by_reason,
    failed_steps,
    failing_now,
    firing_alerts,
    latency_by_probe,
    oldest_success,
    phases,
    purpose,
    saturation,
    share_without_verdict,
    states_band,
)
from dashboards.subject import Subject, left_of, page_factors
from dashboards.tables import Column, table
from monitors import metrics
from monitors.rules import queries

_PURPOSE = """
**Does this system work, and if not: which probe, from where, at which step, since when and why?** Choose the system
above. Availability is the share of probe runs that passed, over the probes that count for the objective (*Probes* says
which). Planned time is excluded where it says so; overrun and aftermath count. The figure of record comes from the
ledger: `piekwacht availability`.

**First look:** the red row in *State of each probe* (a click opens what its last failures saw), then
*Failed runs a minute, by reason* and *Failed runs by step*. What each alert means and what to do: `docs/runbooks/` of
the project. The other dashboards are linked above.
"""

_KINDS = ("planned", "overrun", "aftermath", "closed")
_TIMES: Labels = {
    0: ("open, no window", palette.NEUTRAL),
    **{number: (kind, palette.WINDOWS[kind]) for number, kind in enumerate(_KINDS, 1)},
}
_DOWN: Labels = {10: ("up", palette.GOOD), 11: ("down", palette.BAD)}


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    subject = Subject(configuration, site)
    most = max(len(system.probes) for system in configuration.systems.values())
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(
            4,
            [
                failing_now(subject),
                firing_alerts("$system"),
                _availability(configuration),
                _budget_left(),
                _burn_now(subject),
                oldest_success(subject),
                _time_now(),
            ],
            [3, 4, 3, 3, 3, 5, 3],
        ),
        states_band(subject, most),
        Band(5, [_windows_and_incidents(subject)]),
        Band(8, [failed_by_reason(subject), latency_by_probe(subject)]),
        Band(8, [failed_steps(subject), phases(subject)]),
        Band(8, [_share_by_vantage(subject), _vantage_points(subject)]),
        Band(8, [_burn(subject), ages(subject)]),
        Band(7, [_periods(), alerts("$system", site, of_one=True)]),
        Band(rows_high(most, least=5, most=16), [_probes(subject)]),
        saturation(subject),
    ]
    return dashboard(
        SYSTEM_UID,
        "System",
        "One system: probes, steps, reasons, phases, vantage points, windows, incidents, figures",
        parts,
        variables=[
            variable("owner", metrics.SYSTEM_INFO),
            variable("system", metrics.SYSTEM_INFO, many=False, owner="$owner"),
            variable("vantage", metrics.INTERVAL, system="$system"),
        ],
        annotations=marks(configuration, "$system"),
        period="6h",
        refresh="30s",
    )


def _availability(configuration: Configuration) -> Panel:
    lowest = min(system.objective.target for system in configuration.systems.values()) / 100
    return stat(
        "Availability",
        "Which share of the runs of 30 days that count passed, without planned time? "
        "Red below the lowest objective of all.",
        [Query(f"max({queries.availability(queries.ROLLING, system='$system')})", instant=True)],
        unit="percentunit",
        decimals=2,
        steps=[(None, palette.BAD), (lowest, palette.GOOD)],
    )


def _budget_left() -> Panel:
    return stat(
        "Budget left",
        "How much of the error budget of 30 days is left? Below 0 the objective is missed.",
        [Query(f"max({left_of(queries.ROLLING, system='$system')})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=LEFT,
    )


def _burn_now(subject: Subject) -> Panel:
    return stat(
        "Burn rate",
        "How many times faster than allowed was the budget spent in the last hour? From 6 on somebody is woken.",
        [Query(f"max({subject.burning})", instant=True)],
        unit=MULTIPLE,
        decimals=1,
        steps=[(None, palette.GOOD), (1, palette.WARNING), (page_factors()[0], palette.BAD)],
    )


def _time() -> str:
    """Return the kind of time it is now as a number: that of the one window that applies, or 0."""
    kinds = (
        f"{number} * max by (window) ({select(metrics.WINDOW_ACTIVE, system='$system', window=kind)})"
        for number, kind in enumerate(_KINDS, 1)
    )
    return total(" or ".join(kinds))


def _time_now() -> Panel:
    return stat(
        "Time now",
        "Does this moment count? Planned time and closed lines do not; overrun and aftermath do.",
        [Query(_time(), instant=True)],
        steps=[(None, palette.UNKNOWN)],
        labels=_TIMES,
    )


def _windows_and_incidents(subject: Subject) -> Panel:
    down = f"10 + max({incidents(subject.configuration, **subject.scope)})"
    return timeline(
        "Windows and incidents",
        "When was the system down (a probe that counts failed twice in a row, seen from enough vantage points), "
        "and what time was it then?",
        [Query(down, "system"), Query(_time(), "window")],
        labels={**_DOWN, **_TIMES},
    )


def _share_by_vantage(subject: Subject) -> Panel:
    def errors(period: str, **labels: str) -> str:
        return queries.error_ratio(period, "system", "vantage", windows=queries.COUNTED, **labels)

    return time_series(
        "Failed share of runs, by vantage point",
        "Does it fail from everywhere, or on the way from one place? Planned time is included and marked.",
        [Query(subject.pace.over(errors, **subject.measured), "{{vantage}}")],
        unit="percentunit",
        colours={},
        top=1,
        ranked=True,
    )


def _vantage_points(subject: Subject) -> Panel:
    scope = subject.scope
    age = f"time() - {select(metrics.LAST_SUCCESS, **scope)}"
    failing = f"sum by (vantage) ({select(metrics.SUCCESS, **scope)} == bool 0)"
    return table(
        "Vantage points",
        "What does each place see, and can it be trusted? Without verdict: the share of runs that say nothing.",
        {"vantage": "Vantage"},
        [
            Column("Probes", f"count by (vantage) ({select(metrics.INTERVAL, **scope)})", "none", 0),
            Column("Failing", failing, "none", 0, NONE_IS_GOOD),
            Column("Oldest success", f"max by (vantage) ({age})", "s", 0),
            Column("Without verdict", share_without_verdict(subject, "vantage"), "percentunit", 1),
        ],
        first=["-Failing"],
    )


def _burn(subject: Subject) -> Panel:
    return time_series(
        "Burn rate, 1 hour",
        "How fast is the budget spent? At 1 it lasts exactly 30 days; lines stand where the rules page.",
        [Query(f"max({subject.burning})", "burn rate")],
        unit=MULTIPLE,
        decimals=1,
        colours={"burn rate": palette.NEUTRAL},
        lines_at=[(None, palette.GOOD), *((factor, palette.BAD) for factor in page_factors())],
    )


def _periods() -> Panel:
    def by_period(values: str) -> str:
        return f"max by (period) ({values})"

    every = {"system": "$system"}
    periods, calendar = "|".join(queries.PERIODS), "|".join(queries.CALENDAR)
    including = queries.availability(periods, queries.INCLUDED, **every)
    return table(
        "Against the objective",
        "What is the availability over 30 days and of the month and the year so far, and what is left of the budget?",
        {"period": "Period"},
        [
            Column("Excl. planned", by_period(queries.availability(periods, **every)), "percentunit", 3),
            Column("Incl. planned", by_period(including), "percentunit", 3),
            Column("Budget left", by_period(left_of(periods, **every)), "percentunit", 0, LEFT),
            Column("Covered", by_period(queries.coverage(calendar, **every)), "percentunit", 0, COVERED),
        ],
    )


def _probes(subject: Subject) -> Panel:
    scope, by = subject.scope, "probe, vantage"
    last = f"min by ({by}) ({select(metrics.SUCCESS, **scope)})"
    return table(
        "Probes",
        "What is probed, how often, when did it last run and pass, and does it count for the objective? "
        "A click on a probe opens what its last failures saw.",
        {"probe": "Probe", "vantage": "Vantage"},
        [
            Column("Last verdict", last, labels=STATES, steps=_VERDICTS),
            Column("Last run", f"time() - max by ({by}) ({select(metrics.LAST_RUN, **scope)})", "s", 0),
            Column("Last success", f"time() - max by ({by}) ({select(metrics.LAST_SUCCESS, **scope)})", "s", 0),
            Column("Every", f"min by ({by}) ({select(metrics.INTERVAL, **scope)})", "s"),
            Column("Counts", f"max by ({by}) ({subject.counting})", "bool_yes_no"),
        ],
        first=["Last verdict"],
        links={"Probe": [subject.site.debug_page_of_row()]},
    )


_VERDICTS: Steps = [(None, palette.BAD), (1, palette.GOOD)]
