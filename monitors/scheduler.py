"""Who runs when.

Every probe has its own slots, phase + k * interval on the wall clock (`monitors.slots`). The phase comes from a hash
of the probe's name: probes spread over the interval instead of starting together, and a restart changes nothing.

            slot                 slot                 slot
    |--------+--------------------+--------------------+-----> time
             [ run ]              [ a long run ...............]
                                                       skipped: no probe overlaps itself

A run that begins too late, or during which the event loop stood still, measured this machine and not the target: its
verdict is unknown(overloaded), whatever it was. Passes are given up like failures, or the figure would lean upwards. A
failure is held until it is clear that it is not this machine's own trouble (`monitors.own_state`).

The run that confirms a failure, where a probe asks for it, is the next one brought forward: it counts like any other,
and nothing runs at the slot to which it belongs. So there are exactly as many runs as slots, and coverage stays right.

            slot                 slot                 slot
    |--------+--------------------+--------------------+-----> time
             [ fails ][ confirms ] .                    [ run ]
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from monitors.instruments import Histogram
from monitors.metrics import LATENESS
from monitors.own_state import OwnState
from monitors.probes import Outcome, Target
from monitors.record.totals import Probe
from monitors.slots import Schedule, Slots
from monitors.verdict import Cause, Fail, Run, Unknown, Window

CONCURRENCY = 50
"""Runs under way at the same time; a fresh TLS handshake takes 2 to 4 ms of CPU."""
MAX_LATENESS = 1.0
"""Seconds after its slot at which a run may still begin; a quarter of the interval where that is less."""


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


@dataclass(frozen=True, slots=True)
class _Held:
    """A finished run; `asking` finds out whether this machine is to blame for a failure."""

    run: Run
    outcome: Outcome | None
    asking: asyncio.Task[Unknown | None] | None

    @property
    def clear(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.asking is None or self.asking.done()

    def judged(self) -> Run:
        """Return the run with its final verdict, once that is clear."""
        if self.asking is None:
            return self.run
        if self.asking.cancelled():
            trouble: Unknown | None = Unknown(Cause.CANCELLED, "stopped before it was clear who is to blame")
        else:
            trouble = self.asking.result()
        return replace(self.run, verdict=trouble or self.run.verdict)


class Scheduler:
    """Starts every probe at its slots and hands each finished run over.

    `classify(system, at)` says in which kind of time a run is measured, asked when it begins. `deliver` receives every
    finished run, each probe's in order, with what was measured (None: it was too late to begin); `skip` the probe of
    each slot that passed while its previous run was still going.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        measure: Callable[[Target, int], Awaitable[Outcome]],
        *,
        classify: Callable[[str, float], Window],
        deliver: Callable[[Run, Outcome | None], None],
        skip: Callable[[Target], None],
        own_state: OwnState,
        clock: Clock | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._targets = {(target.system, target.name): target for target in targets}
        self._measure = measure
        self._classify = classify
        self._deliver = deliver
        self._skip = skip
        self._own_state = own_state
        self._clock = clock or SystemClock()
        self._places = asyncio.Semaphore(concurrency)
        # Milliseconds since 1970: a restarted monitor goes on behind the numbers of the one before.
        self._numbers = itertools.count(int(self._clock.now() * 1000))
        self._followers: dict[Probe, asyncio.Task[None]] = {}
        self._running: set[Probe] = set()
        self._held: defaultdict[Probe, deque[_Held]] = defaultdict(deque)
        self._asking: set[asyncio.Task[Unknown | None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self.lateness = Histogram(LATENESS.buckets)

    async def run(self, since: float | None = None) -> None:
        """Run every probe until cancelled; then the runs under way are delivered as unknown(cancelled).

        The first slots are those from `since` on (Unix seconds; None: from now on). Who has promised runs from a moment
        on gives that moment, or the slots between the promise and the beginning would be missing.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(asyncio.Event().wait())  # goes on without a probe: there may be one later
                for probe in self._targets:
                    self._begin(probe, None, since)
        finally:
            self._group = None
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def retarget(self, targets: Sequence[Target], since: float | None = None) -> None:
        """Probe these from `since` on, as in `run`.

        Unchanged probes go on as if nothing had happened; runs under way end as usual.
        """
        before, self._targets = self._targets, {(target.system, target.name): target for target in targets}
        if self._group is None:
            return
        for probe in before.keys() | self._targets.keys():
            if before.get(probe) == self._targets.get(probe):
                continue
            follower = self._followers.pop(probe, None)
            if follower is not None and probe not in self._running:
                follower.cancel()
            if probe in self._targets:
                self._begin(probe, follower, since)

    def _begin(self, probe: Probe, before: asyncio.Task[None] | None, since: float | None) -> None:
        assert self._group is not None
        target = self._targets[probe]
        after_ms = self._now_ms() if since is None else round(since * 1000) - 1
        following = self._follow(probe, target, before, after_ms)
        self._followers[probe] = self._group.create_task(following, name=target.name)

    async def _follow(self, probe: Probe, target: Target, before: asyncio.Task[None] | None, after_ms: int) -> None:
        me = asyncio.current_task()
        assert me is not None
        if before is not None and not before.done():
            await asyncio.wait([before])  # its last run may be under way
            after_ms = self._now_ms()
        slots = Slots.of(schedule_of(target))
        slot = slots.next(after_ms)
        # A run that was cut off ends normally, with its verdict; so does the last one before a change.
        while not me.cancelling() and self._followers.get(probe) is me:
            slot = await self._sleep_until(slot, slots)
            self._running.add(probe)
            last = await self._run_and_confirm(target, slot, slots)
            self._running.discard(probe)
            following = slots.next(max(last, self._now_ms()))
            for _ in range(last + slots.interval_ms, following, slots.interval_ms):
                self._skip(target)
            slot = following

    async def _sleep_until(self, slot: int, slots: Slots) -> int:
        """Sleep until a slot and return it; if the wall clock is set back meanwhile, until the next one after that."""
        most = max(slots.interval_ms, slot - self._now_ms())  # two intervals after a confirmation
        while (remaining := slot - self._now_ms()) > 0:
            if remaining > most:
                slot, most = slots.next(self._now_ms()), slots.interval_ms
            else:
                await self._clock.sleep(remaining / 1000)
        return slot

    async def _run_and_confirm(self, target: Target, slot: int, slots: Slots) -> int:
        """Run for a slot, and for the next one at once if that failed and is to be confirmed; return the last slot."""
        outcome = await self._run_for(target, slot)
        following = slot + slots.interval_ms
        if not target.probe.confirm or self._now_ms() >= following:
            return slot
        if outcome is None or not isinstance(outcome.verdict, Fail):
            return slot
        async with self._places:
            await self._run_once(target, self._clock.now(), due=following / 1000)
        return following

    async def _run_for(self, target: Target, slot: int) -> Outcome | None:
        async with self._places:
            started = self._clock.now()
            late = started - slot / 1000
            self.lateness.observe(max(0.0, late))
            if late <= min(MAX_LATENESS, target.interval / 4):
                return await self._run_once(target, started)
        window = self._classify(target.system, started)
        verdict = Unknown(Cause.OVERLOADED, f"{late:.1f} s late")
        # Nothing begins: the slot itself is unknown.
        self._hand_over(Run(target.system, target.name, slot / 1000, 0.0, verdict, window), None)
        return None

    async def _run_once(self, target: Target, started: float, due: float | None = None) -> Outcome:
        window = self._classify(target.system, started)
        before = time.monotonic()
        outcome = await self._measure(target, next(self._numbers))
        stood_still = self._own_state.stood_still(before)
        if stood_still is not None and not isinstance(outcome.verdict, Unknown):
            outcome = replace(outcome, verdict=stood_still)
        run = Run(
            target.system,
            target.name,
            started,
            outcome.duration,
            outcome.verdict,
            window,
            outcome.phases,
            due,
            outcome.called,
        )
        self._hand_over(run, outcome)
        return outcome

    def _hand_over(self, run: Run, outcome: Outcome | None) -> None:
        """Deliver a run: at once, or a failure as soon as it is clear who is to blame."""
        held = self._held[run.system, run.probe]
        asking = None
        if isinstance(run.verdict, Fail):
            asking = asyncio.create_task(self._own_state.trouble())
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            asking.add_done_callback(lambda _: self._release(held))
        held.append(_Held(run, outcome, asking))
        self._release(held)

    def _release(self, held: deque[_Held]) -> None:
        """Deliver what is clear, in order."""
        while held and held[0].clear:
            first = held.popleft()
            self._deliver(first.judged(), first.outcome)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)
