"""How often may be called: by day, at once, one by one; over all processes, and whatever the clock does."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from monitors.probes.phone.safety.counts import CLOCK
from monitors.probes.phone.safety.journal import CALL, Slot, last_note
from monitors.probes.phone.safety.limits import LONGEST_HOLD, Admission, Limits, Register
from monitors.probes.phone.safety.numbers import Refusal, Skipped
from staging.phone.line import DemoLine

ONE, TWO, THREE = "+31990000001", "+31990000002", "+31990000003"
FREE = Limits(at_once=5, interval=0.0)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, tzinfo=CLOCK).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def register(tmp_path: Path, clock: Clock) -> Register:
    return Register(tmp_path / "calls", Random(1), clock=clock)


async def refused(register: Register, limits: Limits = FREE, number: str = ONE, trunk: str = "t") -> Skipped | None:
    """Return why a call is skipped, or None; one that is admitted is given back at once."""
    try:
        await register.settle(await register.admit(trunk, limits, number, 60.0), 0.0, None, None)
    except Refusal as refusal:
        return refusal.reason
    return None


async def test_as_many_calls_at_once_as_there_are_slots_and_one_for_each_number(register: Register) -> None:
    """The third call waits for neither; another trunk has slots of its own, but the number is called once."""
    two = Limits(at_once=2, interval=0.0)
    first = await register.admit("t", two, ONE, 60.0)
    assert await refused(register, two, ONE) is Skipped.NUMBER_IN_USE
    assert await refused(register, two, ONE, "other") is Skipped.NUMBER_IN_USE
    await register.admit("t", two, TWO, 60.0)
    assert await refused(register, two, THREE) is Skipped.CALLS_AT_ONCE
    assert await refused(register, two, THREE, "t.0") is None
    await register.settle(first, 1.0, 200, None)
    assert await refused(register, two, THREE) is None


async def test_fewer_slots_than_before_count_the_calls_that_are_up(register: Register) -> None:
    """After a reload that allows one call, two are under way: nobody may begin."""
    calls = [await register.admit("t", FREE, number, 60.0) for number in (ONE, TWO)]
    one = Limits(at_once=1, interval=0.0)
    assert await refused(register, one, THREE) is Skipped.CALLS_AT_ONCE
    await register.settle(calls[0], 1.0, 200, None)
    assert await refused(register, one, THREE) is Skipped.CALLS_AT_ONCE
    await register.settle(calls[1], 1.0, 200, None)
    assert await refused(register, one, THREE) is None


async def test_the_daily_budget_of_calls(register: Register, clock: Clock) -> None:
    """It is spent by calls, not by refusals, and is back at midnight in the Netherlands."""
    limits = Limits(per_day=2, interval=0.0)
    assert [await refused(register, limits) for _ in range(4)] == [None, None, *[Skipped.CALLS_PER_DAY] * 2]
    assert register.spent("t").calls == 2
    assert await refused(register, limits, trunk="other") is None
    clock.now = datetime(2026, 3, 2, 23, 59, 59, tzinfo=CLOCK).timestamp()
    assert await refused(register, limits) is Skipped.CALLS_PER_DAY
    clock.now += 1
    assert await refused(register, limits) is None
    assert register.spent("t").calls == 1


async def test_the_daily_budget_of_minutes(register: Register) -> None:
    """A call under way counts with the longest that it may take, one that has ended with what it took."""
    limits = Limits(at_once=5, minutes_per_day=2.0, interval=0.0)
    first = await register.admit("t", limits, ONE, 60.0)
    second = await register.admit("t", limits, TWO, 60.0)
    assert await refused(register, limits, THREE) is Skipped.MINUTES_PER_DAY
    await register.settle(first, 20.0, 200, None)
    assert register.spent("t").seconds == 80.0
    assert await refused(register, limits, THREE) is Skipped.MINUTES_PER_DAY
    await register.settle(second, 30.0, 200, None)
    assert register.spent("t").seconds == 50.0
    assert await refused(register, limits, THREE) is None


async def test_the_minimum_interval_has_jitter_and_is_for_one_number(register: Register, clock: Clock) -> None:
    """Between 10 and 12 s after the last call it may be called again; not always after the same time."""
    limits = Limits(at_once=5, interval=10.0, jitter=0.2)
    waits = []
    for _ in range(20):
        assert await refused(register, limits) is None
        assert await refused(register, limits) is Skipped.TOO_SOON
        began = clock.now
        assert await refused(register, limits, trunk=f"other {began}") is None
        while await refused(register, limits) is Skipped.TOO_SOON:
            clock.now += 0.05
        waits.append(clock.now - began)
        clock.now += 20
    assert 10.0 <= min(waits) < 11.0 < max(waits) <= 12.1
    assert len(set(waits)) > 10


async def admitted(register: Register, number: str = ONE) -> Admission:
    return await register.admit("t", FREE, number, 60.0)


async def test_retry_after_is_honoured(register: Register, clock: Clock) -> None:
    """486 is about the number, 503 about the trunk (RFC 3261, 21.5.4); never for more than an hour."""
    await register.settle(await admitted(register), 1.0, 486, 30.0)
    assert await refused(register) is Skipped.RETRY_AFTER
    assert await refused(register, number=TWO) is None
    await register.settle(await admitted(register, TWO), 1.0, 503, 1e9)
    assert await refused(register, number=THREE) is Skipped.RETRY_AFTER
    assert await refused(register, number=THREE, trunk="other") is None
    clock.now += 31
    assert await refused(register) is Skipped.RETRY_AFTER
    clock.now += LONGEST_HOLD
    assert await refused(register) is None


@pytest.mark.parametrize(("status", "then"), [(403, Skipped.REJECTED), (603, Skipped.REJECTED), (607, Skipped.REJECTED),
                                              (486, None), (404, None)])  # fmt: skip
async def test_who_does_not_want_to_be_called_is_not(register: Register, status: int, then: Skipped | None) -> None:
    """No redial after a rejection; busy and unallocated numbers are called again at the next turn."""
    await register.settle(await admitted(register), 1.0, status, None)
    assert await refused(register) is then
    assert await refused(register, number=TWO) is None


@pytest.mark.parametrize("step", [-3600.0, -86_400.0, 86_400.0 * 400])
async def test_a_step_of_the_clock_neither_blocks_a_line_nor_opens_the_budget(
    register: Register, clock: Clock, step: float
) -> None:
    """Back by an hour or over midnight the day's calls still count; holds from the future hold nobody."""
    limits = Limits(per_day=3, interval=10.0)
    assert await refused(register, limits) is None
    clock.now += step
    assert await refused(register, limits) is None
    assert await refused(register, limits) is Skipped.TOO_SOON
    assert register.spent("t").calls == (2 if step < 0 else 1)
    clock.now += 20
    assert await refused(register, limits) is None
    clock.now += 20
    assert await refused(register, limits) is (Skipped.CALLS_PER_DAY if step < 0 else None)


async def test_a_clock_that_was_far_ahead_gives_the_days_back(register: Register, clock: Clock) -> None:
    """A day in the far future is no day whose budget is spent."""
    limits = Limits(per_day=1, interval=0.0)
    clock.now += 86_400 * 400
    assert await refused(register, limits) is None
    clock.now -= 86_400 * 400
    assert await refused(register, limits) is None


async def test_a_call_counts_for_the_day_on_which_it_began(register: Register, clock: Clock) -> None:
    """What it did not need is given back to that day, wherever the clock is when it ends."""
    clock.now = datetime(2026, 3, 2, 23, 59, 59, tzinfo=CLOCK).timestamp()
    admission = await register.admit("t", FREE, ONE, 60.0)
    clock.now += 2
    await register.settle(await register.admit("t", FREE, TWO, 60.0), 50.0, None, None)
    await register.settle(admission, 20.0, None, None)
    assert register.spent("t").seconds == 50.0
    clock.now -= 2
    assert register.spent("t").seconds == 20.0 + 50.0


@pytest.mark.parametrize("text", ['{"dates": ', '{"days": {}, "holds": []}', "\N{SNOWMAN}"])
async def test_counts_that_cannot_be_read_begin_anew(register: Register, tmp_path: Path, text: str) -> None:
    """Half a file, or another program's, must not stop the probes."""
    assert await refused(register) is None
    (tmp_path / "calls" / "counts.json").write_bytes(text.encode("utf-16"))
    assert await refused(register) is None
    assert register.spent("t").calls == 1


async def test_counts_that_cannot_be_reached_stop_the_calls(register: Register, tmp_path: Path) -> None:
    """Nobody knows then what was called; neither the slot nor the number is taken, and the pages go on."""
    (tmp_path / "calls" / "counts.json").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        await register.admit("t", FREE, TWO, 60.0)
    assert register.spent("t").calls == 0
    (tmp_path / "calls" / "counts.json").rmdir()
    assert await refused(register, number=TWO) is None


async def test_a_folder_that_is_none_stops_the_calls(tmp_path: Path) -> None:
    """As a folder that cannot be written does: the call is not made."""
    (tmp_path / "calls").write_text("")
    register = Register(tmp_path / "calls", Random(1))
    assert await register.orphans() == []
    with pytest.raises(FileExistsError):
        await register.admit("t", FREE, ONE, 60.0)


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: like a full disk, it takes a part of what is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_stops_the_calls_and_takes_nothing(register: Register) -> None:
    """Wherever the room ends, in the note of the slot or in the counts: no call, and slot and budget are as before."""
    limits = Limits(at_once=1, per_day=2, interval=10.0)
    assert await refused(register, limits) is None
    for room in (0, 10, 90):
        with full_disk(room), pytest.raises(OSError):  # noqa: PT011 - which one depends on what was full first
            await register.admit("t", limits, TWO, 60.0)
        assert register.spent("t").calls == 1
    assert await refused(register, limits, TWO) is None


async def test_a_call_ends_for_the_register_also_on_a_full_disk(register: Register) -> None:
    """What it took cannot be noted then; the slot is free all the same."""
    one = Limits(at_once=1, interval=0.0)
    admission = await register.admit("t", one, ONE, 60.0)
    with full_disk(0), pytest.raises(OSError, match="large"):
        await register.settle(admission, 1.0, None, None)
    assert await refused(register, one) is None


def test_a_note_that_found_no_room_is_taken_back(tmp_path: Path) -> None:
    """The note before it counts, and one that is written later is read: nothing half stands before it."""
    slot = Slot.take(tmp_path / "t.0.call")
    assert slot is not None
    slot.note({CALL: 1})
    with full_disk(slot.path.stat().st_size + 5), pytest.raises(OSError, match="room"):
        slot.note({CALL: 2})
    assert slot.last() == {CALL: 1}
    slot.note({CALL: 3})
    assert slot.last() == {CALL: 3}
    slot.let_go()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_what_is_in_the_way_keeps_no_slot(register: Register, tmp_path: Path) -> None:
    """A folder where a slot should be stops the calls while it is there; no lock and no descriptor stays behind."""
    (tmp_path / "calls" / "x.0.call").mkdir(parents=True)
    before = descriptors()
    for _ in range(3):
        with pytest.raises(IsADirectoryError):
            await register.admit("t", FREE, ONE, 60.0)
        (tmp_path / "calls" / "a.0.call").write_text('{"call":{}}\n')
        with pytest.raises(IsADirectoryError):
            await register.orphans()
    assert descriptors() == before
    (tmp_path / "calls" / "x.0.call").rmdir()
    (orphan,) = await register.orphans()
    await register.settle(orphan, 0.0, None, None)
    assert await refused(register) is None


@pytest.mark.parametrize(
    "note", ["{}", '{"trunk":1,"number":"n","reserved":60,"day":"2026-03-02"}', '{"trunk":"t","reserved":"x"}']
)
async def test_a_note_of_another_shape_stops_no_calls(register: Register, tmp_path: Path, note: str) -> None:
    """The call that it is about is the reaper's to end; it costs nothing of any budget."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "t.0.call").write_text(note[:-1] + f'{"," * (len(note) > 2)}"{CALL}":{{}}}}\n')
    (orphan,) = await register.orphans()
    assert (orphan.trunk, orphan.reserved) == ("", 0.0)
    await register.settle(orphan, orphan.reserved, None, None)
    assert register.spent("t").seconds == 0.0
    assert await refused(register) is None


def test_the_last_whole_note_counts(tmp_path: Path) -> None:
    """A process that was killed while it wrote leaves what it had written before; the lock goes with the slot."""
    path = tmp_path / "t.0.call"
    slot = Slot.take(path)
    assert slot is not None
    assert Slot.take(path) is None
    assert slot.last() is None
    slot.note({CALL: 1})
    slot.note({CALL: 2})
    with path.open("ab") as file:
        file.write(b'{"call": 3')
    assert last_note(path) == {CALL: 2}
    slot.let_go()
    again = Slot.take(path)
    assert again is not None
    assert again.last() == {CALL: 2}
    again.clear()
    assert again.last() is None
    again.note({CALL: 4})
    assert again.last() == {CALL: 4}
    assert path.stat().st_mode & 0o077 == 0
    again.let_go()


async def test_a_reservation_of_a_killed_process_is_free_and_a_call_of_one_is_not(register: Register) -> None:
    """Nothing was sent for the one; the other is up until somebody ended it, and has its number too."""
    one = Limits(at_once=1, interval=0.0)
    reserved = await register.admit("t", one, ONE, 60.0)
    reserved.slot.let_go()
    assert await register.orphans() == []
    orphan = await register.admit("t", one, ONE, 60.0)
    orphan.slot.note(orphan.note(**{CALL: {"call_id": "x"}}))
    orphan.slot.let_go()
    assert await refused(register, one, TWO) is Skipped.CALLS_AT_ONCE
    assert await refused(register, one, ONE, "other") is Skipped.NUMBER_IN_USE
    (found,) = await register.orphans()
    assert (found.trunk, found.number, found.reserved) == ("t", ONE, 60.0)
    assert await register.orphans() == []
    await register.settle(found, 60.0, None, None)
    assert await refused(register, one, TWO) is None


# Two processes


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


async def test_who_holds_the_register_stops_the_calls_until_it_is_killed(register: Register, tmp_path: Path) -> None:
    """While a process hangs that decides, calls are skipped, and none is made undecided. Its lock dies with it."""
    assert await refused(register) is None
    lock = str(tmp_path / "calls" / "register.lock")
    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, lock, stdin=pipe, stdout=pipe)
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        assert await refused(register) is Skipped.REGISTER
        waiting = asyncio.create_task(refused(register))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    finally:
        holder.kill()
        await holder.wait()
    assert await waiting is None


@asynccontextmanager
async def callers(
    folder: Path, port: int, *numbers: list[str], **settings: Any
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Start a process for each list of numbers; at the end they are told to end, and do."""
    environ = os.environ | {name: str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "tests.monitors.probes.phone.caller", str(folder), str(port)]
    processes = [
        await asyncio.create_subprocess_exec(*command, *each, env=environ, stdout=asyncio.subprocess.PIPE)
        for each in numbers
    ]
    try:
        yield processes
        for process in processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        assert [await process.wait() for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def said(processes: list[asyncio.subprocess.Process], count: int) -> Counter[str]:
    """Return the first lines that the processes print, each as often as it was."""
    lines: asyncio.Queue[str] = asyncio.Queue()

    async def read(process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            lines.put_nowait(line.decode().strip())

    readers = [asyncio.create_task(read(process)) for process in processes]
    found = Counter([await asyncio.wait_for(lines.get(), 60) for _ in range(count)])
    for reader in readers:
        reader.cancel()
    return found


async def until_up(line: DemoLine, count: int) -> None:
    async with asyncio.timeout(60):
        while line.counts.up < count:  # noqa: ASYNC110 - the line tells nobody
            await asyncio.sleep(0.02)


async def test_two_processes_share_the_calls_at_once(tmp_path: Path) -> None:
    """Of six calls to six numbers two are made; after SIGTERM the line has none up that the callers had not ended."""
    numbers = [[f"+3199{process}{index}09000" for index in range(3)] for process in range(2)]
    async with DemoLine(choose=lambda _: "menu") as line:
        async with callers(tmp_path, line.port, *numbers, AT_ONCE=2, LOOP="uvloop") as processes:
            assert await said(processes, 4) == {"skipped calls_at_once": 4}
            await until_up(line, 2)
        assert (line.counts.invited, line.counts.open, line.counts.ended_by_caller) == (2, 0, 2)


async def test_two_processes_call_a_number_once_and_share_the_budget(tmp_path: Path) -> None:
    """What one process calls the other does not call; of a budget of two calls it has one left, for the next number."""
    async with DemoLine(choose=lambda _: "menu") as line:
        async with callers(tmp_path, line.port, [ONE], PER_DAY=2):
            await until_up(line, 1)
            async with callers(tmp_path, line.port, [ONE, TWO, THREE], PER_DAY=2) as others:
                assert await said(others, 2) == {"skipped number_in_use": 1, "skipped calls_per_day": 1}
                await until_up(line, 2)
        assert (line.counts.invited, line.counts.open, line.counts.ended_by_caller) == (2, 0, 2)
