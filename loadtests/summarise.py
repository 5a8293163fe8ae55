"""From the results of a run to its summary."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from platform import machine, python_version, release, system
from typing import get_args

from pydantic import AwareDatetime

from config import Channel
from journeys import Passage, Reason, definitions
from loadtests.checks import system_checks
from loadtests.contact import Contacts
from loadtests.diagnosis import connection_limit, in_words
from loadtests.health import local_ports
from loadtests.histogram import histogram
from loadtests.latencies import NOTHING, Latencies, percentile, together
from loadtests.plan import Plan
from loadtests.results import Blocks, Results
from loadtests.second import FailureKey
from loadtests.steady import Steady, amplification, amplification_of, measure
from loadtests.summary import (
    TRAILING,
    AdmissionPeak,
    ArrivalFacts,
    AttemptFacts,
    Block,
    ConnectionRow,
    FailureRow,
    GeneratorFacts,
    JourneyRow,
    LimitFacts,
    PlanFacts,
    SecondRow,
    SteadyFacts,
    StepRow,
    Summary,
    Times,
    WaitingRoomRow,
)
from loadtests.timeline import CHANNELS, Timeline
from loadtests.verdict import Generator, generator_checks, judge, troubles
from loadtests.waiting_room import Surplus, surpluses


def summarise(
    plan: Plan,
    results: Results,
    *,
    began: AwareDatetime,
    seconds: float,
    processes: int,
    command: str,
    interrupted: bool = False,
    errors: Sequence[str] = (),
    ended_early: str | None = None,
    pool: int = 0,
) -> Summary:
    """Make the summary of a run that lasted `seconds` from its time zero.

    `interrupted` says that it did not come to its end, `ended_early` why, where it was hopeless to go on. `pool` is the
    number of test accounts there were.
    """
    arrivals = _arrivals(plan, results, seconds, interrupted=interrupted)
    steady, thresholds = measure(results), plan.campaign.thresholds
    peaks = surpluses(results, thresholds.doses)
    checks = [
        *generator_checks(_generator_of(arrivals, steady), thresholds.generator),
        *system_checks(thresholds, results, steady, peaks),
    ]
    befell = troubles(
        interrupted=interrupted and ended_early is None,
        errors=errors,
        aborted=arrivals.aborted,
        shortages=results.shortages,
        no_account=arrivals.no_account,
        pool=pool,
    )
    anyone = bool(arrivals.completed + arrivals.failed)
    connections = _connections(plan, results)
    causes = [row.limit.sentence for row in connections if row.limit]
    verdict = judge(checks, troubles=befell, ended_early=ended_early, anyone=anyone, causes=causes)
    timeline = _timeline(plan, results)
    return Summary(
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        ended_early=ended_early,
        checks=checks,
        began=began,
        seconds=seconds,
        plan=_plan_facts(plan, processes, command, pool),
        arrivals=arrivals,
        lateness=times(results.lateness),
        requests=results.counts["requests"],
        requests_per_second=results.counts["requests"] / seconds if seconds > 0 else 0.0,
        response=times(results.response()),
        histogram=histogram(results.response(), together(row.service for row in results.steps.values())),
        steady=_steady_facts(steady),
        journeys=_journeys(results),
        steps=_steps(results),
        failures=_failures(results, results.failed),
        attempts=_attempts(results, arrivals),
        connections=connections,
        waiting_room=_waiting_room(results, thresholds.doses, peaks),
        timeline=timeline,
        generator=_generator(results, timeline),
    )


def _generator_of(arrivals: ArrivalFacts, steady: Steady) -> Generator:
    return Generator(
        due=arrivals.due - arrivals.no_account,  # too few accounts are no fault of the schedule
        started=arrivals.started,
        dropped=arrivals.dropped,
        lateness_p99=steady.lateness_p99,
        cpu=steady.cpu,
        loop_lag=steady.loop_lag,
        stolen=steady.stolen,
    )


def _steady_facts(steady: Steady) -> SteadyFacts:
    return SteadyFacts(
        start=steady.start,
        end=steady.end,
        completed=steady.completed,
        failed=steady.failed,
        failed_share=steady.failed_share,
        failed_share_to_the_end=steady.failed_share_to_the_end,
        amplification=steady.amplification,
        requests=steady.requests,
        response=times(steady.response),
        lateness_p99=steady.lateness_p99,
        cpu=steady.cpu,
        loop_lag=steady.loop_lag,
    )


def _attempts(results: Results, arrivals: ArrivalFacts) -> AttemptFacts:
    attempts = results.counts["attempts"]
    return AttemptFacts(
        attempts=attempts,
        amplification=amplification(attempts, arrivals.started, arrivals.completed, arrivals.failed),
        spare_connections=results.counts["spare"],
        setbacks=_failures(results, results.setbacks),
    )


def _connections(plan: Plan, results: Results) -> list[ConnectionRow]:
    """Return the addresses that were asked, each once, in the order of the environment."""
    systems: dict[str, list[str]] = {}
    for name, url in plan.environment.endpoints.items():
        systems.setdefault(url, []).append(name)
    return [
        _connection_row(url, names, results.contacts[url]) for url, names in systems.items() if url in results.contacts
    ]


def _connection_row(url: str, systems: list[str], contacts: Contacts) -> ConnectionRow:
    refused = {Reason(reason): count for reason, count in contacts.refused.most_common()}
    limit = connection_limit(contacts)
    return ConnectionRow(
        url=url,
        systems=systems,
        answered=int(contacts.column("fresh").sum()),
        refused=refused,
        kept=int(contacts.column("kept").sum()),
        broken=int(contacts.column("broken").sum()),
        open_max=int(contacts.column("most").max()),
        limit=LimitFacts(**limit.model_dump(), sentence=in_words(limit, systems, list(refused))) if limit else None,
    )


def _generator(results: Results, timeline: list[SecondRow]) -> GeneratorFacts:
    rows = results.timeline.all()
    return GeneratorFacts(
        cpu_mean=sum(row.cpu for row in timeline) / len(timeline) if timeline else 0.0,
        cpu_max=float(rows["cpu"].max(initial=0.0)),
        stolen_mean=sum(row.stolen for row in timeline) / len(timeline) if timeline else 0.0,
        stolen_max=float(rows["stolen"].max(initial=0.0)),
        loop_lag_max=float(rows["lag"].max(initial=0.0)),
        connections=results.counts["connections"],
        connections_open_max=int(rows["open_connections"].max(initial=0)),
        stale_connections=results.counts["stale"],
        closed_early=results.counts["closed_early"],
        sockets_max=int(rows["sockets"].max(initial=0)),
        local_ports=local_ports(),
        memory_max=int(rows["memory"].max(initial=0)),
        machine=f"{system()} {release()}, {machine()}, {os.cpu_count()} processors",
    )


def _waiting_room(
    results: Results, doses: Mapping[Channel, float], peaks: Mapping[Channel, Surplus]
) -> list[WaitingRoomRow]:
    return [
        WaitingRoomRow(
            channel=channel,
            waited=times(results.waits[channel] if channel in results.waits else Latencies()),
            dose=doses.get(channel),
            peak=_peak(peaks[channel]) if channel in peaks else None,
            **{str(passage): results.passages[channel, passage] for passage in Passage},
        )
        for channel in get_args(Channel)
        if results.passages[channel, Passage.JOINED]
    ]


def _peak(surplus: Surplus) -> AdmissionPeak:
    return AdmissionPeak(**asdict(surplus), rate=surplus.rate)


def times(latencies: Latencies) -> Times:
    """Return the percentiles of a histogram."""
    return Times(
        count=latencies.count,
        mean=latencies.mean,
        p50=latencies.percentile(0.5),
        p95=latencies.percentile(0.95),
        p99=latencies.percentile(0.99),
        max=latencies.maximum,
    )


def _plan_facts(plan: Plan, processes: int, command: str, pool: int) -> PlanFacts:
    return PlanFacts(
        campaign=plan.campaign_id,
        title=plan.campaign.title,
        day=plan.day,
        first=plan.clock(0),
        last=plan.clock(plan.duration),
        zone=plan.zone.key,
        compress=plan.compress,
        keep=plan.keep,
        pooled=plan.pooled,
        scale=plan.scale,
        growth=plan.growth,
        years=plan.years,
        seed=plan.seed,
        spacing=plan.spacing,
        think_factor=plan.think_factor,
        timeout=plan.timeout,
        drain=plan.drain,
        accounts=pool,
        environment=plan.environment_id,
        endpoints=dict(plan.environment.endpoints),
        sources=plan.campaign.sources,
        assumptions=plan.campaign.assumptions,
        processes=processes,
        command=command,
        versions={"python": python_version()} | {name: version(name) for name in ("piekwacht", "locust", "uvloop")},
        thresholds=plan.campaign.thresholds,
    )


def _arrivals(plan: Plan, results: Results, seconds: float, *, interrupted: bool) -> ArrivalFacts:
    scheduled, started, dropped = len(plan.arrivals), results.counts["started"], results.counts["dropped"]
    no_account = results.counts["no_account"]
    due = results.counts["due"] if interrupted else scheduled
    completed, failed, unfinished = results.total_completed, results.total_failed, results.total_unfinished
    aborted = results.counts["aborted"]
    expected = plan.shape.count_by(seconds) if interrupted else plan.shape.total
    return ArrivalFacts(
        expected=expected,
        scheduled=scheduled,
        due=due,
        started=started,
        dropped=dropped,
        no_account=no_account,
        not_due=scheduled - due,
        completed=completed,
        failed=failed,
        aborted=aborted,
        unfinished=unfinished,
        lost=max(0, due - dropped - no_account - completed - failed - aborted - unfinished),
        z=(started - expected) / math.sqrt(expected) if expected > 0 else 0.0,
        digest=plan.arrivals.digest(),
    )


def _journeys(results: Results) -> list[JourneyRow]:
    failed: dict[str, int] = {}
    for (journey, _, _), count in results.failed.items():
        failed[journey] = failed.get(journey, 0) + count
    return [
        JourneyRow(
            journey=name,
            completed=results.completed[name],
            failed=failed.get(name, 0),
            unfinished=results.unfinished[name],
            duration=times(results.journeys[name].duration if name in results.journeys else Latencies()),
            blocks=_blocks(results.journeys[name].blocks) if name in results.journeys else [],
        )
        for name in sorted(set(results.completed) | set(failed) | set(results.unfinished))
    ]


def _steps(results: Results) -> list[StepRow]:
    """Return the steps in the order in which the journeys take them."""
    order = {
        (journey.name, step): index for journey in definitions().values() for index, step in enumerate(journey.steps)
    }
    rows = sorted(results.steps.values(), key=lambda row: (row.journey, order.get((row.journey, row.step), 0)))
    return [
        StepRow(
            journey=row.journey,
            step=row.step,
            method=row.method,
            response=times(row.response),
            steady=times(row.steady),
            service=times(row.service),
            received_bytes=row.received,
            blocks=_blocks(row.blocks),
        )
        for row in rows
    ]


def _blocks(blocks: Blocks) -> list[Block]:
    """Return the parts of the run in which anything was measured."""
    found = blocks.latencies()
    parts = [(index, found.get(index, NOTHING)) for index in sorted({*found, *blocks.failed})]
    return [
        Block(
            second=index * blocks.seconds,
            seconds=blocks.seconds,
            count=int(latencies[1].sum()),
            failed=blocks.failed[index],
            p50=percentile(latencies, 0.5),
            p95=percentile(latencies, 0.95),
            p99=percentile(latencies, 0.99),
        )
        for index, latencies in parts
    ]


def _failures(results: Results, counts: Counter[FailureKey]) -> list[FailureRow]:
    """Return failures, most frequent first."""
    return [
        FailureRow(
            journey=journey,
            step=step,
            reason=Reason(reason),
            meaning=Reason(reason).meaning,
            count=count,
            detail=results.details.get((journey, step, reason), ""),
        )
        for (journey, step, reason), count in counts.most_common()
    ]


def _timeline(plan: Plan, results: Results) -> list[SecondRow]:
    return [_second(plan, results.timeline, index) for index in range(results.seconds)]


def _second(plan: Plan, timeline: Timeline, index: int) -> SecondRow:
    """Return one second of the run as data."""
    row, (lateness, response) = timeline.all()[index], timeline.latencies(index)
    admitted = zip(CHANNELS, row["admitted"].tolist(), strict=True)
    return SecondRow(
        second=index,
        planned=plan.shape.count_by(index + 1) - plan.shape.count_by(index),
        started=int(row["started"]),
        dropped=int(row["dropped"]),
        attempts=int(row["attempts"]),
        completed=int(row["completed"]),
        failed=int(row["failed"]),
        setbacks=int(row["setbacks"]),
        in_flight=int(row["in_flight"]),
        open_connections=int(row["open_connections"]),
        requests=int(row["requests"]),
        admitted={channel: count for channel, count in admitted if count},
        amplification=amplification_of(timeline.all()[max(0, index + 1 - TRAILING) : index + 1]),
        response_p50=percentile(response, 0.5),
        response_p99=percentile(response, 0.99),
        lateness_p99=percentile(lateness, 0.99),
        loop_lag=float(row["lag"]),
        cpu=float(row["cpu"]),
        stolen=float(row["stolen"]),
    )
