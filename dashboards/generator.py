"""Panels about the generator of a load test: whether it kept its schedule, and what room is left."""

from __future__ import annotations

from typing import get_args

from grafanalib.core import Panel

from config import Thresholds
from config.promql import increase, ratio, select, total
from dashboards import palette
from dashboards.fields import Steps, below
from dashboards.layout import Band
from dashboards.panels import Query, stat, time_series
from dashboards.shared import NONE_IS_GOOD, RANGE
from loadtests import metrics as load
from loadtests.verdict import Outcome

SCOPE = {"campaign": "$campaign"}

_BUSY: Steps = [(None, palette.GOOD), (0.8, palette.WARNING)]
"""A generator has room left below four fifths of a core: arrivals come in bursts."""


def schedule(limits: Thresholds) -> list[Panel]:
    """Return the figures of the strip: arrivals started, starts late, busiest core."""
    return [_achieved(limits), _latest_start(limits), _busiest_core()]


def health(limits: Thresholds) -> list[Band]:
    """Return the graphs that say whether the generator was the limit, and those of the room it has left."""
    return [
        Band(7, [_lateness(limits), _cpu(), _lost(), _verdict()], [8, 8, 4, 4]),
        Band(7, [_connections(), _memory(), _loop_lag()]),
    ]


def _achieved(limits: Thresholds) -> Panel:
    """Share started = started / due, with due = started + dropped.

    PLANNED is no denominator: it is what the rate curve expects, and chance draws a few more or fewer.
    """
    started, dropped = (total(increase(metric, RANGE, **SCOPE)) for metric in (load.STARTED, load.DROPPED))
    return stat(
        "Arrivals started",
        f"Which part of the arrivals that were due was started? Below {limits.generator.started_share:.1%} the run is"
        " invalid.",
        [Query(ratio(started, f"{started} + {dropped}"), instant=True)],
        unit="percentunit",
        decimals=2,
        steps=[(None, palette.BAD), (limits.generator.started_share, palette.GOOD)],
    )


def _latest_start(limits: Thresholds) -> Panel:
    return stat(
        "Starts late",
        "How late did 1 of 100 citizens start in the worst second? "
        f"The run is invalid when it is more than {_late(limits)} over its steady part.",
        [Query(f"max(max_over_time({select(load.LATENESS_P99, **SCOPE)}[{RANGE}]))", instant=True)],
        unit="s",
        decimals=0,
        steps=below(limits.generator.lateness_p99),
    )


def _busiest_core() -> Panel:
    return stat(
        "Busiest core",
        "How busy was the busiest generator process at its worst? 100 % is one core, all it can use.",
        [Query(f"max(max_over_time({select(load.GENERATOR_CPU, **SCOPE)}[{RANGE}]))", instant=True)],
        unit="percentunit",
        decimals=0,
        steps=_BUSY,
    )


def _late(limits: Thresholds) -> str:
    return f"{1000 * limits.generator.lateness_p99:g} ms"


def _lateness(limits: Thresholds) -> Panel:
    return time_series(
        "Start lateness, 99th percentile of each second",
        "Did arrivals start at their instants? "
        f"The run is invalid when the percentile of its steady part lies above the line at {_late(limits)}.",
        [Query(f"max({select(load.LATENESS_P99, **SCOPE)})", "p99")],
        unit="s",
        colours=palette.PERCENTILES,
        lines_at=below(limits.generator.lateness_p99),
    )


def _cpu() -> Panel:
    return time_series(
        "CPU of the busiest generator process",
        "Has the generator room left? 100 % is one core, all it can use. "
        "What the host of its machine gives to others (steal) makes arrivals late however much room there is.",
        [
            Query(f"max({select(load.GENERATOR_CPU, **SCOPE)})", "busiest process"),
            Query(f"max({select(load.GENERATOR_STOLEN, **SCOPE)})", "withheld by the host"),
        ],
        unit="percentunit",
        colours={"busiest process": palette.NEUTRAL, "withheld by the host": palette.BAD},
        lines_at=_BUSY,
    )


def _lost() -> Panel:
    return stat(
        "Arrivals dropped",
        "How many arrivals were due in this range and could not be started?",
        [Query(total(increase(load.DROPPED, RANGE, **SCOPE)), instant=True)],
        decimals=0,
        steps=NONE_IS_GOOD,
    )


def _verdict() -> Panel:
    """Show the outcome as a number: 1 passed, 2 failed, 3 invalid, 0 while the run goes on."""
    outcomes = {outcome: f"max({select(load.OUTCOME, **SCOPE, outcome=outcome)})" for outcome in get_args(Outcome)}
    numbered = " + ".join(f"{number} * {value}" for number, value in enumerate(outcomes.values(), 1))
    return stat(
        "Verdict",
        "What did the last run of this campaign say, where it was pushed?",
        [Query(numbered, instant=True)],
        steps=[(None, palette.UNKNOWN)],
        labels={
            0: ("under way", palette.UNKNOWN),
            1: ("passed", palette.GOOD),
            2: ("failed", palette.BAD),
            3: ("invalid", palette.WARNING),
        },
    )


def _connections() -> Panel:
    return time_series(
        "Connections of the generator",
        "Do connections pile up? An address has some 28,000 ports for one destination.",
        [Query(total(select(load.GENERATOR_CONNECTIONS, **SCOPE)), "open")],
        colours={"open": palette.NEUTRAL},
    )


def _memory() -> Panel:
    return time_series(
        "Memory of the generator",
        "Does the generator have memory left for the run?",
        [Query(total(select(load.GENERATOR_MEMORY, **SCOPE)), "resident")],
        unit="bytes",
        colours={"resident": palette.NEUTRAL},
    )


def _loop_lag() -> Panel:
    return time_series(
        "Event loop lag of the generator",
        "Did something hold the generator up? Every response time of that second may be too long by so much.",
        [Query(f"max({select(load.GENERATOR_LAG, **SCOPE)})", "lag")],
        unit="s",
        colours={"lag": palette.NEUTRAL},
    )
