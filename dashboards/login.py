"""Dashboard *Login*: whether people get in, through which channel, and where it stops."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Channel, Configuration, JourneyProbe
from config.promql import increase, or_zero, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import Query, bars, stat, text, time_series
from dashboards.shared import (
    AVAILABILITY_UID,
    LOGIN_UID,
    RANGE,
    RATE,
    STATES,
    failed_by_reason,
    failing_now,
    firing_alerts,
    latency_by_probe,
    load_tests,
    marks,
    oldest_success,
    probe_states,
)
from monitors import metrics
from monitors.rules import queries

JOURNEYS = ("log-in-with-app", "log-in-with-sms", "activate-app", "enter-waiting-room")
"""Journeys that end with a person inside, or show why not; every probe that walks one of them is shown."""

_SCOPE = {"probe": "$probe", "vantage": "$vantage"}

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


def build(configuration: Configuration) -> JsonObject:
    """Return the dashboard as plain data."""
    channels = probes_by_channel(configuration)
    systems = "|".join(sorted({system for system, _, _ in _login_probes(configuration)}))
    colours = palette.probes(configuration)
    every = "|".join(name for names in channels.values() for name in names)
    parts: list[Band | Section] = [
        Band(5, [text("Purpose", "What is this dashboard for?", _PURPOSE)]),
        Band(
            4,
            [_states_now(), failing_now(**_SCOPE), firing_alerts(systems), oldest_success(**_SCOPE)],
            [12, 4, 4, 4],
        ),
        Band(6, [probe_states({"Availability": AVAILABILITY_UID}, **_SCOPE)]),
        Band(8, [_failed_share(channels), failed_by_reason(**_SCOPE)]),
        Band(8, [_failed_steps(), latency_by_probe(colours, **_SCOPE)]),
        Band(8, [_percentiles(), _phases()]),
        Section("Saturation", [Band(7, [_runs(colours), _unknown()])], "Does the prober keep up?", collapsed=True),
    ]
    return dashboard(
        LOGIN_UID,
        "Login",
        "Logging in, activating and the waiting room: by channel, step and reason",
        parts,
        variables=[
            variable("probe", metrics.INTERVAL, everything=every, probe=every),
            variable("vantage", metrics.INTERVAL, probe=every),
        ],
        annotations=[*marks(), load_tests()],
        period="1h",
        refresh="15s",
    )


def _states_now() -> Panel:
    return stat(
        "Now",
        "Which way in works at this moment?",
        [Query(f"min by (probe) ({select(metrics.SUCCESS, **_SCOPE)})", "{{probe}}", instant=True)],
        steps=[(None, palette.UNKNOWN)],
        labels=STATES,
        show="value_and_name",
    )


def _failed_share(channels: dict[Channel, list[str]]) -> Panel:
    return time_series(
        "Failed share of runs, by channel",
        "Do the website and the app differ? Planned windows are included and marked.",
        [
            Query(
                queries.error_ratio(RATE, windows=queries.COUNTED, probe="|".join(names), vantage="$vantage"), channel
            )
            for channel, names in channels.items()
        ],
        unit="percentunit",
        colours=palette.CHANNELS,
        top=1,
    )


def _percentiles() -> Panel:
    return time_series(
        "Latency over the chosen probes",
        "How long does getting in take for most, and for the unlucky?",
        [Query(quantile(q / 100, metrics.DURATION, RATE, **_SCOPE), f"p{q}") for q in (50, 95, 99)],
        unit="s",
        colours=palette.PERCENTILES,
    )


def _failed_steps() -> Panel:
    failed = increase(metrics.FAILURES_BY_STEP, RANGE, **_SCOPE)
    by_step = or_zero(f"{total(failed, 'probe', 'step')} > 0", total(failed), probe="no probe", step="no step failed")
    return bars(
        "Failed runs by step, this range",
        "At which step does it stop?",
        [Query(f"sort_desc({by_step})", "{{probe}}: {{step}}", instant=True)],
        other=palette.BAD,
        decimals=0,
    )


def _phases() -> Panel:
    spent = total(rate(metrics.PHASES, RATE, **_SCOPE), "phase")
    verdicts = total(rate(metrics.RUNS, RATE, **_SCOPE))
    return time_series(
        "Time of a run, by phase",
        "Where does the time go: resolving, connecting (with TLS), waiting for the first byte, transfer?",
        [Query(f"{spent} / on () group_left () ({verdicts} > 0)", "{{phase}}")],
        unit="s",
        colours=palette.PHASES,
        stacked=True,
    )


def _runs(colours: dict[str, str]) -> Panel:
    return time_series(
        "Runs with a verdict a minute",
        "Is every probe measured as often as it should be?",
        [Query(f"60 * {total(rate(metrics.RUNS, RATE, **_SCOPE), 'probe')}", "{{probe}}")],
        colours=colours,
    )


def _unknown() -> Panel:
    unknown = total(increase(metrics.UNKNOWN, RATE, **_SCOPE))
    verdicts = total(increase(metrics.RUNS, RATE, **_SCOPE))
    return time_series(
        "Share of runs without a verdict",
        "Can these figures be trusted?",
        [Query(ratio(unknown, f"{unknown} + {verdicts}"), "unknown")],
        unit="percentunit",
        colours={"unknown": palette.UNKNOWN},
        top=1,
    )
