"""What happened in each second of a run, over all workers: a row of 130 bytes, however much was measured in it.

Counts stay exact for ever, whenever a worker reports them. Latencies are counted one by one for as long as reports of
a second usually come in. Then each is rounded up to the median, the 99th percentile or the maximum of its second, and
three numbers of them are kept:

    counted       |          . . : : : . .    .           .       (thousands of values)
    kept          |                p50             p99    max     each percentile is as it was

What comes later is merged with these three, so the percentiles of such a second may be too high, never too low.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from config import Channel
from journeys import Passage
from loadtests.latencies import Counted, merged
from loadtests.second import PackedSecond

EVERYTHING = range(sys.maxsize)
"""Every second of a run."""

SETTLED = 30
"""Seconds after which a second's latencies are kept as three numbers: a worker that says nothing for 4 s is lost."""

CHANNELS: tuple[str, ...] = get_args(Channel)
"""The channels, in the order in which a row counts those admitted."""

KEPT = np.array([0.5, 0.99, 1.0])
"""The shares of a second's latencies that are told apart once it has settled."""

_COUNTS = ("started", "dropped", "attempts", "requests", "completed", "failed", "setbacks")
_GAUGES = ("in_flight", "open_connections")

ROW = np.dtype(
    [
        *((name, np.int32) for name in ("reports", *_COUNTS, *_GAUGES, "sockets")),
        ("memory", np.int64),
        ("cpu", np.float64),
        ("stolen", np.float64),
        ("lag", np.float64),
        ("admitted", np.int32, (len(CHANNELS),)),
        ("lateness", np.uint32, (2, len(KEPT))),
        ("response", np.uint32, (2, len(KEPT))),
    ]
)
"""One second. `reports` says how many workers told of it; of sockets, CPU, what the host withheld and lag it is the
highest, else the sum.

`lateness` and `response` are microseconds, rising, and how often each occurred.
"""

Rows = NDArray[np.void]
"""Seconds, as `ROW`."""


class Timeline:
    """The seconds of a run; `add` takes packed seconds of any worker in any order."""

    def __init__(self) -> None:
        self._rows = np.zeros(1024, ROW)
        self._end = 0
        self._open: dict[int, tuple[Counted, Counted]] = {}

    def __len__(self) -> int:
        """How many seconds of the run are in: the instant up to which counts are complete."""
        return self._end

    def add(self, second: PackedSecond, lateness: Counted, responses: Sequence[Counted]) -> None:
        """Add one second of one worker, and its latencies."""
        index = second["index"]
        self._make_room(index)
        _count(self._rows[index], second)
        known = self.latencies(index)
        self._open[index] = merged([known[0], lateness]), merged([known[1], *responses])
        for old in [old for old in self._open if old < self._end - SETTLED]:
            self._rows[old]["lateness"], self._rows[old]["response"] = map(_rounded_up, self._open.pop(old))

    def rows(self, seconds: range = EVERYTHING) -> Rows:
        """Return the seconds of a part of the run that somebody has told of, in order."""
        part = self.all()[seconds.start : seconds.stop]
        return part[part["reports"] > 0]

    def all(self) -> Rows:
        """Return every second; where nobody has told of one, all is 0."""
        return self._rows[: self._end]

    @property
    def latest(self) -> Any:
        """The last second that somebody has told of; all is 0 where there is none."""
        return self._rows[max(0, self._end - 1)]

    def latencies(self, index: int) -> tuple[Counted, Counted]:
        """Return lateness and response times of a second, as far as they are told apart."""
        if index in self._open:
            return self._open[index]
        row = self._rows[index]
        return _counted(row["lateness"]), _counted(row["response"])

    def _make_room(self, index: int) -> None:
        """Double the room until a second fits; the system gives memory only to rows that are written to."""
        while index >= len(self._rows):
            rows = np.zeros(2 * len(self._rows), ROW)
            rows[: self._end] = self.all()
            self._rows = rows
        self._end = max(self._end, index + 1)


def total(rows: Rows, name: str) -> int:
    """Return the sum of one count over some seconds."""
    return int(rows[name].sum())


def _count(row: Any, second: PackedSecond) -> None:
    """Add everything but latencies to a row."""
    counts, gauges = second["counts"], second["gauges"]
    row["reports"] += 1
    for name in ("started", "dropped", "attempts", "requests"):
        row[name] += counts[name]
    for name in (*_GAUGES, "memory"):
        row[name] += gauges[name]
    row["completed"] += sum(second["completed"].values())
    row["failed"] += sum(count for _, count, _ in second["failed"])
    row["setbacks"] += sum(count for _, count, _ in second["setbacks"])
    row["sockets"] = max(row["sockets"], gauges["sockets"])
    row["cpu"] = max(row["cpu"], second["cpu"])
    row["stolen"] = max(row["stolen"], second["stolen"])
    row["lag"] = max(row["lag"], second["lag"])
    for (channel, passage), count in second["passages"]:
        if passage in {Passage.ADMITTED, Passage.UNQUEUED}:
            row["admitted"][CHANNELS.index(channel)] += count


def _rounded_up(latencies: Counted) -> NDArray[np.uint32]:
    """Round each latency up to the next of the shares `KEPT`: these values, and how many have become each.

    With C(v) counting those of at most v:   v_k = min {v: C(v) >= share_k C(max)}   n_k = C(v_k) - C(v_(k-1))
    """
    values, counts = latencies
    if not len(values):
        return np.zeros((2, len(KEPT)), np.uint32)
    cumulated = np.cumsum(counts)
    places = np.searchsorted(cumulated, KEPT * cumulated[-1])
    return np.array([values[places], np.diff(cumulated[places], prepend=0)], np.uint32)


def _counted(kept: NDArray[np.uint32]) -> Counted:
    values, counts = kept[:, kept[1] > 0].astype(np.int64)
    return values, counts
