"""The result of a run as data: `summary.json`, from which the report is made.

All times are seconds, all shares go from 0 to 1. `Summary.model_json_schema()` is the schema of the file.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from config import Channel, Thresholds
from config.source import Strict
from journeys import Reason
from loadtests.plan import Keep
from loadtests.verdict import Check, Outcome


class Times(Strict):
    """Percentiles of one kind of duration."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class Block(Strict):
    """A part of the run, `seconds` long from `second`: what was measured in it.

    `failed` counts journeys; it is 0 in the blocks of a step.
    """

    second: int
    seconds: int
    count: int
    failed: int
    p50: float
    p95: float
    p99: float


class Bar(Strict):
    """A bar of the histogram: answers whose time was above `low` and at most `high`, counted by both kinds of time."""

    low: float
    high: float
    response: int
    service: int


class PlanFacts(Strict):
    """What was asked for: `first` to `last` of a `day`, local time in the time zone `zone`, and how it was replayed.

    `compress` times faster, keeping the number of arrivals (`keep` volume) or their rate (`keep` rate); `growth` is the
    factor of one year for each stream, taken `years` times. `timeout` limits a request, `drain` is the time for those
    on their way after the last arrival. `accounts` is the number of test accounts that citizens borrowed, 0 where each
    had a made-up one of their own.
    """

    campaign: str
    title: str
    day: str
    first: AwareDatetime
    last: AwareDatetime
    zone: str
    compress: float
    keep: Keep
    pooled: bool
    scale: float
    growth: dict[str, float]
    years: float
    seed: int
    spacing: str
    think_factor: float
    timeout: float
    drain: float
    accounts: int
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
    ended, `no_account` those for whom no test account was free, `unfinished` those who were still thinking at its end
    or would have gone on, `lost` those whose worker was lost.

        scheduled = due + not_due    due = dropped + no_account + completed + failed + aborted + unfinished + lost

    `z` is the distance of `started` from `expected` in standard deviations of a Poisson count.
    """

    expected: float
    scheduled: int
    due: int
    started: int
    dropped: int
    no_account: int
    not_due: int
    completed: int
    failed: int
    aborted: int
    unfinished: int
    lost: int
    z: float
    digest: str


class JourneyRow(Strict):
    """One journey; `duration` is that of the attempt that passed, from its intended start, without thinking time."""

    journey: str
    completed: int
    failed: int
    unfinished: int
    duration: Times
    blocks: list[Block]


class StepRow(Strict):
    """One step of a journey; `response` counts from the intended start, `service` from the actual one.

    `steady` is the response in the steady part of the run.
    """

    journey: str
    step: str
    method: str
    response: Times
    steady: Times
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
    """How often people tried: `attempts` are journeys begun.

    `setbacks` are failed attempts that someone tried again after, or of a second tab. `amplification` is the number of
    attempts for each journey that passed: 1 where everyone passes at once, None where nobody came.
    `spare_connections` are those that only a bug of the app opened.
    """

    attempts: int
    amplification: float | None
    spare_connections: int
    setbacks: list[FailureRow]


class ConnectionLimit(Strict):
    """A limit of connections as it was met, in the seconds in which there were refusals.

    There are `seconds` of them, from `first` on. `refused` of the `fresh` connections tried, and `broken` of the `kept`
    requests; about `open` connections were kept at a time (median), and `rate` fresh ones tried a second.
    """

    first: int
    seconds: int
    refused: int
    fresh: int
    kept: int
    broken: int
    open: int
    rate: float


class LimitFacts(ConnectionLimit):
    """A limit of connections that the refusals look like, in the seconds in which there were any.

    There are `seconds` of them, from `first` on. `refused` of the `fresh` connections tried, and `broken` of the `kept`
    requests; about `open` connections were kept at a time, and `rate` fresh ones tried a second. `sentence` says it.
    """

    sentence: str


class ConnectionRow(Strict):
    """Who got a connection to one address, at which it serves `systems`.

    A connection is fresh until it has brought an answer from there, then it is kept. `answered` fresh connections were,
    `refused` ones were not opened, or closed without a byte, by reason. `kept` requests were answered on kept
    connections, `broken` were not; at most `open_max` of these were open at once. `limit` is None unless the refusals
    look like a limit of connections.
    """

    url: str
    systems: list[str]
    answered: int
    refused: dict[Reason, int]
    kept: int
    broken: int
    open_max: int
    limit: LimitFacts | None


class AdmissionPeak(Strict):
    """The seconds of the run with the most admissions above the dose: `seconds` long, from second `start`.

    `above` is their number above the dose, `allowed` how many a waiting room that keeps it may show; `rate` is people a
    second.
    """

    start: int
    seconds: int
    admitted: int
    rate: float
    above: float
    allowed: float


class WaitingRoomRow(Strict):
    """What the citizens of one channel met at the waiting room. `unqueued` were let in without a place in the queue.

    `dose` are the people a second that may be admitted; None, like `peak`, where the thresholds do not say.
    """

    channel: Channel
    joined: int
    queued: int
    admitted: int
    unqueued: int
    expired: int
    lost_place: int
    gave_up: int
    waited: Times
    dose: float | None
    peak: AdmissionPeak | None


class SteadyFacts(Strict):
    """The steady part of the run, on which it is judged: from second `start` up to `end`, not included.

    A citizen belongs to the second in which the journey ended. `failed_share_to_the_end` also counts those who were
    still on their way at the last arrival. `cpu` are the cores that the busiest process used over ten seconds. What
    was not measured is None.
    """

    start: int
    end: int
    completed: int
    failed: int
    failed_share: float | None
    failed_share_to_the_end: float | None
    amplification: float | None
    requests: int
    response: Times
    lateness_p99: float
    cpu: float
    loop_lag: float


TRAILING = 10
"""Seconds that the amplification of a second looks back: within one, hardly anybody tries twice."""


class SecondRow(Strict):
    """One second of the run. `planned` is the expected number of arrivals in it, `admitted` counts by channel.

    `amplification` is that of the ten seconds up to this one; None where nobody came.
    """

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
    amplification: float | None
    response_p50: float
    response_p99: float
    lateness_p99: float
    loop_lag: float
    cpu: float
    stolen: float


class GeneratorFacts(Strict):
    """Whether the instrument was fit: CPU of the busiest process (1 = one core), lag of its event loop.

    `stolen_mean` and `stolen_max` are the cores that the machine wanted and its host gave to others (proc_stat(5)).
    `memory_max` is the sum over processes, in bytes. `sockets_max` counts the TCP sockets of the machine, TIME_WAIT
    included; one address has `local_ports` of them for one destination. `closed_early` are idle connections closed
    because the limit on descriptors was reached. `machine` is that of the process that led the run.
    """

    cpu_mean: float
    cpu_max: float
    stolen_mean: float
    stolen_max: float
    loop_lag_max: float
    connections: int
    connections_open_max: int
    stale_connections: int
    closed_early: int
    sockets_max: int
    local_ports: int
    memory_max: int
    machine: str


class Summary(Strict):
    """The whole result. `checks` are the thresholds, each with what was measured; they are judged on `steady`.

    `ended_early` says why a run that was hopeless did not go on. `requests` are the answers that
    came in the whole run; `response`, `histogram` and `steps` leave out those that redirect, which belong to the step.
    """

    schema_version: Literal[1] = 1
    outcome: Outcome
    reasons: list[str]
    ended_early: str | None
    checks: list[Check]
    began: AwareDatetime
    seconds: float
    plan: PlanFacts
    arrivals: ArrivalFacts
    lateness: Times
    requests: int
    requests_per_second: float
    response: Times
    histogram: list[Bar]
    steady: SteadyFacts
    journeys: list[JourneyRow]
    steps: list[StepRow]
    failures: list[FailureRow]
    attempts: AttemptFacts
    connections: list[ConnectionRow]
    waiting_room: list[WaitingRoomRow]
    timeline: list[SecondRow]
    generator: GeneratorFacts

    @property
    def refusals(self) -> list[ConnectionRow]:
        """The addresses that refused connections."""
        return [row for row in self.connections if row.refused]

    @property
    def worst(self) -> SecondRow | None:
        """The second up to which, while people arrived, most attempts were made for each journey that passed.

        One that has less than `TRAILING` seconds to look back on says little. None where there is no other, or where
        no journey passed at all.
        """
        if not self.arrivals.completed:
            return None
        arriving = (row for row in self.timeline if TRAILING - 1 <= row.second < self.steady.end)
        told = [row for row in arriving if row.amplification is not None]
        return max(told, key=lambda row: row.amplification or 0.0, default=None)

    @property
    def unsaid(self) -> list[str]:
        """What the failures look like, where the reasons do not say so: a run may have passed all the same."""
        found = [row.limit.sentence for row in self.connections if row.limit]
        return [sentence for sentence in found if sentence not in self.reasons]
