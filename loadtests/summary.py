"""The result of a run as data: `summary.json`, from which the report is made.

All times are seconds, all shares go from 0 to 1. `Summary.model_json_schema()` is the schema of the file.
"""

from __future__ import annotations

import math
from collections import Counter
from importlib.metadata import version
from platform import python_version
from typing import Literal, get_args

from pydantic import AwareDatetime

from config import Channel, Thresholds
from config.source import Strict
from journeys import Passage, Reason, definitions
from loadtests.health import local_ports
from loadtests.plan import Plan
from loadtests.statistics import Blocks, FailureKey, Latencies, Moment, Results, percentile
from loadtests.verdict import Measured, Outcome, judge


class Times(Strict):
    """Percentiles of one kind of duration."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class Block(Strict):
    """A part of the run, `seconds` long from `second`: what was measured in it, and how many journeys failed."""

    second: int
    seconds: int
    count: int
    failed: int
    p50: float
    p95: float
    p99: float


class PlanFacts(Strict):
    """What was asked for."""

    campaign: str
    title: str
    day: str
    first: AwareDatetime
    last: AwareDatetime
    compress: float
    scale: float
    seed: int
    spacing: str
    think_factor: float
    environment: str
    endpoints: dict[str, str]
    sources: list[str]
    assumptions: list[str]
    processes: int
    command: str
    versions: dict[str, str]
    thresholds: Thresholds


class ArrivalFacts(Strict):
    """What became of the arrivals.

    `expected` is the integral of the rate, `scheduled` the number drawn, `due` those whose instant came before the run
    ended, `unfinished` those who were still thinking at its end, `lost` those whose worker was lost.

        scheduled = due + not_due        due = dropped + completed + failed + aborted + unfinished + lost

    `z` is the distance of `started` from `expected` in standard deviations of a Poisson count.
    """

    expected: float
    scheduled: int
    due: int
    started: int
    dropped: int
    not_due: int
    completed: int
    failed: int
    aborted: int
    unfinished: int
    lost: int
    z: float
    digest: str


class JourneyRow(Strict):
    """One journey; `duration` counts from the intended start and leaves out thinking time."""

    journey: str
    completed: int
    failed: int
    unfinished: int
    duration: Times
    blocks: list[Block]


class StepRow(Strict):
    """One step of a journey; `response` counts from the intended start, `service` from the actual one."""

    journey: str
    step: str
    method: str
    response: Times
    service: Times
    received_bytes: int
    blocks: list[Block]


class FailureRow(Strict):
    """Failures of one kind."""

    journey: str
    step: str
    reason: Reason
    meaning: str
    count: int
    detail: str


class AttemptFacts(Strict):
    """How often people tried: `attempts` are journeys begun, `setbacks` failed attempts that someone tried again after.

        amplification = attempts / journeys that passed       (1 where everyone passes at once)

    `spare_connections` are those that only a bug of the app opened.
    """

    attempts: int
    amplification: float
    spare_connections: int
    setbacks: list[FailureRow]


class WaitingRoomRow(Strict):
    """What the citizens of one channel met at the waiting room. `unqueued` were let in without a place in the queue."""

    channel: Channel
    joined: int
    queued: int
    admitted: int
    unqueued: int
    expired: int
    lost_place: int
    gave_up: int
    waited: Times


class SecondRow(Strict):
    """One second of the run. `planned` is the expected number of arrivals in it, `admitted` counts by channel."""

    second: int
    planned: float
    started: int
    dropped: int
    attempts: int
    completed: int
    failed: int
    setbacks: int
    in_flight: int
    open_connections: int
    requests: int
    admitted: dict[str, int]
    response_p50: float
    response_p99: float
    lateness_p99: float
    cpu: float


class GeneratorFacts(Strict):
    """Whether the instrument was fit: CPU of the busiest process (1 = one core), lag of its event loop.

    `memory_max` is the sum over processes, in bytes. `sockets_max` counts the TCP sockets of the machine, TIME_WAIT
    included; one address has `local_ports` of them for one destination. `closed_early` are idle connections closed
    because the limit on descriptors was reached.
    """

    cpu_mean: float
    cpu_max: float
    loop_lag_max: float
    connections: int
    connections_open_max: int
    stale_connections: int
    closed_early: int
    sockets_max: int
    local_ports: int
    memory_max: int


class Summary(Strict):
    """The whole result."""

    schema_version: Literal[1] = 1
    outcome: Outcome
    reasons: list[str]
    began: AwareDatetime
    seconds: float
    plan: PlanFacts
    arrivals: ArrivalFacts
    lateness: Times
    requests: int
    requests_per_second: float
    response: Times
    journeys: list[JourneyRow]
    steps: list[StepRow]
    failures: list[FailureRow]
    attempts: AttemptFacts
    waiting_room: list[WaitingRoomRow]
    timeline: list[SecondRow]
    generator: GeneratorFacts


def summarise(
    plan: Plan,
    results: Results,
    *,
    began: AwareDatetime,
    seconds: float,
    processes: int,
    command: str,
    interrupted: bool = False,
    errors: list[str] | None = None,
) -> Summary:
    """Make the summary of a run that lasted `seconds` from its time zero."""
    arrivals = _arrivals(plan, results, seconds, interrupted=interrupted)
    response = results.response()
    verdict = judge(
        Measured(
            due=arrivals.due,
            started=arrivals.started,
            dropped=arrivals.dropped,
            aborted=arrivals.aborted,
            completed=arrivals.completed,
            failed=arrivals.failed,
            lateness_p99=results.lateness.percentile(0.99),
            response_p95=response.percentile(0.95),
            interrupted=interrupted,
            errors=errors or [],
        ),
        plan.campaign.thresholds,
    )
    timeline = _timeline(plan, results)
    return Summary(
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        began=began,
        seconds=seconds,
        plan=_plan_facts(plan, processes, command),
        arrivals=arrivals,
        lateness=times(results.lateness),
        requests=results.counts["requests"],
        requests_per_second=results.counts["requests"] / seconds if seconds > 0 else 0.0,
        response=times(response),
        journeys=_journeys(results),
        steps=_steps(results),
        failures=_failures(results, results.failed),
        attempts=AttemptFacts(
            attempts=results.counts["attempts"],
            amplification=results.counts["attempts"] / max(1, results.total_completed),
            spare_connections=results.counts["spare"],
            setbacks=_failures(results, results.setbacks),
        ),
        waiting_room=_waiting_room(results),
        timeline=timeline,
        generator=_generator(results, timeline),
    )


def _generator(results: Results, timeline: list[SecondRow]) -> GeneratorFacts:
    moments = results.moments.values()
    return GeneratorFacts(
        cpu_mean=sum(row.cpu for row in timeline) / len(timeline) if timeline else 0.0,
        cpu_max=max((moment.cpu for moment in moments), default=0.0),
        loop_lag_max=max((moment.lag for moment in moments), default=0.0),
        connections=results.counts["connections"],
        connections_open_max=max((moment.open_connections for moment in moments), default=0),
        stale_connections=results.counts["stale"],
        closed_early=results.counts["closed_early"],
        sockets_max=max((moment.sockets for moment in moments), default=0),
        local_ports=local_ports(),
        memory_max=max((moment.memory for moment in moments), default=0),
    )


def _waiting_room(results: Results) -> list[WaitingRoomRow]:
    return [
        WaitingRoomRow(
            channel=channel,
            waited=times(results.waits[channel] if channel in results.waits else Latencies()),
            **{str(passage): results.passages[channel, passage] for passage in Passage},
        )
        for channel in get_args(Channel)
        if results.passages[channel, Passage.JOINED]
    ]


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


def _plan_facts(plan: Plan, processes: int, command: str) -> PlanFacts:
    return PlanFacts(
        campaign=plan.campaign_id,
        title=plan.campaign.title,
        day=plan.day,
        first=plan.clock(0),
        last=plan.clock(plan.duration),
        compress=plan.compress,
        scale=plan.scale,
        seed=plan.seed,
        spacing=plan.spacing,
        think_factor=plan.think_factor,
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
        not_due=scheduled - due,
        completed=completed,
        failed=failed,
        aborted=aborted,
        unfinished=unfinished,
        lost=max(0, due - dropped - completed - failed - aborted - unfinished),
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
            service=times(row.service),
            received_bytes=row.received,
            blocks=_blocks(row.blocks),
        )
        for row in rows
    ]


def _blocks(blocks: Blocks) -> list[Block]:
    """Return the parts of the run in which anything was measured."""
    return [
        Block(
            second=index * blocks.seconds,
            seconds=blocks.seconds,
            count=sum(blocks.latencies[index].values()),
            failed=blocks.failed[index],
            p50=percentile(blocks.latencies[index], 0.5),
            p95=percentile(blocks.latencies[index], 0.95),
            p99=percentile(blocks.latencies[index], 0.99),
        )
        for index in sorted({*blocks.latencies, *blocks.failed})
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
    if not results.moments:
        return []
    return [second_row(plan, index, results.moments.get(index, Moment())) for index in range(max(results.moments) + 1)]


def second_row(plan: Plan, index: int, moment: Moment) -> SecondRow:
    """Return one second of the run as data."""
    return SecondRow(
        second=index,
        planned=plan.shape.count_by(index + 1) - plan.shape.count_by(index),
        started=moment.started,
        dropped=moment.dropped,
        attempts=moment.attempts,
        completed=moment.completed,
        failed=moment.failed,
        setbacks=moment.setbacks,
        in_flight=moment.in_flight,
        open_connections=moment.open_connections,
        requests=moment.requests,
        admitted=dict(moment.admitted),
        response_p50=percentile(moment.response, 0.5),
        response_p99=percentile(moment.response, 0.99),
        lateness_p99=percentile(moment.lateness, 0.99),
        cpu=moment.cpu,
    )
