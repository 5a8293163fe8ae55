"""Who runs when.

Every probe has its own slots, phase + k * interval on the wall clock (`monitors.slots`). The phase comes from a hash
of the probe's name: probes spread over the interval instead of starting together, and a restart changes nothing.

            slot                 slot                 slot
    |--------+--------------------+--------------------+-----> time
             [ run ]              [ a long run ...............]
                                                       skipped: no probe overlaps itself

A run that begins too late, or during which the event loop stood still, measured this machine and not the target: its
verdict is unknown(overloaded), whatever it was. Passes are given up like failures, or the figure would lean upwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from monitors.instruments import Histogram, LoopLag
from monitors.metrics import LATENESS
from monitors.probes import Outcome, Target
from monitors.slots import Schedule, Slots
from monitors.verdict import Cause, Phases, Run, Unknown, Window

CONCURRENCY = 50
"""Runs under way at the same time; a fresh TLS handshake takes 2 to 4 ms of CPU."""
MAX_LATENESS = 1.0
"""Seconds after its slot at which a run may still begin; a quarter of the interval where that is less."""
MAX_LOOP_LAG = 0.5
"""Seconds for which the event loop may stand still during a run."""


class Clock(Protocol):
    """Where the scheduler takes its time from."""

    def now(self) -> float:
        """Return Unix time in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine; it sleeps on the monotonic one."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def schedule_of(target: Target) -> Schedule:
    """Return when a probe is due; the phase is a part of the interval, fixed by the probe's name."""
    digest = hashlib.sha256(target.name.encode()).digest()
    part = int.from_bytes(digest[:8], "big") / 2**64
    return Schedule(target.system, target.name, target.interval, part * target.interval)


class Scheduler:
    """Starts every probe at its slots and hands each finished run over.

    `classify(system, at)` says in which kind of time a run is measured, asked when it begins. `deliver` receives every
    finished run, `skip` the probe of each slot that passed while its previous run was still going.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        measure: Callable[[Target, int], Awaitable[Outcome]],
        *,
        classify: Callable[[str, float], Window],
        deliver: Callable[[Run], None],
        skip: Callable[[Target], None],
        lag: LoopLag,
        clock: Clock | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._targets = targets
        self._measure = measure
        self._classify = classify
        self._deliver = deliver
        self._skip = skip
        self._lag = lag
        self._clock = clock or SystemClock()
        self._places = asyncio.Semaphore(concurrency)
        # Milliseconds since 1970: a restarted monitor goes on behind the numbers of the one before.
        self._numbers = itertools.count(int(self._clock.now() * 1000))
        self.lateness = Histogram(LATENESS.buckets)

    async def run(self) -> None:
        """Run every probe until cancelled; then the runs under way are delivered as unknown(cancelled)."""
        async with asyncio.TaskGroup() as group:
            for target in self._targets:
                group.create_task(self._follow(target), name=target.name)

    async def _follow(self, target: Target) -> None:
        me = asyncio.current_task()
        assert me is not None
        slots = Slots.of(schedule_of(target))
        slot = slots.next(self._now_ms())
        while not me.cancelling():  # a run that was cut off ends normally, with its verdict
            slot = await self._sleep_until(slot, slots)
            await self._run_once(target, slot)
            following = slots.next(max(slot, self._now_ms()))
            for _ in range(slot + slots.interval_ms, following, slots.interval_ms):
                self._skip(target)
            slot = following

    async def _sleep_until(self, slot: int, slots: Slots) -> int:
        """Sleep until a slot and return it; if the wall clock is set back meanwhile, until the next one after that."""
        while (remaining := slot - self._now_ms()) > 0:
            if remaining > slots.interval_ms:
                slot = slots.next(self._now_ms())
            else:
                await self._clock.sleep(remaining / 1000)
        return slot

    async def _run_once(self, target: Target, slot: int) -> None:
        async with self._places:
            started = self._clock.now()
            late = started - slot / 1000
            self.lateness.observe(max(0.0, late))
            window = self._classify(target.system, started)
            if late > min(MAX_LATENESS, target.interval / 4):
                started = slot / 1000  # nothing begins: the slot itself is unknown
                outcome = Outcome(Unknown(Cause.OVERLOADED, f"{late:.1f} s late"), 0.0, Phases(), ())
            else:
                outcome = await self._measure_watched(target)
        self._deliver(
            Run(target.system, target.name, started, outcome.duration, outcome.verdict, window, outcome.phases)
        )

    async def _measure_watched(self, target: Target) -> Outcome:
        before = time.monotonic()
        outcome = await self._measure(target, next(self._numbers))
        stood_still = self._lag.worst(before)
        if stood_still > MAX_LOOP_LAG and not isinstance(outcome.verdict, Unknown):
            detail = f"the event loop stood still for {stood_still:.1f} s"
            return replace(outcome, verdict=Unknown(Cause.OVERLOADED, detail))
        return outcome

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)
