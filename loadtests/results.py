"""How seconds of several workers add up to the result of a run: `Results` takes packed seconds in any order."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import proxy

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from journeys import Passage, Reason
from loadtests.metrics import LATENCY_BUCKETS
from loadtests.second import (
    COUNTS,
    DIGITS,
    HIGHEST,
    LOWEST,
    SUB_BUCKET_BITS,
    FailureKey,
    PackedSecond,
    PassageKey,
    Sparse,
    StepKey,
)

EVERYTHING = range(sys.maxsize)
"""Every second of a run."""

Counted = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The same as `Sparse`, as arrays: latencies that occurred (microseconds, rising), and how often each did."""


def counted(latencies: Sparse) -> Counted:
    """Return what came by wire as arrays."""
    return np.asarray(latencies[0], np.int64), np.asarray(latencies[1], np.int64)


def merged(parts: Sequence[Counted]) -> Counted:
    """Return several counted latencies as one."""
    values, places = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.bincount(places, np.concatenate([part[1] for part in parts]), len(values))
    return values, counts.astype(np.int64)


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
        # A histogram and its encoder hold each other; the collector is asleep while a run goes on.
        self.histogram.encoder.histogram = proxy(self.histogram)
        self._counts = np.ctypeslib.as_array(self.histogram.counts).view(np.int64)
        self.buckets = np.zeros(len(LATENCY_BUCKETS) + 1, dtype=np.int64)
        self.total = 0.0

    def add(self, latencies: Counted) -> None:
        """Add counted latencies (rising, as `pack` cuts them).

        All at once, because one `record_value` for each costs more than the rest of the statistics together. The place
        of v in the histogram's counts is

            (b + 1) 2^10 + (v >> b) - 2^10      with b = max(0, bits(v) - 11)
        """
        values, counts = latencies
        if not len(values):
            return
        shift = np.maximum(0, np.frexp(values)[1] - SUB_BUCKET_BITS)
        self._counts[(shift << (SUB_BUCKET_BITS - 1)) + (values >> shift)] += counts  # each place at most once
        self.histogram.total_count += int(counts.sum())
        self.histogram.min_value = min(self.histogram.min_value, int(values[0]))
        self.histogram.max_value = max(self.histogram.max_value, int(values[-1]))
        seconds = values / 1e6
        places = np.searchsorted(LATENCY_BUCKETS, seconds, side="left")
        self.buckets += np.bincount(places, counts, len(self.buckets)).astype(np.int64)
        self.total += float(seconds @ counts)

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


COARSE_BITS = 8
"""Bits that are kept of a latency where many parts of a run are kept: an error of at most 0.8 %, downwards."""

RESPONSE_BITS, LATENESS_BITS = 7, 6
"""The same for each second that is long past: 1.6 % of a response, 3.2 % of a lateness, which is only plotted."""

SETTLED = 30
"""Seconds after which a moment is kept coarsely, so that a run of hours fits into memory; late reports still count."""


class Coarse(Mapping[int, int]):
    """Counted latencies (microseconds), cut to their highest bits: four bytes for each that occurred.

    With b bits a latency v = m 2^s is kept as its place  (s << b) + m,  two bytes for all of them; places rise with v.
    """

    __slots__ = ("_bits", "_counts", "_places")

    def __init__(self, counts: Mapping[int, int], bits: int = COARSE_BITS) -> None:
        values = sorted(counts)
        coarse, numbers = coarsely(counted((values, [counts[value] for value in values])), bits)
        shift = np.maximum(0, np.frexp(coarse)[1] - bits)
        kind, width = ("H", np.uint16) if numbers.max(initial=0) < 2**16 else ("I", np.uint32)
        self._bits = bits
        self._places = array("H", ((shift << bits) + (coarse >> shift)).astype(np.uint16).tobytes())
        self._counts = array(kind, numbers.astype(width).tobytes())

    def __getitem__(self, value: int) -> int:
        shift = max(0, value.bit_length() - self._bits)
        place = (shift << self._bits) + (value >> shift)
        index = bisect_left(self._places, place)
        if index == len(self._places) or self._places[index] != place or self._value(place) != value:
            raise KeyError(value)
        return self._counts[index]

    def __iter__(self) -> Iterator[int]:
        return map(self._value, self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _value(self, place: int) -> int:
        shift = place >> self._bits
        return (place - (shift << self._bits)) << shift


def coarsely(latencies: Counted, bits: int = COARSE_BITS) -> Counted:
    """Return counted latencies cut to their highest bits: (v >> s) << s with s = max(0, bits(v) - bits)."""
    fine, counts = latencies
    if not len(fine):
        return latencies
    shift = np.maximum(0, np.frexp(fine)[1] - bits)
    coarse = (fine >> shift) << shift
    first = np.flatnonzero(np.diff(coarse, prepend=-1))  # rising: equals are neighbours
    return coarse[first], np.add.reduceat(counts, first)


MOST_BLOCKS = 128
"""Parts in time that a step's or journey's latencies are kept in; a run of an hour has blocks of 32 s."""


class Blocks:
    """Counted latencies (coarsely) and failures by part of the run, all parts equally long.

    A part begins as one second; whenever there would be more than `MOST_BLOCKS`, neighbours are joined and the length
    doubles. So memory is bounded however long the run is. Parts that are over are kept as arrays: counted in
    dictionaries they would take ten times as much.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self.latencies: dict[int, Mapping[int, int]] = {}
        self.failed: Counter[int] = Counter()

    def add(self, second: int, latencies: Counted) -> None:
        """Add what was measured in one second of the run."""
        block = self._block(second)
        if block not in self.latencies:
            for over, counts in self.latencies.items():
                if not isinstance(counts, Coarse):
                    self.latencies[over] = Coarse(counts)
        self.latencies[block] = _added(self.latencies.get(block, Counter()), coarsely(latencies))

    def fail(self, second: int, count: int) -> None:
        """Add failures of one second of the run."""
        self.failed[self._block(second)] += count

    def _block(self, second: int) -> int:
        while second // self.seconds >= MOST_BLOCKS:
            self._join_neighbours()
        return second // self.seconds

    def _join_neighbours(self) -> None:
        joined: defaultdict[int, Counter[int]] = defaultdict(Counter)
        failed: Counter[int] = Counter()
        for block, counts in self.latencies.items():
            joined[block // 2].update(counts)
        for block, count in self.failed.items():
            failed[block // 2] += count
        self.latencies = {block: Coarse(counts) for block, counts in joined.items()}
        self.failed, self.seconds = failed, self.seconds * 2


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


@dataclass(slots=True)
class Moment:
    """One second of the run, over all workers; what has been counted of latencies is `Coarse` after a while."""

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
    lateness: Mapping[int, int] = field(default_factory=Counter)
    response: Mapping[int, int] = field(default_factory=Counter)

    def count(self, lateness: Counted, responses: Sequence[Counted]) -> None:
        """Add counted latencies."""
        self.lateness = _added(self.lateness, lateness)
        if responses:
            self.response = _added(self.response, merged(responses))

    def settle(self) -> None:
        """Keep what has been counted coarsely from now on."""
        self.lateness = Coarse(self.lateness, LATENESS_BITS)
        self.response = Coarse(self.response, RESPONSE_BITS)


class Results:
    """The result of a run so far; `add` takes packed seconds of any worker in any order.

    `steady` are the seconds that are judged.
    """

    def __init__(self, steady: range = EVERYTHING) -> None:
        self.steady = steady
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.lateness = Latencies()
        self.steady_lateness = Latencies()
        self.steps: dict[StepKey, StepResult] = {}
        self.journeys: defaultdict[str, JourneyResult] = defaultdict(JourneyResult)
        self.completed: Counter[str] = Counter()
        self.unfinished: Counter[str] = Counter()
        self.failed: Counter[FailureKey] = Counter()
        self.setbacks: Counter[FailureKey] = Counter()
        self.shortages: Counter[str] = Counter()
        self.passages: Counter[PassageKey] = Counter()
        self.waits: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.details: dict[FailureKey, str] = {}
        self.moments: defaultdict[int, Moment] = defaultdict(Moment)

    def add(self, second: PackedSecond) -> None:
        """Add one second of one worker."""
        self.counts.update(second["counts"])
        steady, lateness = second["index"] in self.steady, counted(second["lateness"])
        self.lateness.add(lateness)
        if steady:
            self.steady_lateness.add(lateness)
        self._add_journeys(second)
        self._add_passages(second)
        responses = []
        for key, received, sparse_response, service in second["steps"]:
            step, response = self._step(_triple(key)), counted(sparse_response)
            responses.append(response)
            step.received += received
            step.response.add(response)
            if steady:
                step.steady.add(response)
            step.service.add(counted(service))
            step.blocks.add(second["index"], response)
        self._add_moment(second)
        self._add_latencies(second["index"], lateness, responses)

    def _step(self, key: StepKey) -> StepResult:
        if key not in self.steps:  # not setdefault: a result is three histograms, 200 KiB each
            self.steps[key] = StepResult(*key)
        return self.steps[key]

    def _add_journeys(self, second: PackedSecond) -> None:
        self.completed.update(second["completed"])
        self.unfinished.update(second["unfinished"])
        self.shortages.update(second["shortages"])
        for name, sparse_durations in second["journeys"].items():
            durations = counted(sparse_durations)
            self.journeys[name].duration.add(durations)
            self.journeys[name].blocks.add(second["index"], durations)
        for total, rows in ((self.failed, second["failed"]), (self.setbacks, second["setbacks"])):
            for key, count, detail in rows:
                total[_triple(key)] += count
                self.details.setdefault(_triple(key), detail)
        for (journey, _, _), count, _ in second["failed"]:
            self.journeys[journey].blocks.fail(second["index"], count)

    def _add_passages(self, second: PackedSecond) -> None:
        for (channel, passage), count in second["passages"]:
            self.passages[channel, passage] += count
            if passage in {Passage.ADMITTED, Passage.UNQUEUED}:
                self.moments[second["index"]].admitted[channel] += count
        for channel, waited in second["waits"].items():
            self.waits[channel].add(counted(waited))

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

    def _add_latencies(self, index: int, lateness: Counted, responses: Sequence[Counted]) -> None:
        self.moments[index].count(lateness, responses)
        settled = self.moments.get(index - SETTLED)
        if settled is not None:
            settled.settle()

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


def _added(counts: Mapping[int, int], more: Counted) -> Counter[int]:
    """Return counts with some more; a `Counter` itself is changed."""
    total = counts if isinstance(counts, Counter) else Counter(counts)
    total.update(_as_dict(more))
    return total


def _as_dict(latencies: Counted) -> dict[int, int]:
    return dict(zip(latencies[0].tolist(), latencies[1].tolist(), strict=True))


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
