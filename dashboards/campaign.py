"""Dashboard *Campaign*: what a load test asks of the systems, what they answer, and whether the generator kept up."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration
from config.promql import increase, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import Column, Query, bars, stat, table, text, time_series
from dashboards.shared import (
    AVAILABILITY_UID,
    CAMPAIGN_UID,
    LOGIN_UID,
    RANGE,
    RATE,
    failing_now,
    latency_by_probe,
    marks,
    per_minute_by_reason,
    probe_states,
)
from loadtests import metrics as load
from monitors import queries

_SCOPE = {"campaign": "$campaign"}
_CHOSEN = {**_SCOPE, "step": "$step"}

_PURPOSE = """
**Does the system hold under this campaign, and can the answer be trusted?** Arrivals start at their planned instants
whatever the system does, and response times count from the intended start: a queue in the generator cannot hide.

**First look:** *Arrivals started*, *Starts late* and *Busiest core*. Late, dropped or missing starts make the run
invalid, however good the rest looks. Then failures and response times; at the bottom, what the probes saw meanwhile.
What each alert means and what to do: `docs/runbooks/` of the project. The other dashboards are linked above.
"""


def build(configuration: Configuration) -> JsonObject:
    """Return the dashboard as plain data."""
    systems, probes = palette.systems(configuration), palette.probes(configuration)
    seen = [
        Band(8, [probe_states({"Availability": AVAILABILITY_UID, "Login": LOGIN_UID})]),
        Band(8, [_failed_share_of_probes(systems), latency_by_probe(probes)]),
    ]
    parts: list[Band | Section] = [
        Band(5, [text("Purpose", "What is this dashboard for?", _PURPOSE)]),
        Band(4, [_progress(), _achieved(), _failed_share(), _in_flight_now(), _p95(), failing_now()]),
        Band(8, [_arrivals(), _response_times()]),
        Band(8, [_failures(), _in_flight()]),
        Band(9, [_journeys(), _steps()]),
        Section("Generator health", [Band(7, [_lateness(), _cpu(), _lost()])], "Was the generator the limit?"),
        Section("What the probes see meanwhile", seen, "What would a citizen outside the test notice?"),
    ]
    return dashboard(
        CAMPAIGN_UID,
        "Campaign",
        "A load test: arrivals, response times, failures, health of the generator, and what the probes see",
        parts,
        variables=[
            variable("campaign", load.PLANNED, many=False),
            variable("step", load.RESPONSE_TIME, campaign="$campaign"),
        ],
        annotations=marks(),
        period="15m",
        refresh="5s",
    )


def _progress() -> Panel:
    return stat(
        "Progress",
        "How much of the run is over?",
        [Query(f"max({select(load.PROGRESS, **_SCOPE)})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
    )


def _achieved() -> Panel:
    started, planned = (total(increase(metric, RANGE, **_SCOPE)) for metric in (load.STARTED, load.PLANNED))
    return stat(
        "Arrivals started",
        "Which part of the planned arrivals was started? Below 99.9 % the run is invalid.",
        [Query(ratio(started, planned), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=[(None, palette.BAD), (0.999, palette.GOOD)],
    )


def _failed_ratio(period: str, *by: str) -> str:
    failed, completed = (total(increase(metric, period, **_SCOPE), *by) for metric in (load.FAILED, load.COMPLETED))
    return ratio(failed, f"{failed} + {completed}")


def _failed_share() -> Panel:
    return stat(
        "Failed journeys",
        "Which share of the finished journeys failed?",
        [Query(_failed_ratio(RANGE), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=[(None, palette.GOOD), (0.001, palette.WARNING), (0.01, palette.BAD)],
    )


def _in_flight_now() -> Panel:
    return stat(
        "In flight",
        "How many citizens are on their way now?",
        [Query(total(select(load.IN_FLIGHT, **_SCOPE)), instant=True)],
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
    )


def _p95() -> Panel:
    return stat(
        "Response time, p95",
        "How long did 95 of 100 answers take at most, over this range and all steps?",
        [Query(quantile(0.95, load.RESPONSE_TIME, RANGE, **_SCOPE), instant=True)],
        unit="s",
        steps=[(None, palette.GOOD), (1, palette.WARNING), (2, palette.BAD)],
    )


def _arrivals() -> Panel:
    series = {"planned": load.PLANNED, "started": load.STARTED, "dropped": load.DROPPED}
    return time_series(
        "Arrivals a second, planned and achieved",
        "Does the run follow the campaign's shape?",
        [Query(total(rate(metric, RATE, **_SCOPE)), name) for name, metric in series.items()],
        unit="cps",
        colours={"planned": palette.UNKNOWN, "started": palette.NEUTRAL, "dropped": palette.BAD},
    )


def _response_times() -> Panel:
    return time_series(
        "Response time of the chosen steps",
        "How long do citizens wait, from the instant they meant to ask?",
        [Query(quantile(q / 100, load.RESPONSE_TIME, RATE, **_CHOSEN), f"p{q}") for q in (50, 95, 99)],
        unit="s",
        colours=palette.PERCENTILES,
    )


def _failures() -> Panel:
    return time_series(
        "Failed journeys a minute, by reason",
        "Why do journeys fail? 'none' at 0 means that nothing failed.",
        [Query(per_minute_by_reason(rate(load.FAILED_BY_REASON, RATE, **_SCOPE)), "{{reason}}")],
        colours=palette.REASONS | {"none": palette.GOOD},
        stacked=True,
    )


def _in_flight() -> Panel:
    return time_series(
        "Citizens in flight, and answers a second",
        "Do people pile up while the rate of answers stays flat? Then the system is saturated.",
        [
            Query(total(select(load.IN_FLIGHT, **_SCOPE)), "in flight"),
            Query(total(rate(load.REQUESTS, RATE, **_SCOPE)), "answers a second"),
        ],
        colours={"in flight": palette.WARNING, "answers a second": palette.NEUTRAL},
    )


def _journeys() -> Panel:
    outcomes = (load.COMPLETED, load.FAILED)
    completed, failed = (total(increase(metric, RANGE, **_SCOPE), "journey") for metric in outcomes)
    return table(
        "Journeys, this range",
        "Which journeys fail?",
        "journey",
        [
            Column("Passed", completed, decimals=0),
            Column("Failed", failed, decimals=0, steps=[(None, palette.GOOD), (1, palette.BAD)]),
            Column("Failed share", _failed_ratio(RANGE, "journey"), "percentunit", 2),
        ],
    )


def _steps() -> Panel:
    return table(
        "Response time by step, this range",
        "Which step is slow?",
        "step",
        [
            Column(f"p{q}", quantile(q / 100, load.RESPONSE_TIME, RANGE, "step", **_CHOSEN), "s", 3)
            for q in (50, 95, 99)
        ],
    )


def _lateness() -> Panel:
    return time_series(
        "Start lateness, 99th percentile",
        "Did arrivals start at their instants? Above 10 ms the generator was the limit.",
        [Query(f"max({select(load.LATENESS_P99, **_SCOPE)})", "p99")],
        unit="s",
        colours=palette.PERCENTILES,
        lines_at=[(None, palette.GOOD), (0.01, palette.BAD)],
    )


def _cpu() -> Panel:
    return time_series(
        "CPU of the busiest generator process",
        "Has the generator room left? 100 % is one core, all it can use.",
        [Query(f"max({select(load.GENERATOR_CPU, **_SCOPE)})", "busiest process")],
        unit="percentunit",
        colours={"busiest process": palette.NEUTRAL},
        lines_at=[(None, palette.GOOD), (0.8, palette.WARNING)],
    )


def _lost() -> Panel:
    return bars(
        "Arrivals dropped, this range",
        "How many arrivals were due and could not be started?",
        [Query(total(increase(load.DROPPED, RANGE, **_SCOPE)), "dropped", instant=True)],
        colours={"dropped": palette.BAD},
        decimals=0,
    )


def _failed_share_of_probes(colours: dict[str, str]) -> Panel:
    return time_series(
        "Failed share of probe runs",
        "Which systems fail for a citizen outside the test?",
        [Query(queries.error_ratio(RATE, "system", windows=queries.COUNTED), "{{system}}")],
        unit="percentunit",
        colours=colours,
        top=1,
    )
