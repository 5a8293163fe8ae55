"""Runs a probe because somebody asks, beside the schedule: the run is not recorded and changes nothing.

A probe is never run twice at once on demand: who asks while it runs gets the same run. If its scheduled run is under
way, that one ends first. A slot that comes meanwhile waits for nobody: the record goes first, and the two runs are two
different citizens. As for the record, this machine's own trouble is no failure of the target.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from monitors.own_state import OwnState
from monitors.probes import Memory, Outcome, Target, measure
from monitors.record.totals import Probe
from monitors.verdict import Fail

AT_ONCE = 4
"""Probes that are run on demand at the same time."""


class Busy(Exception):  # noqa: N818 - an answer, not an error of the program
    """Too many probes are being run on demand."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """A run on demand: when it started (Unix seconds), what it found, and what the probe learnt beside it."""

    started: float
    outcome: Outcome
    memory: Memory


class OnDemand:
    """Knows which probes are running. `scheduled` measures for the scheduler, `now` for whoever asks."""

    def __init__(self, own_state: OwnState) -> None:
        self._own_state = own_state
        self._scheduled: dict[Probe, asyncio.Future[None]] = {}
        self._demanded: dict[Probe, asyncio.Task[Demanded]] = {}

    async def scheduled(self, target: Target, number: int) -> Outcome:
        """Run a probe for the record."""
        probe = (target.system, target.name)
        ended = self._scheduled[probe] = asyncio.get_running_loop().create_future()
        try:
            return await measure(target, number)
        finally:
            self._scheduled.pop(probe, None)
            ended.set_result(None)

    async def now(self, target: Target) -> Demanded:
        """Run a probe for whoever asks. Raises `Busy`."""
        probe = (target.system, target.name)
        task = self._demanded.get(probe)
        if task is None:
            if len(self._demanded) >= AT_ONCE:
                raise Busy
            task = self._demanded[probe] = asyncio.create_task(self._run(target), name=f"{target.name} on demand")
            task.add_done_callback(lambda _: self._demanded.pop(probe, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cut off what is under way."""
        tasks = list(self._demanded.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, target: Target) -> Demanded:
        if ended := self._scheduled.get((target.system, target.name)):
            await asyncio.wait([ended])
        memory, started = Memory(), time.time()
        # The scheduler's numbers began at an earlier millisecond and rise by one with each run: these are others.
        outcome = await measure(replace(target, memory=memory), int(started * 1000))
        return Demanded(started, await excused(outcome, self._own_state), memory)


async def excused(outcome: Outcome, own_state: OwnState) -> Outcome:
    """Return an outcome that has just come, or unknown instead of a failure that this machine itself explains."""
    trouble = await own_state.trouble() if isinstance(outcome.verdict, Fail) else None
    return replace(outcome, verdict=trouble) if trouble else outcome
