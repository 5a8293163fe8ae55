"""Dashboard *Login*: whether people get in, through which channel, and where it stops."""

from __future__ import annotations

from collections.abc import Iterator

from grafanalib.core import Panel

from config import Channel, Configuration, JourneyProbe
from config.promql import select
from dashboards import palette
from dashboards.about import about, dashboard_about, standing
from dashboards.grafana import JsonObject
from dashboards.layout import Band, Section
from dashboards.links import LOGIN_UID, Site
from dashboards.pace import RATE
from dashboards.panels import Query, stat, time_series
from dashboards.shared import (
    STATES,
    failed_by_reason,
    failed_steps,
    latency_by_probe,
    percentiles,
    phases,
    purpose,
    saturation,
    states_band,
)
from dashboards.subject import Subject
from monitors import metrics
from monitors.rules import queries

JOURNEYS = (
    *("log-in-with-app", "log-in-with-sms", "log-in-with-eherkenning", "log-in-with-eidas"),
    *("activate-app", "enter-waiting-room"),
)
"""Journeys by which citizens and companies get in, or show why not; every probe that walks one of them is shown."""

_PURPOSE = """
**Can people get in: with DigiD by app and by SMS code, with eHerkenning and eIDAS, through the website and through the
app? If not, where does it stop?** Website and app are shown side by side, because dosed access may work for the one and
not for the other: compare their lines first. A waiting room is never a success by itself, and `waiting_room_bypassed`
means that nobody was held back.

**First look:** the channel that differs, then the reason and the step. What each alert means and what to do:
`docs/runbooks/` of the project. The other dashboards are linked above.
"""


def probes(configuration: Configuration) -> list[tuple[str, str]]:
    """Return (system, probe) of every probe that walks a login journey."""
    return [(system, name) for system, name, _ in _ways_in(configuration)]


def _ways_in(configuration: Configuration) -> Iterator[tuple[str, str, Channel]]:
    """Yield system, name and channel of each probe that walks a login journey."""
    for system, name, probe in configuration.probes():
        if isinstance(probe, JourneyProbe) and probe.journey in JOURNEYS:
            yield system, name, probe.channel


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    found = probes(configuration)
    subject = about(configuration, site, found)
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(4, [_states_now(subject), *standing(subject)], [14, 3, 4, 3]),
        states_band(subject, len(found)),
        Band(8, [_failed_share(configuration), latency_by_probe(subject)]),
        Band(8, [failed_by_reason(subject), _percentiles(subject)]),
        Band(8, [failed_steps(subject), phases(subject)]),
        saturation(subject),
    ]
    return dashboard_about(
        subject,
        found,
        LOGIN_UID,
        "Login",
        "Logging in, activating and the waiting room: by channel, step and reason",
        parts,
        period="1h",
        refresh="15s",
    )


def _states_now(subject: Subject) -> Panel:
    return stat(
        "Now",
        "Which way in works at this moment?",
        [Query(f"min by (probe) ({select(metrics.SUCCESS, **subject.scope)})", "{{probe}}", instant=True)],
        steps=[(None, palette.UNKNOWN)],
        labels=STATES,
        show="value_and_name",
    )


def _failed_share(configuration: Configuration) -> Panel:
    by_channel: dict[Channel, list[str]] = {"web": [], "app": []}
    for _, name, channel in _ways_in(configuration):
        by_channel[channel].append(name)

    def errors(names: list[str]) -> str:
        chosen = {"system": "$system", "vantage": "$vantage", "probe": "|".join(names)}
        return queries.error_ratio(RATE, windows=queries.COUNTED, **chosen)

    return time_series(
        "Failed share of runs, by channel",
        "Do the website and the app differ? Planned windows are included and marked.",
        [Query(errors(names), channel) for channel, names in by_channel.items() if names],
        unit="percentunit",
        colours=palette.CHANNELS,
        top=1,
    )


def _percentiles(subject: Subject) -> Panel:
    return percentiles(
        subject, "Latency over the chosen systems", "How long does getting in take for most, and for the unlucky?"
    )
