"""Dashboard *Overview*: every system by owner, against its objective; what burns, and what is due."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration
from config.fields import parse_duration
from config.promql import or_zero, select, total
from dashboards import palette
from dashboards.about import choices
from dashboards.grafana import JsonObject, dashboard
from dashboards.layout import Band, Section, rows_high
from dashboards.links import OVERVIEW_UID, Site, link_to, system_of_row, system_of_series
from dashboards.marks import marks
from dashboards.panels import NOTHING, Query, stat, time_series
from dashboards.shared import (
    COVERED,
    LEFT,
    MULTIPLE,
    NO_FIGURE,
    NONE_IS_GOOD,
    alerts,
    coverage,
    failed_by_reason,
    failed_share,
    firing_alerts,
    oldest_success,
    purpose,
    saturation,
    system_states,
)
from dashboards.subject import OWNERS, Subject, all_pass, left_of, owned, p95_by_probe, page_factors
from dashboards.tables import Column, table
from monitors import metrics
from monitors.rules import queries
from monitors.rules.service_alerts import BEFORE_THE_END

_PURPOSE = """
**Which systems do not work now, who owns them, and which have spent their error budget?** Availability is the share of
probe runs that passed, over the probes that count for the objective, *excluding* planned time (overrun and aftermath
count as unplanned) and *including* it. Runs without a verdict are neither up nor down: they lower the coverage. 30
days, month, year and budget are over all vantage points; the figure of record is `piekwacht availability`.

**First look:** the red row in *State of each system*, then *What fires*; a click on a system opens all about it. What
each alert means and what to do: `docs/runbooks/` of the project. The other dashboards are linked above.
"""

_CHOSEN = {"system": "$system", "owner": "$owner"}


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    subject = Subject(configuration, site)
    owners = len({owner.id for owner in configuration.owner_of.values()})
    systems = len(configuration.systems)
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(
            4,
            [
                _systems_failing(subject),
                firing_alerts("$system"),
                _notices_overdue(),
                _below_objective(),
                _least_budget(),
                _fastest_burn(subject),
                oldest_success(subject),
                coverage(),
            ],
            [3] * 8,
        ),
        Band(
            rows_high(owners, least=12, most=14),
            [_owners(subject), alerts("$system", site)],
            [10, 14],
        ),
        Band(rows_high(systems, least=6, most=24), [system_states(subject)]),
        Band(8, [_failing_share(subject), _latency(subject.without_calls())]),
        Band(8, [failed_by_reason(subject), _burn(subject)]),
        Band(rows_high(systems // 6, least=5, most=8), [_windows(), _notices()]),
        Band(rows_high(systems, least=6, most=44), [_table(subject)]),
        saturation(subject),
    ]
    return dashboard(
        OVERVIEW_UID,
        "Overview",
        "All systems by owner against their objectives: what fails, what burns, what is due",
        parts,
        variables=choices(),
        annotations=marks(configuration, "$system"),
        period="6h",
        refresh="30s",
    )


def _systems_failing(subject: Subject) -> Panel:
    return stat(
        "Systems failing",
        "In how many systems did a probe that counts fail in its last run?",
        [Query(f"sum({all_pass(subject)} == bool 0)", instant=True)],
        steps=NONE_IS_GOOD,
    )


def _below_objective() -> Panel:
    return stat(
        "Overspent",
        "How many systems have spent more than the error budget of 30 days (without planned time)?",
        [Query(f"sum({left_of(queries.ROLLING, **_CHOSEN)} < bool 0)", instant=True)],
        steps=NONE_IS_GOOD,
    )


def _notices_overdue() -> Panel:
    late = f"sum(time() - min by (system, rule) ({select(metrics.NOTICE_DUE, system='$system')}) > bool 0)"
    return stat(
        "Notices late",
        "How many messages to the public should have gone out? `piekwacht notice due` lists them.",
        [Query(or_zero(late, total(f"0 * {OWNERS}")), instant=True)],
        steps=NONE_IS_GOOD,
    )


def _least_budget() -> Panel:
    return stat(
        "Least budget",
        "How much of its error budget of 30 days has the system left that has least? Below 0 it is overspent.",
        [Query(f"min({left_of(queries.ROLLING, **_CHOSEN)})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=LEFT,
    )


def _fastest_burn(subject: Subject) -> Panel:
    return stat(
        "Fastest burn",
        "How many times faster than allowed did the worst system spend its budget in the last hour?",
        [Query(f"max({subject.burning})", instant=True)],
        unit=MULTIPLE,
        decimals=1,
        steps=[(None, palette.GOOD), (1, palette.WARNING), (page_factors()[0], palette.BAD)],
    )


def _owners(subject: Subject) -> Panel:
    failing = f"sum by (owner) ({owned(f'{all_pass(subject)} == bool 0')})"
    paging = 'ALERTS{alertstate="firing", severity="page", owner=~"$owner"}'
    pages = f"count by (owner) (count by (alertname, system, owner) ({paging}))"
    every = f"sum by (owner) ({OWNERS})"
    return table(
        "Owners",
        "Whom does it concern? Budget: what the system has left of 30 days that has least.",
        {"owner": "Owner"},
        [
            Column("Systems", every, "none", 0),
            Column("Failing", failing, "none", 0, NONE_IS_GOOD),
            Column("Pages", f"{pages} or 0 * {every}", "none", 0, NONE_IS_GOOD),
            Column(
                "Budget",
                f"min by (owner) ({left_of(queries.ROLLING, **_CHOSEN)})",
                "percentunit",
                0,
                LEFT,
            ),
        ],
        first=["-Failing", "-Pages", "Budget"],
        links={"Owner": [("Only this owner", link_to(OVERVIEW_UID, owner="${__data.fields.Owner}"))]},
    )


def _failing_share(subject: Subject) -> Panel:
    return failed_share(
        subject,
        "Failed share of runs, without planned time",
        "Which system fails, and how much of it? The worst first; scroll for more.",
        queries.UNPLANNED,
        [system_of_series()],
    )


def _latency(subject: Subject) -> Panel:
    """Draw the slowest probe of each system: histograms of different probes say nothing together."""
    return time_series(
        "Latency of each system, 95th percentile",
        "How long does a citizen wait at its slowest probe, without thinking time? Calls are left out.",
        [Query(f"max by (system) ({p95_by_probe(subject)})", "{{system}}")],
        unit="s",
        colours=palette.systems(subject.configuration),
        ranked=True,
        links=[system_of_series()],
    )


def _burn(subject: Subject) -> Panel:
    return time_series(
        "Burn rate, 1 hour",
        "How fast is each budget spent? At 1 it lasts exactly 30 days; lines stand where the rules page.",
        [Query(subject.burning, "{{system}}")],
        unit=MULTIPLE,
        decimals=1,
        colours=palette.systems(subject.configuration),
        ranked=True,
        lines_at=[(None, palette.GOOD), *((factor, palette.BAD) for factor in page_factors())],
        links=[system_of_series()],
    )


def _table(subject: Subject) -> Panel:
    def passed(title: str, period: str, planned: str = queries.EXCLUDED) -> Column:
        values = queries.availability(period, planned, **_CHOSEN)
        return Column(title, f"max by (system, owner) ({values})", "percentunit", 2)

    def left(title: str, period: str) -> Column:
        values = left_of(period, **_CHOSEN)
        return Column(title, f"max by (system, owner) ({values})", "percentunit", 0, LEFT)

    objective = f"max by (system) ({select(metrics.OBJECTIVE, system='$system')})"
    age = f"max by (system) (time() - max by (system, probe) ({select(metrics.LAST_SUCCESS, **subject.scope)}))"
    return table(
        "Each system against its objective, excluding and including planned time",
        f"Which systems keep their objective, and what is left of the budget? {len(subject.configuration.systems)} "
        "rows, the worst month first. Covered is the share of this month that was really measured.",
        {"system": "System", "owner": "Owner"},
        [
            Column("Objective", owned(objective), "percentunit", 2),
            passed("30 d excl.", queries.ROLLING),
            passed("30 d incl.", queries.ROLLING, queries.INCLUDED),
            passed("Month excl.", "month"),
            passed("Year excl.", "year"),
            left("Left 30 d", queries.ROLLING),
            left("Left year", "year"),
            Column("Burn 1 h", owned(subject.burning), MULTIPLE, 1, [(None, palette.GOOD), (1, palette.BAD)]),
            Column("Last pass", owned(age), "s", 0),
            Column(
                "Covered",
                f"max by (system, owner) ({queries.coverage('month', **_CHOSEN)})",
                "percentunit",
                0,
                COVERED,
            ),
        ],
        first=["Month excl."],
        links={"System": [system_of_row()]},
    )


def _windows() -> Panel:
    """List planned windows. An overrun must be told half an hour before their announced end, at the latest."""
    ends = owned(f"max by (system) ({select(metrics.WINDOW_END, system='$system')}) - time()")
    none = dict.fromkeys(("system", "owner"), NOTHING)
    looked = total(f"0 * {OWNERS}")
    return table(
        "Planned windows",
        "Which planned maintenance goes on, when must it end, and by when must an overrun be announced? "
        "Below 0 it is too late. A row 'none': nothing is planned now.",
        {"system": "System", "owner": "Owner"},
        [
            Column("Ends in", or_zero(ends, looked, **none), "s", 0, LEFT, NO_FIGURE),
            Column(
                "Tell overrun in",
                or_zero(f"{ends} - {parse_duration(BEFORE_THE_END):g}", looked, **none),
                "s",
                0,
                LEFT,
                NO_FIGURE,
            ),
        ],
        first=["Tell overrun in"],
        links={"System": [system_of_row()]},
    )


def _notices() -> Panel:
    """List the messages to the public that are due now, the latest first."""
    left = owned(f"min by (system, rule) ({select(metrics.NOTICE_DUE, system='$system')}) - time()")
    none = dict.fromkeys(("system", "owner", "rule"), NOTHING)
    looked = total(f"0 * {OWNERS}")
    return table(
        "Notices due",
        "What must people be told, by which rule of the communication protocol (docs/notices.md), and by when? Below 0 "
        "it is overdue; `piekwacht notice due` says more. A row 'none': nothing has to be told now.",
        {"system": "System", "owner": "Owner", "rule": "Rule"},
        [
            Column("Due in", or_zero(left, looked, **none), "s", 0, LEFT, NO_FIGURE),
            Column("Overdue", or_zero(f"{left} < bool 0", looked, **none), "bool_yes_no"),
        ],
        first=["Due in"],
        links={"System": [system_of_row()]},
    )
