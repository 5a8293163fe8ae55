"""What the engine notes within each second of a run, and the same as plain data for the wire.

The engine fills a `Second` in its own thread and hands it over; `pack` turns it into lists and numbers. Latencies are
integers in microseconds, rounded to the three significant digits that an HdrHistogram keeps, so that merging is exact.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from loadtests.contact import Contact
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
    of descriptors. `cpu` are the cores that the process used, `stolen` those that the machine wanted and its host
    withheld. At the second's end: citizens `in_flight`, `open_connections`, TCP `sockets` of the whole machine
    (those in TIME_WAIT included), `memory` of the process in bytes. By channel: `waits` in the waiting room of those
    admitted, and the `longest_pause` before an admission was noticed. `contacts` are by base URL. `orders` were carried
    out, and then all arrivals of the engine's lanes below the number `reached` were started. `no_account` found no free
    test account; the engine has given up those it `parted` with.
    """

    index: int
    due: int = 0
    started: int = 0
    dropped: int = 0
    no_account: int = 0
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
    stolen: float = 0.0
    lag: float = 0.0
    lateness: array[float] = field(default_factory=lambda: array("d"))
    steps: defaultdict[StepKey, StepTimes] = field(default_factory=lambda: defaultdict(StepTimes))
    completed: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)
    journeys: defaultdict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    failed: Counter[FailureKey] = field(default_factory=Counter)
    setbacks: Counter[FailureKey] = field(default_factory=Counter)
    details: dict[FailureKey, str] = field(default_factory=dict)
    shortages: Counter[str] = field(default_factory=Counter)
    passages: Counter[PassageKey] = field(default_factory=Counter)
    waits: defaultdict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    longest_pause: dict[str, float] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    orders: list[Done] = field(default_factory=list)
    parted: list[int] = field(default_factory=list)
    reached: int = 0


class PackedSecond(TypedDict):
    """A `Second` as plain lists and numbers."""

    index: int
    counts: dict[str, int]
    gauges: dict[str, int]
    cpu: float
    stolen: float
    lag: float
    lateness: Sparse
    steps: list[tuple[StepKey, int, Sparse, Sparse]]
    completed: dict[str, int]
    unfinished: dict[str, int]
    journeys: dict[str, Sparse]
    failed: list[tuple[FailureKey, int, str]]
    setbacks: list[tuple[FailureKey, int, str]]
    shortages: dict[str, int]
    passages: list[tuple[PassageKey, int]]
    waits: dict[str, Sparse]
    longest_pause: dict[str, float]
    contacts: dict[str, dict[str, Any]]


COUNTS = (
    "due",
    "started",
    "dropped",
    "no_account",
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
        "stolen": second.stolen,
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
        "shortages": dict(second.shortages),
        "passages": list(second.passages.items()),
        "waits": {channel: sparse(waited) for channel, waited in second.waits.items()},
        "longest_pause": second.longest_pause,
        "contacts": {url: asdict(contact) for url, contact in second.contacts.items()},
    }


def sparse(seconds: Sequence[float] | NDArray[np.float64]) -> Sparse:
    """Count durations as microseconds of three significant digits.

    v is cut to its highest 11 bits, the resolution of the histogram it will go into. Counting by the places there takes
    half as long as sorting:

        place(v) = (s << 10) + (v >> s)      with s = max(0, bits(v) - 11); back: s = max(0, (place >> 10) - 1)
    """
    if not len(seconds):
        return [], []
    values = np.clip(np.rint(np.asarray(seconds) * 1e6), LOWEST, HIGHEST).astype(np.int64)
    shift = np.maximum(0, np.frexp(values)[1] - SUB_BUCKET_BITS)
    counts = np.bincount((shift << (SUB_BUCKET_BITS - 1)) + (values >> shift))
    places = np.flatnonzero(counts)
    shift = np.maximum(0, (places >> (SUB_BUCKET_BITS - 1)) - 1)
    return ((places - (shift << (SUB_BUCKET_BITS - 1))) << shift).tolist(), counts[places].tolist()


def locust_buckets(latencies: Sparse) -> dict[int, int]:
    """Count milliseconds as Locust's `bucket_response_time` rounds them: the larger, the coarser.

    All at once, because one call for each value would cost more than all other statistics together.
    """
    milliseconds = np.asarray(latencies[0]) / 1000
    unit = np.array([1, 10, 100, 1000])[np.searchsorted([100, 1000, 10_000], milliseconds, side="right")]
    buckets, places = np.unique(np.rint(milliseconds / unit) * unit, return_inverse=True)
    return dict(zip(buckets.astype(int).tolist(), np.bincount(places, latencies[1]).astype(int).tolist(), strict=True))
