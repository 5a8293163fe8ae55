"""Counting: what the engine notes each second, and how seconds of several workers add up to the result of a run.

The engine fills a `Second` in its own thread and hands it over; `pack` turns it into plain data for the wire; `Results`
adds packed seconds up, whichever worker they come from. Latencies are integers in microseconds, rounded to the three
significant digits that an HdrHistogram keeps, so that merging is exact.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from journeys import Passage, Reason
from loadtests.metrics import LATENCY_BUCKETS
from loadtests.schedule import Done

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000, 3
"""Range (microseconds, one hour) and significant digits of every histogram."""

SUB_BUCKET_BITS = 11
"""Bits an HdrHistogram of three digits keeps: 2,048 sub-buckets."""

StepKey = tuple[str, str, str]
"""Journey, step, HTTP method."""
FailureKey = tuple[str, str, str]
"""Journey, step, reason."""
PassageKey = tuple[str, str]
"""Channel, passage of the waiting room."""

Sparse = tuple[list[int], list[int]]
"""Latencies that occurred (microseconds, rising), and how often each did."""


class StepTimes:
    """Seconds measured of one step within one second of the run: from the intended start, and from the actual one."""

    __slots__ = ("received", "response", "service")

    def __init__(self) -> None:
        self.response = array("d")
        self.service = array("d")
        self.received = 0


@dataclass(slots=True)
class Second:
    """What happened within one second of the run, as the engine notes it.

    `attempts` are journeys begun, retries and second tabs included; `setbacks` are failed attempts that did not decide
    what became of the citizen. `spare` are connections that only a bug opened, `closed_early` idle ones closed for want
    of descriptors. At the second's end: citizens `in_flight`, `open_connections`, TCP `sockets` of the whole machine
    (those in TIME_WAIT included), `memory` of the process in bytes. By channel: `waits` in the waiting room of those
    admitted, and the `longest_pause` before an admission was noticed. `orders` were carried out, and then all arrivals
    of the engine's lanes below the number `reached` were started.
    """

    index: int
    due: int = 0
    started: int = 0
    dropped: int = 0
    attempts: int = 0
    requests: int = 0
    connections: int = 0
    spare: int = 0
    stale: int = 0
    closed_early: int = 0
    aborted: int = 0
    in_flight: int = 0
    open_connections: int = 0
    sockets: int = 0
    memory: int = 0
    cpu: float = 0.0
    lag: float = 0.0
    lateness: array[float] = field(default_factory=lambda: array("d"))
    steps: defaultdict[StepKey, StepTimes] = field(default_factory=lambda: defaultdict(StepTimes))
    completed: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)
    journeys: defaultdict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    failed: Counter[FailureKey] = field(default_factory=Counter)
    setbacks: Counter[FailureKey] = field(default_factory=Counter)
    details: dict[FailureKey, str] = field(default_factory=dict)
    passages: Counter[PassageKey] = field(default_factory=Counter)
    waits: defaultdict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    longest_pause: dict[str, float] = field(default_factory=dict)
    orders: list[Done] = field(default_factory=list)
    reached: int = 0


class PackedSecond(TypedDict):
    """A `Second` as plain lists and numbers."""

    index: int
    counts: dict[str, int]
    gauges: dict[str, int]
    cpu: float
    lag: float
    lateness: Sparse
    steps: list[tuple[StepKey, int, Sparse, Sparse]]
    completed: dict[str, int]
    unfinished: dict[str, int]
    journeys: dict[str, Sparse]
    failed: list[tuple[FailureKey, int, str]]
    setbacks: list[tuple[FailureKey, int, str]]
    passages: list[tuple[PassageKey, int]]
    waits: dict[str, Sparse]
    longest_pause: dict[str, float]


COUNTS = (
    "due",
    "started",
    "dropped",
    "attempts",
    "requests",
    "connections",
    "spare",
    "stale",
    "closed_early",
    "aborted",
)
"""What is added up over time and workers."""

GAUGES = ("in_flight", "open_connections", "sockets", "memory")
"""What is as it is at the end of a second."""


def pack(second: Second) -> PackedSecond:
    """Return the second as plain data."""
    return {
        "index": second.index,
        "counts": {name: getattr(second, name) for name in COUNTS},
        "gauges": {name: getattr(second, name) for name in GAUGES},
        "cpu": second.cpu,
        "lag": second.lag,
        "lateness": sparse(second.lateness),
        "steps": [
            (key, times.received, sparse(times.response), sparse(times.service)) for key, times in second.steps.items()
        ],
        "completed": dict(second.completed),
        "unfinished": dict(second.unfinished),
        "journeys": {name: sparse(durations) for name, durations in second.journeys.items()},
        "failed": [(key, count, second.details.get(key, "")) for key, count in second.failed.items()],
        "setbacks": [(key, count, second.details.get(key, "")) for key, count in second.setbacks.items()],
        "passages": list(second.passages.items()),
        "waits": {channel: sparse(waited) for channel, waited in second.waits.items()},
        "longest_pause": second.longest_pause,
    }


def sparse(seconds: Sequence[float] | NDArray[np.float64]) -> Sparse:
    """Count durations as microseconds of three significant digits.

    v is cut to its highest 11 bits, the resolution of the histogram it will go into: (v >> s) << s with
    s = max(0, bits(v) - 11).
    """
    if not len(seconds):
        return [], []
    values = np.clip(np.rint(np.asarray(seconds) * 1e6), LOWEST, HIGHEST).astype(np.int64)
    shift = np.maximum(0, np.floor(np.log2(values)).astype(np.int64) + 1 - SUB_BUCKET_BITS)
    found, counts = np.unique((values >> shift) << shift, return_counts=True)
    return found.tolist(), counts.tolist()


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
    """Everything about one step of one journey."""

    journey: str
    step: str
    method: str
    response: Latencies = field(default_factory=Latencies)
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
    """The result of a run so far; `add` takes packed seconds of any worker in any order."""

    def __init__(self) -> None:
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
        return _together(step.response for step in self.steps.values())


def _together(parts: Any) -> Latencies:
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
