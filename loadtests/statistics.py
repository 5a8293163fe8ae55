"""How seconds of several workers add up to the result of a run: `Results` takes packed seconds in any order."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

from journeys import Passage, Reason
from loadtests.metrics import LATENCY_BUCKETS
from loadtests.second import COUNTS, DIGITS, HIGHEST, LOWEST, FailureKey, PackedSecond, PassageKey, Sparse, StepKey

EVERYTHING = range(sys.maxsize)
"""Every second of a run."""


def percentile(counts: Mapping[int, int], share: float) -> float:
    """Return the latency in seconds that `share` (0 to 1) of the counted ones do not exceed; 0 where there are none."""
    if not counts:
        return 0.0
    values = sorted(counts)
    cumulated = np.cumsum([counts[value] for value in values])
    return values[int(np.searchsorted(cumulated, share * cumulated[-1]))] / 1e6


class Latencies:
    """All latencies of one thing: a histogram, and cumulative counts for the exporter's buckets."""

    def __init__(self) -> None:
        self.histogram = HdrHistogram(LOWEST, HIGHEST, DIGITS)
        self.buckets = np.zeros(len(LATENCY_BUCKETS) + 1, dtype=np.int64)
        self.total = 0.0

    def add(self, latencies: Sparse) -> None:
        """Add counted latencies."""
        values, counts = latencies
        if not values:
            return
        for value, count in zip(values, counts, strict=True):
            self.histogram.record_value(value, count)
        seconds = np.asarray(values) / 1e6
        np.add.at(self.buckets, np.searchsorted(LATENCY_BUCKETS, seconds, side="left"), counts)
        self.total += float(np.dot(seconds, counts))

    @property
    def count(self) -> int:
        """How many were added."""
        return int(self.histogram.get_total_count())

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that `share` (0 to 1) of them do not exceed; 0 where there are none."""
        return self.histogram.get_value_at_percentile(share * 100) / 1e6 if self.count else 0.0

    @property
    def maximum(self) -> float:
        """The largest, in seconds."""
        return self.histogram.get_max_value() / 1e6 if self.count else 0.0

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return self.total / self.count if self.count else 0.0


MOST_BLOCKS = 128
"""Parts in time that a step's or journey's latencies are kept in; a run of an hour has blocks of 32 s."""


class Blocks:
    """Counted latencies and failures by part of the run, all parts equally long.

    A part begins as one second; whenever there would be more than `MOST_BLOCKS`, neighbours are joined and the length
    doubles. So memory is bounded however long the run is.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self.latencies: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self.failed: Counter[int] = Counter()

    def add(self, second: int, latencies: Sparse, failed: int = 0) -> None:
        """Add what was measured in one second of the run."""
        while second // self.seconds >= MOST_BLOCKS:
            self._join_neighbours()
        block = second // self.seconds
        if latencies[0]:
            counts = self.latencies[block]
            for value, count in zip(*latencies, strict=True):
                counts[value] += count
        if failed:
            self.failed[block] += failed

    def _join_neighbours(self) -> None:
        joined: defaultdict[int, Counter[int]] = defaultdict(Counter)
        failed: Counter[int] = Counter()
        for block, counts in self.latencies.items():
            joined[block // 2].update(counts)
        for block, count in self.failed.items():
            failed[block // 2] += count
        self.latencies, self.failed, self.seconds = joined, failed, self.seconds * 2


@dataclass
class StepResult:
    """Everything about one step of one journey; `steady` are the response times in the steady part of the run."""

    journey: str
    step: str
    method: str
    response: Latencies = field(default_factory=Latencies)
    steady: Latencies = field(default_factory=Latencies)
    service: Latencies = field(default_factory=Latencies)
    received: int = 0
    blocks: Blocks = field(default_factory=Blocks)


@dataclass
class JourneyResult:
    """Everything about one journey: durations without thinking time, and how it went on over the run."""

    duration: Latencies = field(default_factory=Latencies)
    blocks: Blocks = field(default_factory=Blocks)


@dataclass
class Moment:
    """One second of the run, over all workers."""

    started: int = 0
    dropped: int = 0
    attempts: int = 0
    completed: int = 0
    failed: int = 0
    setbacks: int = 0
    in_flight: int = 0
    open_connections: int = 0
    sockets: int = 0
    memory: int = 0
    requests: int = 0
    cpu: float = 0.0
    lag: float = 0.0
    admitted: Counter[str] = field(default_factory=Counter)
    longest_pause: dict[str, float] = field(default_factory=dict)
    lateness: Counter[int] = field(default_factory=Counter)
    response: Counter[int] = field(default_factory=Counter)


class Results:
    """The result of a run so far; `add` takes packed seconds of any worker in any order.

    `steady` are the seconds that are judged.
    """

    def __init__(self, steady: range = EVERYTHING) -> None:
        self.steady = steady
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.lateness = Latencies()
        self.steps: dict[StepKey, StepResult] = {}
        self.journeys: defaultdict[str, JourneyResult] = defaultdict(JourneyResult)
        self.completed: Counter[str] = Counter()
        self.unfinished: Counter[str] = Counter()
        self.failed: Counter[FailureKey] = Counter()
        self.setbacks: Counter[FailureKey] = Counter()
        self.passages: Counter[PassageKey] = Counter()
        self.waits: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.details: dict[FailureKey, str] = {}
        self.moments: defaultdict[int, Moment] = defaultdict(Moment)

    def add(self, second: PackedSecond) -> None:
        """Add one second of one worker."""
        self.counts.update(second["counts"])
        self.lateness.add(second["lateness"])
        self._add_journeys(second)
        self._add_passages(second)
        self._add_moment(second)
        for key, received, response, service in second["steps"]:
            step = self.steps.setdefault(_triple(key), StepResult(*key))
            step.received += received
            step.response.add(response)
            if second["index"] in self.steady:
                step.steady.add(response)
            step.service.add(service)
            step.blocks.add(second["index"], response)

    def _add_journeys(self, second: PackedSecond) -> None:
        self.completed.update(second["completed"])
        self.unfinished.update(second["unfinished"])
        for name, durations in second["journeys"].items():
            self.journeys[name].duration.add(durations)
            self.journeys[name].blocks.add(second["index"], durations)
        for total, rows in ((self.failed, second["failed"]), (self.setbacks, second["setbacks"])):
            for key, count, detail in rows:
                total[_triple(key)] += count
                self.details.setdefault(_triple(key), detail)
        for (journey, _, _), count, _ in second["failed"]:
            self.journeys[journey].blocks.add(second["index"], ([], []), failed=count)

    def _add_passages(self, second: PackedSecond) -> None:
        for (channel, passage), count in second["passages"]:
            self.passages[channel, passage] += count
            if passage in {Passage.ADMITTED, Passage.UNQUEUED}:
                self.moments[second["index"]].admitted[channel] += count
        for channel, waited in second["waits"].items():
            self.waits[channel].add(waited)

    def _add_moment(self, second: PackedSecond) -> None:
        moment, counts, gauges = self.moments[second["index"]], second["counts"], second["gauges"]
        moment.started += counts["started"]
        moment.dropped += counts["dropped"]
        moment.attempts += counts["attempts"]
        moment.requests += counts["requests"]
        moment.in_flight += gauges["in_flight"]
        moment.open_connections += gauges["open_connections"]
        moment.memory += gauges["memory"]
        moment.sockets = max(moment.sockets, gauges["sockets"])
        moment.completed += sum(second["completed"].values())
        moment.failed += sum(count for _, count, _ in second["failed"])
        moment.setbacks += sum(count for _, count, _ in second["setbacks"])
        moment.cpu = max(moment.cpu, second["cpu"])
        moment.lag = max(moment.lag, second["lag"])
        for channel, pause in second["longest_pause"].items():
            moment.longest_pause[channel] = max(pause, moment.longest_pause.get(channel, 0.0))
        moment.lateness.update(dict(zip(*second["lateness"], strict=True)))
        for _, _, response, _ in second["steps"]:
            moment.response.update(dict(zip(*response, strict=True)))

    @property
    def seconds(self) -> int:
        """How many seconds of the run are in: the instant up to which counts are complete."""
        return max(self.moments, default=-1) + 1

    def moments_of(self, seconds: range) -> Iterator[tuple[int, Moment]]:
        """Yield the seconds of a part of the run, in order, with what happened in them."""
        for index in range(seconds.start, min(seconds.stop, self.seconds)):
            if index in self.moments:
                yield index, self.moments[index]

    @property
    def total_completed(self) -> int:
        """Journeys that passed."""
        return sum(self.completed.values())

    @property
    def total_unfinished(self) -> int:
        """Journeys whose citizens were still thinking when the run ended."""
        return sum(self.unfinished.values())

    @property
    def total_failed(self) -> int:
        """Journeys that failed."""
        return sum(self.failed.values())

    def failed_by_reason(self) -> dict[str, int]:
        """Failed journeys by reason; every reason is there."""
        counts = {str(reason): 0 for reason in Reason}
        for (_, _, reason), count in self.failed.items():
            counts[reason] += count
        return counts

    def response(self) -> Latencies:
        """Response times of all steps together."""
        return together(step.response for step in self.steps.values())


def together(parts: Iterable[Latencies]) -> Latencies:
    """Return several latencies as one."""
    whole = Latencies()
    for part in parts:
        whole.histogram.add(part.histogram)
        whole.buckets += part.buckets
        whole.total += part.total
    return whole


def _triple(key: Sequence[str]) -> tuple[str, str, str]:
    """Make a key hashable again after the wire has turned it into a list."""
    first, second, third = key
    return first, second, third
