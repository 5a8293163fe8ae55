"""A clock that jumps from one sleeper's moment to the next, so that an hour takes no time."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class VirtualClock:
    """Implements the scheduler's clock; `now` moves only in `advance`, or when a test sets it."""

    def __init__(self, now: float) -> None:
        self.time = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + seconds, next(self._order), waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Let time pass; whoever wakes may sleep again."""
        end = self.time + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, waker = heapq.heappop(self._sleepers)
            self.time = max(self.time, moment)
            if not waker.done():
                waker.set_result(None)
            await self.settle()
        self.time = max(self.time, end)

    async def settle(self) -> None:
        """Let every task go on until it sleeps."""
        for _ in range(10):
            await asyncio.sleep(0)
