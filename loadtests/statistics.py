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

from journeys import Reason
from loadtests.metrics import LATENCY_BUCKETS

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000, 3
"""Range (microseconds, one hour) and significant digits of every histogram."""

SUB_BUCKET_BITS = 11
"""Bits an HdrHistogram of three digits keeps: 2,048 sub-buckets."""

StepKey = tuple[str, str, str]
"""Journey, step, HTTP method."""
FailureKey = tuple[str, str, str]
"""Journey, step, reason."""

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
    """What happened within one second of the run, as the engine notes it."""

    index: int
    due: int = 0
    started: int = 0
    dropped: int = 0
    in_flight: int = 0
    requests: int = 0
    connections: int = 0
    stale: int = 0
    aborted: int = 0
    cpu: float = 0.0
    lag: float = 0.0
    lateness: array[float] = field(default_factory=lambda: array("d"))
    steps: defaultdict[StepKey, StepTimes] = field(default_factory=lambda: defaultdict(StepTimes))
    completed: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)
    journeys: defaultdict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    failed: Counter[FailureKey] = field(default_factory=Counter)
    details: dict[FailureKey, str] = field(default_factory=dict)


class PackedSecond(TypedDict):
    """A `Second` as plain lists and numbers."""

    index: int
    counts: dict[str, int]
    cpu: float
    lag: float
    lateness: Sparse
    steps: list[tuple[StepKey, int, Sparse, Sparse]]
    completed: dict[str, int]
    unfinished: dict[str, int]
    journeys: dict[str, Sparse]
    failed: list[tuple[FailureKey, int, str]]


COUNTS = ("due", "started", "dropped", "in_flight", "requests", "connections", "stale", "aborted")


def pack(second: Second) -> PackedSecond:
    """Return the second as plain data."""
    return {
        "index": second.index,
        "counts": {name: getattr(second, name) for name in COUNTS},
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


@dataclass
class StepResult:
    """Everything about one step of one journey."""

    journey: str
    step: str
    method: str
    response: Latencies = field(default_factory=Latencies)
    service: Latencies = field(default_factory=Latencies)
    received: int = 0


@dataclass
class Moment:
    """One second of the run, over all workers."""

    started: int = 0
    dropped: int = 0
    completed: int = 0
    failed: int = 0
    in_flight: int = 0
    requests: int = 0
    cpu: float = 0.0
    lag: float = 0.0
    lateness: Counter[int] = field(default_factory=Counter)
    response: Counter[int] = field(default_factory=Counter)


class Results:
    """The result of a run so far; `add` takes packed seconds of any worker in any order."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter({name: 0 for name in COUNTS if name != "in_flight"})
        self.lateness = Latencies()
        self.steps: dict[StepKey, StepResult] = {}
        self.journeys: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.completed: Counter[str] = Counter()
        self.unfinished: Counter[str] = Counter()
        self.failed: Counter[FailureKey] = Counter()
        self.details: dict[FailureKey, str] = {}
        self.moments: defaultdict[int, Moment] = defaultdict(Moment)

    def add(self, second: PackedSecond) -> None:
        """Add one second of one worker."""
        for name, count in second["counts"].items():
            if name != "in_flight":
                self.counts[name] += count
        self.lateness.add(second["lateness"])
        self.completed.update(second["completed"])
        self.unfinished.update(second["unfinished"])
        for name, durations in second["journeys"].items():
            self.journeys[name].add(durations)
        for key, count, detail in second["failed"]:
            self.failed[_triple(key)] += count
            self.details.setdefault(_triple(key), detail)
        self._add_moment(second)
        for key, received, response, service in second["steps"]:
            step = self.steps.setdefault(_triple(key), StepResult(*key))
            step.received += received
            step.response.add(response)
            step.service.add(service)

    def _add_moment(self, second: PackedSecond) -> None:
        moment, counts = self.moments[second["index"]], second["counts"]
        moment.started += counts["started"]
        moment.dropped += counts["dropped"]
        moment.in_flight += counts["in_flight"]
        moment.requests += counts["requests"]
        moment.completed += sum(second["completed"].values())
        moment.failed += sum(count for _, count, _ in second["failed"])
        moment.cpu = max(moment.cpu, second["cpu"])
        moment.lag = max(moment.lag, second["lag"])
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
