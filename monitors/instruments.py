"""What the monitor measures of itself, in memory: how late it is, and how long it takes to write."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate, takewhile

from monitors.record.totals import Durations

LAG_INTERVAL = 0.1
"""Seconds between two looks at the event loop."""
LAG_MEMORY = 15.0
"""Seconds over which the largest lag is reported."""


class Histogram:
    """Durations in seconds counted by upper bound; `bounds` in rising order."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one duration; one that equals a bound belongs below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def snapshot(self) -> Durations:
        """Return the cumulative counts and the sum as they are now."""
        names = (*map(str, self._bounds), "+Inf")
        return Durations(tuple(zip(names, map(float, accumulate(self._counts)), strict=True)), self._sum)


class LoopLag:
    """How late the event loop comes to a timer: the time for which every probe stood still and could not know it."""

    def __init__(self, memory: float = LAG_MEMORY) -> None:
        self.memory = memory
        self._seen: deque[tuple[float, float]] = deque()
        self._due = float("inf")

    async def watch(self) -> None:
        """Look at the loop until cancelled."""
        while True:
            self._due = time.monotonic() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            now = time.monotonic()
            self._seen.append((now, now - self._due))
            while self._seen[0][0] < now - self.memory:
                self._seen.popleft()

    def worst(self, since: float) -> float:
        """Return the largest lag in seconds since then (`time.monotonic`), the one that is still growing included."""
        growing = time.monotonic() - self._due
        lately = takewhile(lambda seen: seen[0] >= since, reversed(self._seen))
        return max([0.0, growing, *(lag for _, lag in lately)])

    @property
    def recent(self) -> float:
        """The largest lag within the memory."""
        return self.worst(time.monotonic() - self.memory)
