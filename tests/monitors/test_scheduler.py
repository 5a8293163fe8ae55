"""The scheduler in virtual time, and its arithmetic."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import Configuration
from journeys import Reason
from monitors.instruments import LoopLag
from monitors.own_state import OwnState, References
from monitors.probes import Outcome, Target, targets
from monitors.record.ledger import Ledger
from monitors.scheduler import MAX_LATENESS, Scheduler, schedule_of
from monitors.slots import Slots
from monitors.verdict import Cause, Fail, Pass, Phases, Run, Unknown, Window
from tests.monitors.listeners import aim, environment, http_probe
from tests.monitors.virtual_clock import VirtualClock

START = 1_700_000_000.0
PASSED = Outcome(Pass(), 0.1, Phases(), ())


def test_a_phase_belongs_to_a_name_for_ever() -> None:
    """The phase is the same in every process and on every machine; the value was computed with sha256sum."""
    schedule = schedule_of(target("home-page"))
    assert (schedule.system, schedule.probe, schedule.interval) == ("website", "home-page", 15.0)
    assert schedule.phase == pytest.approx(15.0 * 0xFA1DE248F3C922D0 / 2**64)


def test_phases_are_spread_over_the_interval() -> None:
    """Of a hundred probes some start in every tenth of the interval."""
    tenths = Counter(int(schedule_of(target(f"probe-{number}")).phase / 1.5) for number in range(100))
    assert len(tenths) == 10
    assert max(tenths.values()) < 25


def target(name: str = "probe", **changes: Any) -> Target:
    made = aim(http_probe(timeout="2s", limit="2s"), environment("http://127.0.0.1:1"), name=name)
    return replace(made, interval=changes.pop("interval", 15.0), **changes)


class Notes:
    """A scheduler under test and everything it handed over; `lasting` is how long each run takes."""

    def __init__(self, chosen: list[Target], lasting: float | Callable[[int], float] = 0.1, **options: Any) -> None:
        self.clock = VirtualClock(START)
        self.lasting = lasting if callable(lasting) else lambda _: lasting
        self.runs: list[Run] = []
        self.skipped: list[str] = []
        self.numbers: list[int] = []
        self.under_way: Counter[str] = Counter()
        self.most = 0
        self.scheduler = Scheduler(
            chosen,
            options.pop("measure", self.measure),
            classify=options.pop("classify", lambda system, at: Window.NONE),
            deliver=lambda run, outcome: self.runs.append(run),
            skip=lambda target: self.skipped.append(target.name),
            own_state=options.pop("own_state", None) or OwnState(LoopLag(), References([])),
            clock=self.clock,
            **options,
        )

    async def measure(self, target: Target, number: int) -> Outcome:
        self.numbers.append(number)
        self.under_way[target.name] += 1
        assert self.under_way[target.name] == 1, "a probe overlaps itself"
        self.most = max(self.most, self.under_way.total())
        try:
            await self.clock.sleep(self.lasting(len(self.numbers)))
        except asyncio.CancelledError:
            return Outcome(Unknown(Cause.CANCELLED), 0.0, Phases(), ())
        finally:
            self.under_way[target.name] -= 1
        return PASSED

    @asynccontextmanager
    async def running(self) -> AsyncIterator[VirtualClock]:
        task = asyncio.create_task(self.scheduler.run())
        await self.clock.settle()
        try:
            yield self.clock
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_an_hour_of_runs_each_at_its_slot() -> None:
    """240 runs an hour for each probe, each exactly at phase + k * interval, with numbers that rise."""
    chosen = [target("one"), target("two")]
    notes = Notes(chosen, lasting=1.3)
    async with notes.running() as clock:
        await clock.advance(3600.0)
    assert Counter(run.probe for run in notes.runs) in ({"one": 240, "two": 240}, {"one": 240, "two": 239})
    for each in chosen:
        slots = Slots.of(schedule_of(each))
        starts = [round(run.started * 1000) for run in notes.runs if run.probe == each.name]
        assert {(start - slots.phase_ms) % slots.interval_ms for start in starts} == {0}
    assert notes.numbers == sorted(set(notes.numbers))
    assert notes.skipped == []
    assert notes.scheduler.lateness.snapshot().buckets[0][1] == len(notes.numbers)


async def test_a_long_run_skips_slots_and_never_overlaps() -> None:
    """A run of two and a half intervals costs two slots, which are counted; the next run is at its slot again."""
    notes = Notes([target()], lasting=lambda number: 37.5 if number == 1 else 0.1)
    async with notes.running() as clock:
        await clock.advance(75.0)
    gaps = [
        round(later.started - earlier.started, 3) for earlier, later in zip(notes.runs, notes.runs[1:], strict=False)
    ]
    assert gaps[0] == 45.0
    assert set(gaps[1:]) == {15.0}
    assert notes.skipped == ["probe", "probe"]


async def test_concurrency_is_bounded_and_who_waits_too_long_does_not_run() -> None:
    """Two places for ten probes that take 5 s each: never more than two at once, and late starts say nothing."""
    notes = Notes([target(f"probe-{number}") for number in range(10)], lasting=5.0, concurrency=2)
    async with notes.running() as clock:
        await clock.advance(60.0)
        assert notes.most == 2
        late = [run for run in notes.runs if run.verdict != Pass()]
        assert late
        assert {run.verdict.cause for run in late if isinstance(run.verdict, Unknown)} == {Cause.OVERLOADED}
        assert len(notes.numbers) == len(notes.runs) - len(late) + notes.under_way.total()
    assert notes.scheduler.lateness.snapshot().sum > MAX_LATENESS * len(late)


async def test_a_run_in_a_loop_that_stood_still_says_nothing() -> None:
    """A pass is given up like a failure when this process could not measure."""
    lag = LoopLag()

    async def measure(_: Target, number: int) -> Outcome:
        time.sleep(0.7)  # noqa: ASYNC251 - this is the trouble
        await asyncio.sleep(0)
        return PASSED

    watching = asyncio.create_task(lag.watch())
    notes = Notes([target()], measure=measure, own_state=OwnState(lag, References([])))
    async with notes.running() as clock:
        await clock.advance(15.0)
    watching.cancel()
    [run] = notes.runs
    assert isinstance(run.verdict, Unknown)
    assert run.verdict.cause is Cause.OVERLOADED
    assert lag.recent > 0.5


async def test_a_stop_cuts_runs_off_and_delivers_them() -> None:
    """Runs under way become unknown(cancelled); nothing starts afterwards."""
    notes = Notes([target()], lasting=10.0)
    async with notes.running() as clock:
        await clock.advance(15.0)
    assert [run.verdict for run in notes.runs] == [Unknown(Cause.CANCELLED)]


class Doubtful(OwnState):
    """Says who is to blame for a failure only when told."""

    def __init__(self) -> None:
        super().__init__(LoopLag(), References([]))
        self.asked: list[asyncio.Future[Unknown | None]] = []

    async def trouble(self) -> Unknown | None:
        answer: asyncio.Future[Unknown | None] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        return await answer


FAILED = Outcome(Fail(Reason.TIMEOUT, "request"), 2.0, Phases(), ())


def failing(*numbers: int) -> Callable[[Target, int], Any]:
    """Fail the runs with these numbers, counted from 1."""
    count = itertools.count(1)

    async def measure(_: Target, number: int) -> Outcome:
        return FAILED if next(count) in numbers else PASSED

    return measure


async def test_a_failure_is_held_until_it_is_clear_who_is_to_blame() -> None:
    """The run after it waits for it, so that each probe's runs come in order; a pass waits for nothing else."""
    doubtful = Doubtful()
    notes = Notes([target()], measure=failing(1, 3), own_state=doubtful)
    async with notes.running() as clock:
        await clock.advance(30.0)
        assert notes.runs == []
        doubtful.asked[0].set_result(None)
        await clock.settle()
        assert [run.verdict for run in notes.runs] == [FAILED.verdict, Pass()]
        await clock.advance(15.0)
        doubtful.asked[1].set_result(Unknown(Cause.OWN_NETWORK))
        await clock.settle()
    assert [run.verdict for run in notes.runs[2:]] == [Unknown(Cause.OWN_NETWORK)]


async def test_a_failure_that_is_held_at_the_end_is_not_lost() -> None:
    """Nobody knows any more who was to blame: unknown, and delivered."""
    notes = Notes([target()], measure=failing(1), own_state=Doubtful())
    async with notes.running() as clock:
        await clock.advance(15.0)
    [run] = notes.runs
    assert isinstance(run.verdict, Unknown)
    assert run.verdict.cause is Cause.CANCELLED


def confirming(name: str = "probe") -> Target:
    one = target(name)
    return replace(one, probe=one.probe.model_copy(update={"confirm": True}))


async def test_a_failure_is_confirmed_at_once_by_the_next_run_brought_forward(tmp_path: Path) -> None:
    """Both runs count, whatever the second says, and a minute never has more runs than slots."""
    notes = Notes([confirming()], measure=failing(2, 5, 6, 240))
    async with notes.running() as clock:
        await clock.advance(3600.0)
    starts = [run.started - notes.runs[0].started for run in notes.runs]
    assert [round(start, 3) for start in starts[:9]] == [0.0, 15.0, 15.0, 45.0, 60.0, 60.0, 90.0, 105.0, 120.0]
    assert [run.started == run.due for run in notes.runs[:3]] == [False] * 3
    assert notes.skipped == []
    first, last = notes.runs[0].started, notes.runs[-1]
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.expect([schedule_of(confirming())], first)
        ledger.record(notes.runs)
        (counts,) = ledger.counts(("website", "probe"), [int(first // 60), int(START // 60) + 70], now=START + 3600)
        assert (counts.good, counts.bad, counts.expected) == (len(notes.runs) - 4, 4, len(notes.runs))
        assert not ledger.totals().repeated
    assert last.started <= START + 3600


async def test_without_confirm_a_failure_changes_nothing() -> None:
    """The next run is at the next slot."""
    notes = Notes([target()], measure=failing(1))
    async with notes.running() as clock:
        await clock.advance(30.0)
    assert notes.runs[1].started - notes.runs[0].started == pytest.approx(15.0)


async def test_a_reload_leaves_alone_what_did_not_change() -> None:
    """One probe stays in the middle of its run, one goes, one comes, one changes; nobody overlaps or loses a slot."""
    stays, goes, changes, comes = (target(name) for name in ("stays", "goes", "changes", "comes"))
    notes = Notes([stays, goes, changes], lasting=10.0)
    async with notes.running() as clock:
        await clock.advance(20.0)
        notes.scheduler.retarget([stays, replace(changes, interval=30.0), comes])
        seen = len(notes.runs)
        await clock.advance(600.0)
    slots = Slots.of(schedule_of(stays))
    starts = [round(run.started * 1000) for run in notes.runs if run.probe == "stays"]
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {slots.interval_ms}
    counted = Counter(run.probe for run in notes.runs[seen:])
    assert counted["goes"] <= 1, "the run that was under way"
    assert counted["comes"] >= 39
    assert 18 <= counted["changes"] <= 22
    assert notes.skipped == []


async def test_no_slot_is_lost_between_the_promise_and_the_beginning() -> None:
    """Runs are promised from a moment on; whatever takes its time until the scheduler begins, each slot has its run."""
    chosen = [target(f"probe-{number}") for number in range(30)]
    notes = Notes(chosen)
    began = notes.clock.now()
    await notes.clock.advance(0.9)
    task = asyncio.create_task(notes.scheduler.run(began))
    await notes.clock.settle()
    await notes.clock.advance(29.0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    until = notes.clock.now()
    due = sum(Slots.of(schedule_of(each)).count(round(began * 1000), round(until * 1000)) for each in chosen)
    assert len(notes.runs) == due
    assert all(run.verdict == Pass() for run in notes.runs if run.started < until - 1)


async def test_a_monitor_without_probes_waits_for_some() -> None:
    """A reload may bring the first."""
    notes = Notes([])
    async with notes.running() as clock:
        await clock.advance(60.0)
        notes.scheduler.retarget([target()])
        await clock.settle()
        await clock.advance(16.0)
    assert len(notes.runs) >= 1


async def test_a_clock_that_is_set_back_does_not_stop_the_probes() -> None:
    """After a step of an hour back, probes go on within an interval, at their slots, and without a burst."""
    notes = Notes([target()])
    async with notes.running() as clock:
        await clock.advance(30.0)
        before = len(notes.runs)
        clock.time -= 3600.0
        stepped = clock.time
        clock._sleepers = [(moment - 3600.0, order, waker) for moment, order, waker in clock._sleepers]
        await clock.advance(60.0)
    after = [run.started for run in notes.runs[before:]]
    assert 3 <= len(after) <= 4
    assert after[0] < stepped + 30.0
    phase = Slots.of(schedule_of(target())).phase_ms
    assert {(round(start * 1000) - phase) % 15_000 for start in after} == {0}


async def test_the_window_is_decided_when_the_run_begins() -> None:
    """A run that begins in a planned window belongs to it, even if it ends outside."""
    asked = []

    def classify(system: str, at: float) -> Window:
        asked.append((system, at))
        return Window.PLANNED

    notes = Notes([target()], classify=classify)
    async with notes.running() as clock:
        await clock.advance(16.0)
    run = notes.runs[0]
    assert asked[0] == (run.system, run.started) == ("website", run.started)
    assert run.window is Window.PLANNED


def test_the_probes_of_the_estate_do_not_start_together(configuration: Configuration) -> None:
    """No two probes of the estate have the same slot."""
    phases = [Slots.of(schedule_of(each)).phase_ms for each in targets(configuration, "local", "test")]
    assert len(set(phases)) == len(phases)
