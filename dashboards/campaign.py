"""Dashboard *Campaign*: what a load test asks of the systems, what they answer, and whether the generator kept up."""

from __future__ import annotations

from collections.abc import Mapping

from grafanalib.core import Panel

from config import Configuration, Thresholds
from config.fields import write_duration
from config.promql import increase, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.about import choices
from dashboards.fields import below
from dashboards.generator import SCOPE, health, schedule
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section, rows_high
from dashboards.links import CAMPAIGN_UID, Site
from dashboards.marks import marks
from dashboards.pace import RATE
from dashboards.panels import NOTHING, Query, stat, time_series
from dashboards.shared import (
    RANGE,
    failed_by_reason,
    failing_now,
    firing_alerts,
    latency_by_probe,
    per_minute_by_reason,
    purpose,
    system_states,
)
from dashboards.subject import Subject
from dashboards.tables import Column, table
from loadtests import metrics as load
from monitors import metrics
from monitors.rules import queries

_CHOSEN = {**SCOPE, "step": "$step"}

_PURPOSE = """
**Does the system hold under this campaign, can the answer be trusted, and what do citizens outside the test notice?**
Arrivals start at their planned instants whatever the system does, and response times count from the intended start: a
queue in the generator cannot hide. Load and probes stand in the same graphs, on one time axis: where both fail it is
the system, where only the load fails it may be the test.

**First look:** *Arrivals started*, *Starts late* and *Busiest core*. Late, dropped or missing starts make the run
invalid, however good the rest looks. Then *Failed share: load and probes*. What each alert means and what to do:
`docs/runbooks/` of the project. The other dashboards are linked above.
"""


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    limits = _strictest(configuration)
    probed = Subject(configuration, site)
    quick = probed.without_calls()
    kept, room = health(limits)
    progress, *started = _progress(), *schedule(limits)
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(4, [progress, *started, _failed_share(limits), _p95(limits), _in_flight_now()], [3, 4, 3, 3, 4, 4, 3]),
        Band(8, [_arrivals(), _response_times_of_both(limits, quick.scope)]),
        Band(8, [_failed_share_of_both(quick.scope), _in_flight()]),
        Band(8, [_failures(), failed_by_reason(probed)]),
        Band(rows_high(len(configuration.systems), least=6, most=24), [system_states(probed)]),
        Band(12, [_journeys(limits), _steps(limits)]),
        Section(
            "Attempts and waiting room",
            [Band(8, [_amplification(limits), _admissions(), _passages()])],
            "Do people try again, and does the waiting room keep its dose?",
        ),
        Section(
            "What the probes see meanwhile",
            [Band(4, [failing_now(probed), firing_alerts("$system")]), Band(8, [latency_by_probe(quick)])],
            "What would a citizen outside the test notice?",
        ),
        Section("Generator", [kept], "Was the generator the limit?"),
        Section("Saturation", [room], "What room has the generator left?", collapsed=True),
    ]
    return dashboard(
        CAMPAIGN_UID,
        "Campaign",
        "A load test beside what the probes see: arrivals, response times, failures, health of the generator",
        parts,
        variables=[
            variable("campaign", load.PLANNED, many=False),
            variable("step", load.RESPONSE_TIME, campaign="$campaign"),
            *choices(),
        ],
        annotations=marks(configuration, "$system"),
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


def _response_times_of_both(limits: Thresholds, seen: Mapping[str, str]) -> Panel:
    """Draw the load's own percentiles beside the slowest probe's; percentiles of both together would mean nothing."""
    probed = quantile(0.95, metrics.DURATION, RATE, "probe", **seen)
    return time_series(
        "Response time: load and probes",
        "How long do citizens wait for an answer, from the instant they meant to ask, and how long does the slowest "
        "probe take for a whole run (p95 of each, telephone calls left out)? The line is the limit of the load's p95.",
        [
            *(Query(quantile(q / 100, load.RESPONSE_TIME, RATE, **_CHOSEN), f"load p{q}") for q in (50, 95, 99)),
            Query(f"max({probed})", "slowest probe"),
        ],
        unit="s",
        colours={f"load {name}": shade for name, shade in palette.PERCENTILES.items()}
        | {"slowest probe": palette.SOURCES["probes"]},
        lines_at=below(limits.p95),
    )


def _failed_share_of_both(seen: Mapping[str, str]) -> Panel:
    return time_series(
        "Failed share: load and probes",
        "Does a citizen outside the test fail when those of the test do? Planned windows are included and marked.",
        [
            Query(_failed_ratio(RATE), "journeys of the load"),
            Query(queries.error_ratio(RATE, windows=queries.COUNTED, **seen), "runs of the probes"),
        ],
        unit="percentunit",
        colours={"journeys of the load": palette.SOURCES["load"], "runs of the probes": palette.SOURCES["probes"]},
        top=1,
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
        {"journey": "Journey"},
        [
            Column("Passed", completed, "none", 0),
            Column("Failed", failed, "none", 0),
            Column("Failed share", _failed_ratio(RANGE, "journey"), "percentunit", 2, below(limits.failed_share)),
        ],
        first=["-Failed share"],
    )


def _steps(limits: Thresholds) -> Panel:
    return table(
        "Response time by step, this range",
        "Which step is slow?",
        {"step": "Step"},
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
        first=["-p99"],
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
