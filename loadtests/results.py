"""How seconds of several workers add up to the result of a run: `Results` takes packed seconds in any order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from journeys import Reason
from loadtests.contact import Contact, Contacts
from loadtests.latencies import NOTHING, Counted, Latencies, counted, merged, together
from loadtests.second import COUNTS, FailureKey, PackedSecond, PassageKey, StepKey
from loadtests.timeline import EVERYTHING, Timeline

COARSE_BITS = 8
"""Bits that are kept of a latency where many parts of a run are kept: an error of at most 0.8 %, downwards."""


class Coarse:
    """Counted latencies (microseconds), cut to their highest bits: four bytes for each that occurred.

    With b bits a latency v = m 2^s is kept as its place  (s << b) + m,  two bytes for all of them; places rise with v.
    """

    __slots__ = ("_counts", "_places")

    def __init__(self, latencies: Counted) -> None:
        coarse, numbers = coarsely(latencies)
        shift = np.maximum(0, np.frexp(coarse)[1] - COARSE_BITS)
        self._places = ((shift << COARSE_BITS) + (coarse >> shift)).astype(np.uint16)
        self._counts = numbers.astype(np.uint16 if numbers.max(initial=0) < 2**16 else np.uint32)

    def counted(self) -> Counted:
        """Return them."""
        places = self._places.astype(np.int64)
        shift = places >> COARSE_BITS
        return (places - (shift << COARSE_BITS)) << shift, self._counts.astype(np.int64)


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


NO_BLOCK = -1
"""The number of no part."""


class Blocks:
    """Counted latencies (coarsely) and failures by part of the run, all parts equally long.

    A part begins as one second; whenever there would be more than `MOST_BLOCKS`, neighbours are joined and the length
    doubles. So memory is bounded however long the run is. Only the part that is being added to is kept ready for it.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self.failed: Counter[int] = Counter()
        self._over: dict[int, Coarse] = {}
        self._present = NO_BLOCK, NOTHING

    def add(self, second: int, latencies: Counted) -> None:
        """Add what was measured in one second of the run."""
        block = self._block(second)
        if block != self._present[0]:
            self._put_away()
            over = self._over.pop(block, None)
            self._present = block, over.counted() if over else NOTHING
        self._present = block, merged([self._present[1], coarsely(latencies)])

    def fail(self, second: int, count: int) -> None:
        """Add failures of one second of the run."""
        self.failed[self._block(second)] += count

    def latencies(self) -> dict[int, Counted]:
        """Return the latencies of each part in which there were any."""
        self._put_away()
        return {block: self._over[block].counted() for block in sorted(self._over)}

    def _put_away(self) -> None:
        """Keep the part that was added to last as the others are kept."""
        block, latencies = self._present
        if len(latencies[0]):
            self._over[block] = Coarse(latencies)
        self._present = NO_BLOCK, NOTHING

    def _block(self, second: int) -> int:
        while second // self.seconds >= MOST_BLOCKS:
            self._join_neighbours()
        return second // self.seconds

    def _join_neighbours(self) -> None:
        joined: defaultdict[int, list[Counted]] = defaultdict(list)
        failed: Counter[int] = Counter()
        for block, latencies in self.latencies().items():
            joined[block // 2].append(latencies)
        for block, count in self.failed.items():
            failed[block // 2] += count
        self._over = {block: Coarse(merged(parts)) for block, parts in joined.items()}
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


class Results:
    """The result of a run so far; `add` takes packed seconds of any worker in any order.

    `steady` are the seconds that are judged, `afterwards` the response times that came later. All of it takes as much
    memory after an hour as after a minute, but for the rows of the timeline.
    """

    def __init__(self, steady: range = EVERYTHING) -> None:
        self.steady = steady
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.lateness = Latencies()
        self.steady_lateness = Latencies()
        self.afterwards = Latencies()
        self.steps: dict[StepKey, StepResult] = {}
        self.journeys: defaultdict[str, JourneyResult] = defaultdict(JourneyResult)
        self.completed: Counter[str] = Counter()
        self.unfinished: Counter[str] = Counter()
        self.failed: Counter[FailureKey] = Counter()
        self.setbacks: Counter[FailureKey] = Counter()
        self.shortages: Counter[str] = Counter()
        self.passages: Counter[PassageKey] = Counter()
        self.waits: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.contacts: defaultdict[str, Contacts] = defaultdict(Contacts)
        self.details: dict[FailureKey, str] = {}
        self.longest_pause: dict[str, float] = {}
        self.timeline = Timeline()

    def add(self, second: PackedSecond) -> None:
        """Add one second of one worker."""
        self.counts.update(second["counts"])
        steady, lateness = second["index"] in self.steady, counted(second["lateness"])
        self.lateness.add(lateness)
        if steady:
            self.steady_lateness.add(lateness)
        self._add_journeys(second)
        self._add_passages(second)
        for url, contact in second["contacts"].items():
            self.contacts[url].add(second["index"], Contact(**contact))
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
            if second["index"] >= self.steady.stop:
                self.afterwards.add(response)
        self.timeline.add(second, lateness, responses)

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
        for channel, waited in second["waits"].items():
            self.waits[channel].add(counted(waited))
        for channel, pause in second["longest_pause"].items():
            self.longest_pause[channel] = max(pause, self.longest_pause.get(channel, 0.0))

    @property
    def seconds(self) -> int:
        """How many seconds of the run are in: the instant up to which counts are complete."""
        return len(self.timeline)

    @property
    def total_completed(self) -> int:
        """Journeys that passed."""
        return sum(self.completed.values())

    @property
    def total_unfinished(self) -> int:
        """Journeys whose citizens were still thinking when the run ended, or would have gone on."""
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


def _triple(key: Sequence[str]) -> tuple[str, str, str]:
    """Make a key hashable again after the wire has turned it into a list."""
    first, second, third = key
    return first, second, third
