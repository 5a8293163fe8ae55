"""Dashboard *Login*: whether people get in, through which channel, and where it stops."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Channel, Configuration, JourneyProbe
from config.promql import select
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.links import LOGIN_UID, Site
from dashboards.marks import marks
from dashboards.pace import RATE
from dashboards.panels import Query, stat, time_series
from dashboards.shared import (
    STATES,
    failed_by_reason,
    failed_steps,
    failing_now,
    firing_alerts,
    latency_by_probe,
    oldest_success,
    percentiles,
    phases,
    purpose,
    saturation,
    states_band,
)
from dashboards.subject import Subject
from monitors import metrics
from monitors.rules import queries

JOURNEYS = ("log-in-with-app", "log-in-with-sms", "activate-app", "enter-waiting-room")
"""Journeys that end with a person inside, or show why not; every probe that walks one of them is shown."""

_PURPOSE = """
**Can people get in: by app and by SMS code, through the website and through the app? If not, where does it stop?**
Website and app are shown side by side, because dosed access may work for the one and not for the other: compare their
lines first. A waiting room is never a success by itself, and `waiting_room_bypassed` means that nobody was held back.

**First look:** the channel that differs, then the reason and the step. What each alert means and what to do:
`docs/runbooks/` of the project. The other dashboards are linked above.
"""


def probes_by_channel(configuration: Configuration) -> dict[Channel, list[str]]:
    """Return the probes that walk a login journey, by channel; a channel without any is absent."""
    found: dict[Channel, list[str]] = {}
    for _, name, channel in _login_probes(configuration):
        found.setdefault(channel, []).append(name)
    return dict(sorted(found.items(), reverse=True))


def _login_probes(configuration: Configuration) -> list[tuple[str, str, Channel]]:
    """Return system, name and channel of each probe that walks a login journey."""
    return [
        (system, name, probe.channel)
        for system, name, probe in configuration.probes()
        if isinstance(probe, JourneyProbe) and probe.journey in JOURNEYS
    ]


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    channels = probes_by_channel(configuration)
    systems = "|".join(sorted({system for system, _, _ in _login_probes(configuration)}))
    every = "|".join(sorted(name for names in channels.values() for name in names))
    subject = Subject(configuration, site, {"system": "$system", "vantage": "$vantage", "probe": every})
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(
            4,
            [_states_now(subject), failing_now(subject), firing_alerts("$system"), oldest_success(subject)],
            [11, 4, 5, 4],
        ),
        states_band(subject, sum(map(len, channels.values()))),
        Band(8, [_failed_share(channels), latency_by_probe(subject)]),
        Band(8, [failed_by_reason(subject), _percentiles(subject)]),
        Band(8, [failed_steps(subject), phases(subject)]),
        saturation(subject),
    ]
    return dashboard(
        LOGIN_UID,
        "Login",
        "Logging in, activating and the waiting room: by channel, step and reason",
        parts,
        variables=[
            variable("owner", metrics.SYSTEM_INFO, system=systems),
            variable("system", metrics.SYSTEM_INFO, everything=None, system=systems, owner="$owner"),
            variable("vantage", metrics.INTERVAL, probe=every),
        ],
        annotations=marks(configuration, "$system"),
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


def _failed_share(channels: dict[Channel, list[str]]) -> Panel:
    def errors(names: list[str]) -> str:
        chosen = {"system": "$system", "vantage": "$vantage", "probe": "|".join(names)}
        return queries.error_ratio(RATE, windows=queries.COUNTED, **chosen)

    return time_series(
        "Failed share of runs, by channel",
        "Do the website and the app differ? Planned windows are included and marked.",
        [Query(errors(names), channel) for channel, names in channels.items()],
        unit="percentunit",
        colours=palette.CHANNELS,
        top=1,
    )


def _percentiles(subject: Subject) -> Panel:
    return percentiles(
        subject, "Latency over the chosen systems", "How long does getting in take for most, and for the unlucky?"
    )
