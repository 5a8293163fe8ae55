"""What is expected of alerts about the measurement and what surrounds a service, and of recorded figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from config import Configuration
from loadtests import metrics as load
from monitors.metrics import (
    CALLS_LEAKED,
    CERTIFICATE_EXPIRY,
    INTERVAL,
    NOTICE_DUE,
    PERIOD_EXPECTED,
    PERIOD_FAILURES,
    PERIOD_RUNS,
    PERIOD_TIME,
    RUNS,
    UNKNOWN,
)
from monitors.rules import queries
from monitors.rules.queries import ratio_record
from monitors.rules.rule_tests import VANTAGE, Case, Labels, Scene, Series, counter, series, stairs

ELSEWHERE = "there"
DAY = 86_400


def cases(configuration: Configuration) -> Iterator[Case]:
    """Yield the cases of an estate, of its first system and its first campaign."""
    scene = Scene(configuration, next(iter(configuration.systems)))
    yield from _measurement(scene)
    yield from _coverage(scene)
    yield from _certificates(scene)
    yield from _notices(scene)
    yield from _calls(scene)
    for campaign in list(configuration.campaigns)[:1]:
        yield from _load(scene, campaign)
    yield _periods(scene)


def _operator(name: str, severity: str = "ticket", **labels: str) -> Labels:
    return {"alertname": name, "severity": severity, **labels}


def _measurement(scene: Scene) -> Iterator[Case]:
    yield Case(
        "a dead exporter fires the alert about missing data, and no other",
        scene.system,
        {name: f"{samples} stale" for name, samples in scene.healthy(10).items()},
        {10: [], 20: [_operator("MonitorDown", "page")]},
    )
    yield Case(
        "a system without runs has no ratio, not NaN, and is reported as not measured",
        scene.system,
        scene.healthy(14) | scene.counts(RUNS, "none", (14, 0)),
        {4: [], 14: [scene.page("SystemNotMeasured")]},
        absent=[
            f'{ratio_record("1h")}{{system="{scene.system}"}}',
            queries.availability("30d", system=scene.system),
            queries.budget_left("30d", system=scene.system),
        ],
    )
    yield Case(
        "runs without a verdict are neither up nor down: a ticket about the prober",
        scene.system,
        scene.healthy(25) | scene.counts(UNKNOWN, "broken_probe", (5, 0), (20, 2)),
        {5: [], 25: [scene.ticket("RunsWithoutVerdict", vantage=VANTAGE)]},
    )
    yield Case(
        "one of two vantage points that stops makes a ticket, and the other goes on",
        scene.system,
        scene.healthy(25) | scene.each(INTERVAL, f"{stairs((10, 15))} stale", vantage=ELSEWHERE),
        {10: [], 25: [_operator("VantageSilent", vantage=ELSEWHERE)]},
    )
    blind = {
        **scene.healthy(25, ELSEWHERE),
        **scene.counts(RUNS, "none", (5, 1), (20, 0), vantage=ELSEWHERE),
        **scene.counts(UNKNOWN, "own_network", (5, 0), (20, 1), vantage=ELSEWHERE),
    }
    yield Case(
        "one of two vantage points that is blind pages nobody: a ticket about it",
        scene.system,
        scene.healthy(25) | blind,
        {8: [], 10: [], 24: [scene.ticket("RunsWithoutVerdict", vantage=ELSEWHERE)]},
    )


def _coverage(scene: Scene) -> Iterator[Case]:
    half = {
        series(RUNS, system=scene.system, probe=probe, vantage=VANTAGE, window="none"): counter(30, (70, 1))
        for probe in scene.probes
    }
    yield Case(
        "half of the runs that are due are missing: a ticket, once an hour is known",
        scene.system,
        scene.healthy(70) | half,
        {50: [], 68: [scene.ticket("CoverageLow")]},
        values={queries.coverage("1h", system=scene.system): 0.5},
    )


def _certificates(scene: Scene) -> Iterator[Case]:
    page, ticket = scene.page("CertificateExpiresSoon"), scene.ticket("CertificateExpiresSoon")
    for days, fires in ((22, []), (20, [ticket]), (2, [page, ticket]), (-1, [page, ticket])):
        expiry = scene.each(CERTIFICATE_EXPIRY, stairs((16, days * DAY)))
        told = "nobody is told" if not fires else f"a {' and a '.join(sorted(each['severity'] for each in fires))}"
        yield Case(
            f"a certificate that expires in {days} days: {told}",
            scene.system,
            scene.healthy(16) | expiry,
            {5: [], 15: fires},
        )


def _notices(scene: Scene) -> Iterator[Case]:
    """Yield cases with a deadline after ten minutes; a second monitor says nothing, for it keeps no messages."""

    def due(rule: str) -> Series:
        return {series(NOTICE_DUE, system=scene.system, rule=rule, instance="here"): stairs((20, 600))}

    page, ticket = scene.page("NoticeOverdue"), scene.ticket("NoticeOverdue")
    yield Case(
        "a message about a disruption that is overdue pages, two minutes after its deadline",
        scene.system,
        scene.healthy(20) | due("N5"),
        {9: [], 11: [], 15: [page]},
    )
    yield Case(
        "planned work that was announced too late makes a ticket",
        scene.system,
        scene.healthy(20) | due("N1"),
        {9: [], 15: [ticket]},
    )
    yield Case(
        "the one of two monitors that keeps the messages is enough to page",
        scene.system,
        scene.healthy(20) | scene.healthy(20, ELSEWHERE) | due("N8"),
        {9: [], 15: [page]},
    )


def _calls(scene: Scene) -> Iterator[Case]:
    leaked = series(CALLS_LEAKED, instance="monitor:9464")
    page, ticket = _operator("CallsNotReleased", "page"), _operator("CallsNotReleased")
    yield Case(
        "a call whose end was never confirmed makes a ticket, three of them page",
        scene.system,
        scene.healthy(40) | {leaked: stairs((10, 0), (10, 1), (20, 3))},
        {9: [], 11: [ticket], 19: [ticket], 21: [page, ticket]},
    )


def _load(scene: Scene, campaign: str) -> Iterator[Case]:
    late = _operator("LoadGeneratorLate")

    def test(lateness: float, dropped: int) -> Series:
        return {
            series(load.LATENESS_P99, campaign=campaign): stairs((10, 0.001), (10, lateness)),
            series(load.PLANNED, campaign=campaign): "0+1500x80",
            series(load.DROPPED, campaign=campaign): counter(15, (10, 0), (10, dropped)),
        }

    limits = scene.configuration.campaigns[campaign].thresholds.generator
    yield Case(
        "a load test that starts its arrivals late makes a ticket",
        scene.system,
        scene.healthy(20) | test(2 * limits.lateness_p99, 0),
        {9: [], 12: [late]},
    )
    yield Case(
        "a load test that drops arrivals makes a ticket",
        scene.system,
        scene.healthy(20) | test(0.001, round(3000 * (1 - limits.started_share)) + 15),
        {9: [], 13: [late]},
    )
    yield Case(
        "a load test that keeps its schedule is quiet, and a few late arrivals are",
        scene.system,
        scene.healthy(20) | test(0.5 * limits.lateness_p99, 1),
        {9: [], 13: [], 20: []},
    )


def _periods(scene: Scene) -> Case:
    """Of 10,000 runs 4 failed and 100 in planned time; half of the month has passed."""

    def gauges(period: str, vantage: str) -> Series:
        own = {"system": scene.system, "vantage": vantage, "period": period}
        rows = {
            series(PERIOD_RUNS, **own, window="none"): 9_000,
            series(PERIOD_RUNS, **own, window="overrun"): 1_000,
            series(PERIOD_RUNS, **own, window="planned"): 2_000,
            series(PERIOD_FAILURES, **own, window="none"): 1,
            series(PERIOD_FAILURES, **own, window="overrun"): 3,
            series(PERIOD_FAILURES, **own, window="planned"): 100,
            series(PERIOD_EXPECTED, **own, window="none"): 10_500,
            series(PERIOD_EXPECTED, **own, window="overrun"): 1_000,
            series(PERIOD_EXPECTED, **own, window="planned"): 2_000,
            series(PERIOD_TIME, **own, part="passed"): 15 * DAY,
            series(PERIOD_TIME, **own, part="ahead"): 15 * DAY,
        }
        return {name: stairs((20, value)) for name, value in rows.items()}

    target = scene.configuration.systems[scene.system].objective.target
    return Case(
        "figures of the calendar: planned time excluded and included, budget left of the whole month, coverage",
        scene.system,
        scene.healthy(20) | gauges("month", VANTAGE) | gauges("month", ELSEWHERE) | gauges("year", VANTAGE),
        {20: []},
        values={
            queries.availability("month", system=scene.system): 1 - 4 / 10_000,
            queries.availability("month", queries.INCLUDED, system=scene.system): 1 - 104 / 12_000,
            queries.availability("year", system=scene.system): 1 - 4 / 10_000,
            queries.budget_left("month", system=scene.system): 1 - 4 / 10_000 * 0.5 / (1 - target / 100),
            queries.coverage("month", system=scene.system): 12_000 / 13_500,
            queries.availability("30d", system=scene.system): 1.0,
            queries.budget_left("30d", system=scene.system): 1.0,
        },
    )
