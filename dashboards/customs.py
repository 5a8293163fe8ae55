"""Dashboard *Customs messages*: whether the trade can submit declarations, and whether return messages come."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, MessageProbe
from config.promql import increase, select, total
from dashboards import palette
from dashboards.fields import Steps
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.links import CUSTOMS_UID, Site, system_of_series
from dashboards.marks import marks
from dashboards.panels import Query, stat, time_series
from dashboards.shared import (
    NONE_IS_GOOD,
    RANGE,
    failed_by_reason,
    failed_share,
    failed_steps,
    failing_now,
    firing_alerts,
    oldest_success,
    percentiles,
    phases,
    purpose,
    saturation,
    states_band,
)
from dashboards.subject import Subject
from journeys.reasons import Reason
from monitors import metrics
from monitors.rules import queries

_PURPOSE = """
**Can the trade submit declarations, and do the return messages come?** An accepted declaration is not enough: each run
submits one with a number of its own and waits for its return message. *Oldest unanswered* is how long the oldest
declaration has waited: while it grows, nothing comes back, however well submitting works.

**First look:** *Oldest unanswered*, then *Failed runs by step*: is it submitting (nobody can declare) or the return
message (the trade waits)? Whoever is told, and by when, is in the communication protocol of customs: a disruption is
announced as soon as possible, in Dutch and English, and every message names the next moment. What each alert means and
what to do: `docs/runbooks/` of the project. The other dashboards are linked above.
"""


def probes(configuration: Configuration) -> list[tuple[str, str, MessageProbe]]:
    """Return (system, name, probe) of every probe that waits for a return message."""
    return [each for each in configuration.probes() if isinstance(each[2], MessageProbe)]  # type: ignore[misc]


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    found = probes(configuration)
    systems = "|".join(sorted({system for system, _, _ in found}))
    every = "|".join(sorted(name for _, name, _ in found))
    within = min(probe.answer_within for _, _, probe in found)
    subject = Subject(configuration, site, {"system": "$system", "vantage": "$vantage", "probe": every})
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(
            4,
            [
                failing_now(subject),
                firing_alerts("$system"),
                oldest_success(subject),
                _oldest_unanswered(subject, within),
                _missing(subject),
                _submitted(subject),
            ],
        ),
        states_band(subject, len(found)),
        Band(8, [_failed_share(subject), _time_to_return(subject)]),
        Band(8, [failed_by_reason(subject), _unanswered(subject, within)]),
        Band(8, [failed_steps(subject), phases(subject)]),
        saturation(subject),
    ]
    return dashboard(
        CUSTOMS_UID,
        "Customs messages",
        "Declarations and their return messages: submitting, waiting, missing",
        parts,
        variables=[
            variable("owner", metrics.SYSTEM_INFO, system=systems),
            variable("system", metrics.SYSTEM_INFO, everything=None, system=systems, owner="$owner"),
            variable("vantage", metrics.INTERVAL, probe=every),
        ],
        annotations=marks(configuration, "$system"),
        period="3h",
        refresh="30s",
    )


def _waited(within: float) -> Steps:
    return [(None, palette.GOOD), (within, palette.WARNING), (10 * within, palette.BAD)]


def _oldest_unanswered(subject: Subject, within: float) -> Panel:
    return stat(
        "Oldest unanswered",
        f"How long has the oldest declaration waited for its return message? 0: all came. After {within:g} s a run"
        " fails.",
        [Query(f"max({select(metrics.OLDEST_UNANSWERED, **subject.scope)})", instant=True)],
        unit="s",
        decimals=0,
        steps=_waited(within),
    )


def _missing(subject: Subject) -> Panel:
    lost = increase(metrics.FAILURES_BY_REASON, RANGE, reason=str(Reason.RETURN_MESSAGE_MISSING), **subject.scope)
    return stat(
        "Returns missing",
        "Of how many declarations of this range did the return message not come in time?",
        [Query(total(lost), instant=True)],
        decimals=0,
        steps=NONE_IS_GOOD,
    )


def _submitted(subject: Subject) -> Panel:
    return stat(
        "Declarations sent",
        "How many declarations did the probes submit in this range?",
        [Query(total(increase(metrics.RUNS, RANGE, **subject.scope)), instant=True)],
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
    )


def _failed_share(subject: Subject) -> Panel:
    return failed_share(
        subject,
        "Failed share of runs, planned time included",
        "Which part of the declarations fails, at either end? Windows are marked.",
        queries.COUNTED,
        [system_of_series()],
    )


def _time_to_return(subject: Subject) -> Panel:
    return percentiles(
        subject,
        "Time from declaration to return message",
        "How long does the trade wait for its return message? Runs that gave up count with the time they waited.",
    )


def _unanswered(subject: Subject, within: float) -> Panel:
    waiting = f"max by (probe) ({select(metrics.OLDEST_UNANSWERED, **subject.scope)})"
    return time_series(
        "Age of the oldest unanswered message",
        f"Since when does a return message not come? The line is the time after which a run fails, {within:g} s.",
        [Query(waiting, "{{probe}}")],
        unit="s",
        decimals=0,
        colours=palette.probes(subject.configuration),
        lines_at=[(None, palette.GOOD), (within, palette.BAD)],
    )
