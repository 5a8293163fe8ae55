"""Dashboard *Portals*: websites and portals: pages, returns, redirects, disruption notices, certificates."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, MessageProbe, PhoneProbe
from config.probes import BannerProbe
from config.promql import or_zero, quantile, select, total
from dashboards import login, palette
from dashboards.about import about, dashboard_about, standing
from dashboards.fields import Steps
from dashboards.grafana import JsonObject
from dashboards.layout import Band, Section
from dashboards.links import PORTALS_UID, Site, system_of_series
from dashboards.panels import NOTHING, Query, bars, stat, time_series
from dashboards.shared import (
    RANGE,
    failed_by_reason,
    failed_share,
    failed_steps,
    latency_by_probe,
    phases,
    purpose,
    saturation,
    states_band,
)
from dashboards.subject import Subject
from journeys.reasons import Reason
from monitors import metrics
from monitors.rules import queries
from monitors.rules.service_alerts import CERTIFICATES

_PURPOSE = """
**Do the websites and portals work for whoever is inside: pages, filing a return, redirects, disruption notices,
certificates?** Whether people get *in* is on the dashboard *Login*. A page with status 200 is no success by itself:
what must stand on it is checked, a redirect must lead where it should, and a disruption notice must be on every page
that carries it, in both languages, and not be older than the next update it announces.

**First look:** the red row in *State of each probe*, then *Failed runs a minute, by reason*: does one portal fail, or
all behind the same access service? What each alert means and what to do: `docs/runbooks/` of the project. The other
dashboards are linked above.
"""

_NOTICES = (Reason.DISRUPTION_ANNOUNCED, Reason.NOTICE_MISSING, Reason.NOTICE_STALE)
_DAY = 86_400.0
_VALID: Steps = [
    (None, palette.BAD),
    (CERTIFICATES["page"] * _DAY, palette.WARNING),
    (CERTIFICATES["ticket"] * _DAY, palette.GOOD),
]
"""Red when the rules page, amber when they open a ticket."""


def probes(configuration: Configuration) -> list[tuple[str, str]]:
    """Return (system, probe) of every probe of a portal: what is neither a login, a message nor a telephone line."""
    others = login.probes(configuration)
    return [
        (system, name)
        for system, name, probe in configuration.probes()
        if not isinstance(probe, MessageProbe | PhoneProbe) and (system, name) not in others
    ]


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    found = probes(configuration)
    subject = about(configuration, site, found)
    watched = any(isinstance(probe, BannerProbe) for _, _, probe in configuration.probes())
    notices = [_notices(subject)] if watched else []
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(4, [*standing(subject), _slowest(subject), _first_expiry(subject)], [4, 5, 5, 5, 5]),
        states_band(subject, len(found)),
        Band(8, [_failed_share(subject), latency_by_probe(subject)]),
        Band(8, [failed_by_reason(subject), phases(subject)]),
        Band(8, [failed_steps(subject), _certificates(subject), *notices], [10, 7, 7] if notices else []),
        saturation(subject),
    ]
    return dashboard_about(
        subject,
        found,
        PORTALS_UID,
        "Portals",
        "Websites and portals: pages, returns, redirects, disruption notices, certificates",
        parts,
    )


def _slowest(subject: Subject) -> Panel:
    slowest = quantile(0.95, metrics.DURATION, RANGE, "probe", **subject.scope)
    return stat(
        "Slowest, p95",
        "Which probe is slowest over this range, and how long do 95 of 100 of its runs take at most?",
        [Query(f"topk(1, {slowest})", "{{probe}}", instant=True)],
        unit="s",
        decimals=1,
        steps=[(None, palette.NEUTRAL)],
        show="value_and_name",
    )


def _first_expiry(subject: Subject) -> Panel:
    return stat(
        "First certificate expires in",
        "How long is the certificate valid that expires first? 'no HTTPS' where no probe reads one.",
        [Query(f"min({select(metrics.CERTIFICATE_EXPIRY, **subject.scope)}) - time()", instant=True)],
        unit="s",
        decimals=0,
        steps=_VALID,
        none="no HTTPS",
    )


def _failed_share(subject: Subject) -> Panel:
    return failed_share(
        subject,
        "Failed share of runs, planned time included",
        "Which portal fails, and how much of it? Over the probes that count for the objective; windows are marked.",
        queries.COUNTED,
        [system_of_series()],
    )


def _notices(subject: Subject) -> Panel:
    reasons = subject.pace.rate(metrics.FAILURES_BY_REASON, reason="|".join(_NOTICES), **subject.scope)
    return time_series(
        "Disruption notices: failed runs a minute",
        "Is a disruption announced, or a notice missing on a page or in a language, or older than it says?",
        [Query(or_zero(f"60 * {total(reasons, 'reason')} > 0", subject.looked, reason=NOTHING), "{{reason}}")],
        colours=palette.REASONS | {NOTHING: palette.GOOD},
        stacked=True,
    )


def _certificates(subject: Subject) -> Panel:
    left = f"bottomk(10, min by (probe) ({select(metrics.CERTIFICATE_EXPIRY, **subject.scope)}) - time())"
    return bars(
        "Certificates are valid for",
        "Which certificate expires first? The ten that expire first; 'none' where no probe reads one.",
        [Query(f"sort({or_zero(left, subject.looked, probe=NOTHING)})", "{{probe}}", instant=True)],
        unit="s",
        colours=palette.probes(subject.configuration) | {NOTHING: palette.UNKNOWN},
        decimals=0,
    )
