"""Dashboard *Customs messages*: whether the trade can submit declarations, and whether return messages come."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, MessageProbe
from config.promql import increase, select, total
from dashboards import palette
from dashboards.about import about, dashboard_about, standing
from dashboards.fields import Steps
from dashboards.grafana import JsonObject
from dashboards.layout import Band, Section
from dashboards.links import CUSTOMS_UID, Site, system_of_series
from dashboards.panels import Query, stat, time_series
from dashboards.shared import (
    NONE_IS_GOOD,
    RANGE,
    failed_by_reason,
    failed_share,
    failed_steps,
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


def probes(configuration: Configuration) -> list[tuple[str, str]]:
    """Return (system, probe) of every probe that waits for a return message."""
    return [(system, name) for system, name, probe in configuration.probes() if isinstance(probe, MessageProbe)]


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    found = probes(configuration)
    subject = about(configuration, site, found)
    within = min(probe.answer_within for _, _, probe in configuration.probes() if isinstance(probe, MessageProbe))
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(4, [*standing(subject), _oldest_unanswered(subject, within), _missing(subject), _submitted(subject)]),
        states_band(subject, len(found)),
        Band(8, [_failed_share(subject), _time_to_return(subject)]),
        Band(8, [failed_by_reason(subject), _unanswered(subject, within)]),
        Band(8, [failed_steps(subject), phases(subject)]),
        saturation(subject),
    ]
    return dashboard_about(
        subject,
        found,
        CUSTOMS_UID,
        "Customs messages",
        "Declarations and their return messages: submitting, waiting, missing",
        parts,
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
