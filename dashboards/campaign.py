"""Dashboard *Campaign*: what a load test asks of the systems, what they answer, and whether the generator kept up."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, Thresholds
from config.fields import write_duration
from config.promql import increase, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import NOTHING, Column, Query, Steps, stat, table, text, time_series
from dashboards.shared import (
    AVAILABILITY_UID,
    CAMPAIGN_UID,
    LOGIN_UID,
    NONE_IS_GOOD,
    RANGE,
    RATE,
    failing_now,
    latency_by_probe,
    marks,
    per_minute_by_reason,
    probe_states,
)
from loadtests import metrics as load
from loadtests.verdict import LATENESS_P99, STARTED_SHARE
from monitors import queries

_SCOPE = {"campaign": "$campaign"}
_CHOSEN = {**_SCOPE, "step": "$step"}

_LATE = f"{1000 * LATENESS_P99:g} ms"
_BUSY: Steps = [(None, palette.GOOD), (0.8, palette.WARNING)]
"""A generator has room left below four fifths of a core: arrivals come in bursts."""

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
                *(_progress(), _achieved(), _latest_start(), _busiest_core()),
                *(_failed_share(limits), _p95(limits), _in_flight_now(), failing_now()),
            ],
        ),
        Band(8, [_arrivals(), _failures()]),
        Band(8, [_in_flight(), _response_times(limits)]),
        Band(9, [_journeys(limits), _steps(limits)]),
        Section(
            "Generator health", [Band(7, [_lateness(), _cpu(), _lost()], [10, 10, 4])], "Was the generator the limit?"
        ),
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
    p95 = write_duration(min(one.p95 for one in limits))
    return Thresholds.model_validate({"failed_share": min(one.failed_share for one in limits), "p95": p95})


def _below(limit: float) -> Steps:
    return [(None, palette.GOOD), (limit, palette.BAD)]


def _progress() -> Panel:
    return stat(
        "Progress",
        "How much of the run is over?",
        [Query(f"max({select(load.PROGRESS, **_SCOPE)})", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        none="not running",
    )


def _achieved() -> Panel:
    """Share started = started / due, with due = started + dropped.

    PLANNED is no denominator: it is what the rate curve expects, and chance draws a few more or fewer.
    """
    started, dropped = (total(increase(metric, RANGE, **_SCOPE)) for metric in (load.STARTED, load.DROPPED))
    return stat(
        "Arrivals started",
        f"Which part of the arrivals that were due was started? Below {STARTED_SHARE:.1%} the run is invalid.",
        [Query(ratio(started, f"{started} + {dropped}"), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=[(None, palette.BAD), (STARTED_SHARE, palette.GOOD)],
    )


def _latest_start() -> Panel:
    return stat(
        "Starts late",
        "How late did 1 of 100 citizens start in the worst second? "
        f"The run is invalid when it is more than {_LATE} over the whole run.",
        [Query(f"max(max_over_time({select(load.LATENESS_P99, **_SCOPE)}[{RANGE}]))", instant=True)],
        unit="s",
        decimals=0,
        steps=[(None, palette.GOOD), (LATENESS_P99, palette.BAD)],
    )


def _busiest_core() -> Panel:
    return stat(
        "Busiest core",
        "How busy was the busiest generator process at its worst? 100 % is one core, all it can use.",
        [Query(f"max(max_over_time({select(load.GENERATOR_CPU, **_SCOPE)}[{RANGE}]))", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=_BUSY,
    )


def _failed_ratio(period: str, *by: str) -> str:
    failed, completed = (total(increase(metric, period, **_SCOPE), *by) for metric in (load.FAILED, load.COMPLETED))
    return ratio(failed, f"{failed} + {completed}")


def _failed_share(limits: Thresholds) -> Panel:
    return stat(
        "Failed journeys",
        "Which share of the finished journeys failed? Red from the strictest limit of all campaigns on.",
        [Query(_failed_ratio(RANGE), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=_below(limits.failed_share),
    )


def _in_flight_now() -> Panel:
    return stat(
        "In flight",
        "How many citizens are on their way now?",
        [Query(total(select(load.IN_FLIGHT, **_SCOPE)), instant=True)],
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
        none="not running",
    )


def _p95(limits: Thresholds) -> Panel:
    return stat(
        "Response, p95",
        "How long did 95 of 100 answers take at most, over this range and all steps? "
        "Red from the strictest limit of all campaigns on.",
        [Query(quantile(0.95, load.RESPONSE_TIME, RANGE, **_SCOPE), instant=True)],
        unit="s",
        decimals=1,
        steps=_below(limits.p95),
    )


def _arrivals() -> Panel:
    series = {"planned": load.PLANNED, "started": load.STARTED, "dropped": load.DROPPED}
    return time_series(
        "Arrivals, planned and started",
        "Does the run follow the campaign's shape?",
        [Query(total(rate(metric, RATE, **_SCOPE)), name) for name, metric in series.items()],
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
        lines_at=_below(limits.p95),
    )


def _failures() -> Panel:
    return time_series(
        "Failed journeys a minute, by reason",
        "Why do journeys fail? 'none' at 0 means that nothing failed.",
        [Query(per_minute_by_reason(rate(load.FAILED_BY_REASON, RATE, **_SCOPE)), "{{reason}}")],
        colours=palette.REASONS | {NOTHING: palette.GOOD},
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
        colours={"in flight": palette.FLIGHT, "answers a second": palette.NEUTRAL},
    )


def _journeys(limits: Thresholds) -> Panel:
    outcomes = (load.COMPLETED, load.FAILED)
    completed, failed = (total(increase(metric, RANGE, **_SCOPE), "journey") for metric in outcomes)
    return table(
        "Journeys, this range",
        "Which journeys fail?",
        "journey",
        [
            Column("Passed", completed, "none", 0),
            Column("Failed", failed, "none", 0),
            Column("Failed share", _failed_ratio(RANGE, "journey"), "percentunit", 2, _below(limits.failed_share)),
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
                _below(limits.p95) if q == 95 else (),
            )
            for q in (50, 95, 99)
        ],
        first="-p99",
    )


def _lateness() -> Panel:
    return time_series(
        "Start lateness, 99th percentile of each second",
        "Did arrivals start at their instants? "
        f"The run is invalid when the percentile of the whole run lies above the line at {_LATE}.",
        [Query(f"max({select(load.LATENESS_P99, **_SCOPE)})", "p99")],
        unit="s",
        colours=palette.PERCENTILES,
        lines_at=_below(LATENESS_P99),
    )


def _cpu() -> Panel:
    return time_series(
        "CPU of the busiest generator process",
        "Has the generator room left? 100 % is one core, all it can use.",
        [Query(f"max({select(load.GENERATOR_CPU, **_SCOPE)})", "busiest process")],
        unit="percentunit",
        colours={"busiest process": palette.NEUTRAL},
        lines_at=_BUSY,
    )


def _lost() -> Panel:
    return stat(
        "Arrivals dropped",
        "How many arrivals were due in this range and could not be started?",
        [Query(total(increase(load.DROPPED, RANGE, **_SCOPE)), instant=True)],
        decimals=0,
        steps=NONE_IS_GOOD,
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
