"""Dashboard *Campaign*: what a load test asks of the systems, what they answer, and whether the generator kept up."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, Thresholds
from config.fields import write_duration
from config.promql import increase, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.generator import SCOPE, health, schedule
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import NOTHING, Column, Query, below, stat, table, text, time_series
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
from monitors.rules import queries

_CHOSEN = {**SCOPE, "step": "$step"}

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
    limits = _strictest(configuration)
    seen = [
        Band(8, [probe_states({"Availability": AVAILABILITY_UID, "Login": LOGIN_UID})]),
        Band(8, [_failed_share_of_probes(systems), latency_by_probe(probes)]),
    ]
    parts: list[Band | Section] = [
        Band(5, [text("Purpose", "What is this dashboard for?", _PURPOSE)]),
        Band(
            4,
            [
                *(_progress(), *schedule(limits)),
                *(_failed_share(limits), _p95(limits), _in_flight_now(), failing_now()),
            ],
        ),
        Band(8, [_arrivals(), _failures()]),
        Band(8, [_in_flight(), _response_times(limits)]),
        Band(9, [_journeys(limits), _steps(limits)]),
        Section(
            "Attempts and waiting room",
            [Band(8, [_amplification(limits), _admissions(), _passages()])],
            "Do people try again, and does the waiting room keep its dose?",
        ),
        Section("Generator health", health(limits), "Was the generator the limit?"),
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


def _strictest(configuration: Configuration) -> Thresholds:
    """Return the strictest limits of all campaigns: a dashboard has one set of colours for all."""
    limits = [campaign.thresholds for campaign in configuration.campaigns.values()] or [Thresholds()]
    generators = [one.generator for one in limits]
    return Thresholds.model_validate(
        {
            "failed_share": min(one.failed_share for one in limits),
            "p95": write_duration(min(one.p95 for one in limits)),
            "amplification": min((one.amplification for one in limits if one.amplification is not None), default=None),
            "generator": {
                "started_share": max(one.started_share for one in generators),
                "lateness_p99": write_duration(min(one.lateness_p99 for one in generators)),
            },
        }
    )


def _progress() -> Panel:
    return stat(
        "Progress",
        "How much of the run is over?",
        [Query(f"max({select(load.PROGRESS, **SCOPE)})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        none="not running",
    )


def _failed_ratio(period: str, *by: str) -> str:
    failed, completed = (total(increase(metric, period, **SCOPE), *by) for metric in (load.FAILED, load.COMPLETED))
    return ratio(failed, f"{failed} + {completed}")


def _failed_share(limits: Thresholds) -> Panel:
    return stat(
        "Failed journeys",
        "Which share of the finished journeys failed? Red from the strictest limit of all campaigns on.",
        [Query(_failed_ratio(RANGE), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=below(limits.failed_share),
    )


def _in_flight_now() -> Panel:
    return stat(
        "In flight",
        "How many citizens are on their way now?",
        [Query(total(select(load.IN_FLIGHT, **SCOPE)), instant=True)],
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        none="not running",
    )


def _p95(limits: Thresholds) -> Panel:
    return stat(
        "Response, p95",
        "How long did 95 of 100 answers take at most, over this range and all steps? "
        "Red from the strictest limit of all campaigns on.",
        [Query(quantile(0.95, load.RESPONSE_TIME, RANGE, **SCOPE), instant=True)],
        unit="s",
        decimals=1,
        steps=below(limits.p95),
    )


def _arrivals() -> Panel:
    series = {"planned": load.PLANNED, "started": load.STARTED, "dropped": load.DROPPED}
    return time_series(
        "Arrivals, planned and started",
        "Does the run follow the campaign's shape?",
        [Query(total(rate(metric, RATE, **SCOPE)), name) for name, metric in series.items()],
        unit="/s",
        colours={"planned": palette.UNKNOWN, "started": palette.NEUTRAL, "dropped": palette.BAD},
    )


def _response_times(limits: Thresholds) -> Panel:
    return time_series(
        "Response time of the chosen steps",
        "How long do citizens wait, from the instant they meant to ask? The line is the limit of p95.",
        [Query(quantile(q / 100, load.RESPONSE_TIME, RATE, **_CHOSEN), f"p{q}") for q in (50, 95, 99)],
        unit="s",
        colours=palette.PERCENTILES,
        lines_at=below(limits.p95),
    )


def _failures() -> Panel:
    return time_series(
        "Failed journeys a minute, by reason",
        "Why do journeys fail? 'none' at 0 means that nothing failed.",
        [Query(per_minute_by_reason(rate(load.FAILED_BY_REASON, RATE, **SCOPE)), "{{reason}}")],
        colours=palette.REASONS | {NOTHING: palette.GOOD},
        stacked=True,
    )


def _in_flight() -> Panel:
    return time_series(
        "Citizens in flight, and answers a second",
        "Do people pile up while the rate of answers stays flat? Then the system is saturated.",
        [
            Query(total(select(load.IN_FLIGHT, **SCOPE)), "in flight"),
            Query(total(rate(load.REQUESTS, RATE, **SCOPE)), "answers a second"),
        ],
        colours={"in flight": palette.FLIGHT, "answers a second": palette.NEUTRAL},
    )


def _journeys(limits: Thresholds) -> Panel:
    outcomes = (load.COMPLETED, load.FAILED)
    completed, failed = (total(increase(metric, RANGE, **SCOPE), "journey") for metric in outcomes)
    return table(
        "Journeys, this range",
        "Which journeys fail?",
        "journey",
        [
            Column("Passed", completed, "none", 0),
            Column("Failed", failed, "none", 0),
            Column("Failed share", _failed_ratio(RANGE, "journey"), "percentunit", 2, below(limits.failed_share)),
        ],
        first="-Failed share",
    )


def _steps(limits: Thresholds) -> Panel:
    return table(
        "Response time by step, this range",
        "Which step is slow?",
        "step",
        [
            Column(
                f"p{q}",
                quantile(q / 100, load.RESPONSE_TIME, RANGE, "step", **_CHOSEN),
                "s",
                1,
                below(limits.p95) if q == 95 else (),
            )
            for q in (50, 95, 99)
        ],
        first="-p99",
    )


def _amplification(limits: Thresholds) -> Panel:
    """Draw attempts / started x (completed + failed) / completed."""
    attempts, started, completed, failed = (
        total(rate(metric, RATE, **SCOPE)) for metric in (load.ATTEMPTS, load.STARTED, load.COMPLETED, load.FAILED)
    )
    setbacks = total(rate(load.SETBACKS, RATE, **SCOPE))
    return time_series(
        "Attempts for each journey that passed",
        "Do failures make people try again, and so make the load grow? 1 where everyone passes at once.",
        [
            Query(f"({ratio(attempts, started)}) * ({ratio(f'({completed} + {failed})', completed)})", "attempts"),
            Query(f"{ratio(setbacks, started)}", "setbacks for each arrival"),
        ],
        colours={"attempts": palette.NEUTRAL, "setbacks for each arrival": palette.WARNING},
        lines_at=below(limits.amplification) if limits.amplification is not None else (),
    )


def _admissions() -> Panel:
    admitted = rate(load.PASSAGES, RATE, **SCOPE, passage="admitted|unqueued")
    return time_series(
        "Admitted by the waiting room",
        "How many people a second does each channel let in: no more than its dose?",
        [Query(total(admitted, "channel"), "{{channel}}")],
        unit="/s",
        colours=palette.CHANNELS,
    )


def _passages() -> Panel:
    return time_series(
        "Passages of the waiting room",
        "Do people queue, lose their place, or give up?",
        [Query(total(rate(load.PASSAGES, RATE, **SCOPE), "passage"), "{{passage}}")],
        unit="/s",
        colours=palette.PASSAGES,
    )


def _failed_share_of_probes(colours: dict[str, str]) -> Panel:
    return time_series(
        "Failed share of probe runs",
        "Which systems fail for a citizen outside the test?",
        [Query(queries.error_ratio(RATE, "system", windows=queries.COUNTED), "{{system}}")],
        unit="percentunit",
        colours=colours,
        top=1,
        ranked=True,
    )
