"""Whether a call is ever left up, counted by the far end: `python -m tests.benchmarks.phone_leaks`.

    loss       calls through a relay that loses 5, 20 and 50 % of the datagrams each way; half of the
               tasks are cancelled at a random instant
    cancelled  tasks that are cancelled at a random instant, over UDP and TCP in turn
    steps      the same for half of the tasks, while the wall clock steps by seconds to years, to and fro
    SIGTERM    processes that are asked to stop at a random instant of a call
    SIGKILL    processes that are killed at a random instant of a call; a second process, whose wall
               clock may be years away from the first one's, ends what is left

The far end is the demo line, which shares no code with the caller. A call that it had to end itself, or that is still
up, is a leak, unless the caller has said that the end was not confirmed: under 50 % loss that may happen to about one
in two thousand, since a BYE is sent eleven times (RFC 3261, 17.1.2.2: 0.5^11). Exit code 1 says that there was one.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from unittest.mock import patch

from monitors.probes.phone.agent import call
from monitors.probes.phone.evidence import CallEvidence, Sound
from monitors.probes.phone.order import CallOrder, Script
from monitors.probes.phone.safety.limits import Register
from monitors.probes.phone.safety.reaper import Reaper
from monitors.probes.phone.wire.srv import Protocol
from staging.phone import Counts, DemoLine, Pace
from tests.peers.phone.prober import behaviour_of, trunk, unique_number
from tests.peers.phone.relay import lossy

LOSSES = (0.05, 0.2, 0.5)
NAMES = ("menu", "citizen", "no-answer", "only-trying", "cancel-race", "forked", "late-ringing", "cut-off", "re-invite")
SCRIPT = Script(answer_within=2.5, audio_within=3.0, prompt_within=3.0, listen=1.0, call_limit=8.0)
MENU = Script(answer_within=2.5, press="1", queue=(Sound.RINGBACK, Sound.MUSIC), call_limit=12.0)
AT_ONCE = 12
LONGEST = 120.0
"""Seconds after which the line ends a call itself: longer than any end may take (64 * T1 and again)."""
STEPS = (0.0, 1.0, 60.0, 3_600.0, 86_400.0, 400 * 86_400.0)
"""Seconds by which the wall clock steps, either way."""
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(slots=True)
class Found:
    """What became of some calls: by the far end, and those that the caller itself counts as leaked."""

    what: str
    counts: Counts
    known: int

    @property
    def leaks(self) -> int:
        """Calls that nobody but the far end knows to be up."""
        return max(0, self.counts.open + self.counts.never_hung_up - self.known)

    def __str__(self) -> str:
        c = self.counts
        ends = f"{c.invited:6} {c.answered:8} {c.ended_by_caller:9} {c.cancelled:9} {c.ended_by_line:8}"
        return f"{self.what:10} {ends} {c.unacknowledged:7} {self.known:11} {self.leaks:6}"


HEADER = "           INVITEs answered  BYE ours    CANCEL BYE line  no ACK  unconfirmed  leaks"


def _order(port: int, name: str, serial: int = 0, transport: Protocol = "UDP") -> CallOrder:
    script = MENU if name == "menu" else SCRIPT
    over = trunk(port, name="line", transport=transport)
    return CallOrder(to=unique_number(name, serial), trunk=over, script=script)


# --- packet loss, cancelled tasks, a clock that steps


@dataclass(frozen=True, slots=True)
class Scene:
    """How many calls are made; every one that `is_cancelled` by its number is, at a random instant."""

    what: str
    calls: int
    seed: int
    is_cancelled: Callable[[int], bool] = lambda number: number % 2 == 1
    transports: tuple[Protocol, ...] = ("UDP",)

    async def play(self, line: DemoLine, port: int, clock: Callable[[], float] = time.time) -> Found:
        """Make the calls to a port and count what became of them."""
        random, room = Random(self.seed), asyncio.Semaphore(AT_ONCE)

        async def one(number: int, reaper: Reaper) -> CallEvidence | None:
            transport = self.transports[number % len(self.transports)]
            order = _order(port, NAMES[number % len(NAMES)], number, transport)
            limit = random.uniform(0, random.choice((0.1, 2.0, 6.0))) if self.is_cancelled(number) else None
            async with room:
                with suppress(TimeoutError):
                    async with asyncio.timeout(limit):
                        return await call(order, reaper, random)
                return None

        with tempfile.TemporaryDirectory() as folder:
            async with Reaper(Register(Path(folder), random, clock=clock), random) as reaper:
                results = await asyncio.gather(*(one(number, reaper) for number in range(self.calls)))
        await _settled(line)
        unreleased = sum(result is not None and not result.released for result in results)
        return Found(self.what, line.counts, max(reaper.leaked, unreleased))


async def under_loss(loss: float, calls: int, seed: int) -> Found:
    """Make calls through the relay."""
    async with DemoLine(choose=behaviour_of, pace=Pace(longest=LONGEST)) as line, lossy(line.port, loss, seed) as relay:
        return await Scene(f"{loss:.0%} loss", calls, seed).play(line, relay.port)


async def cancelled(calls: int, seed: int) -> Found:
    """Make calls, all of them cancelled; the port takes UDP and TCP."""
    async with DemoLine(choose=behaviour_of, pace=Pace(longest=LONGEST)) as line:
        scene = Scene("cancelled", calls, seed, is_cancelled=lambda _: True, transports=("UDP", "TCP"))
        return await scene.play(line, line.port)


async def under_steps(calls: int, seed: int) -> Found:
    """Make calls while the wall clock steps, whoever reads it. Raises `Refusal` where a step keeps one from being made.

    The monotonic clock, by which everything else goes, cannot step.
    """
    random, true_time = Random(seed), time.time

    def stepping() -> float:
        return true_time() + random.choice((-1, 1)) * random.choice(STEPS)

    async with DemoLine(choose=behaviour_of, pace=Pace(longest=LONGEST)) as line:
        with patch("time.time", stepping):
            return await Scene("steps", calls, seed).play(line, line.port, stepping)


async def _settled(line: DemoLine, within: float = 35.0) -> None:
    """Wait for what the line has to send itself, for 64 * T1: its BYEs may be lost as well."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while line.counts.open:  # noqa: ASYNC110 - the line sets no event
                await asyncio.sleep(0.1)


# --- killed processes


def _register(folder: str, random: Random) -> Register:
    """Return the register as a process sees it whose wall clock is somewhere."""
    ahead = random.choice((-1, 1)) * random.choice(STEPS)
    return Register(Path(folder), random, clock=lambda: time.time() + ahead)


def _caller(folder: str, port: int, name: str, seed: int, ready: Connection) -> None:
    """Make one call, in a process of its own; SIGTERM cancels it, as the monitor's own shutdown does."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        random = Random(seed)
        with suppress(asyncio.CancelledError):
            async with Reaper(_register(folder, random), random) as reaper:
                ready.send(os.getpid())
                await call(_order(port, name), reaper, random)

    asyncio.run(main())


def _successor(folder: str, port: int, seed: int, said: Connection) -> None:
    """End what a killed process left."""

    async def main() -> None:
        random = Random(seed)
        async with Reaper(_register(folder, random), random, [trunk(port, name="line")]) as reaper:
            pass
        said.send(reaper.leaked)

    asyncio.run(main())


async def _one_death(number: int, how: signal.Signals, port: int, seed: int) -> int:
    """Start a call, end its process at a random instant, clear up, and return what was said to be leaked."""
    random = Random(f"{seed}/{how}/{number}")
    ours, theirs = _CONTEXT.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        name = NAMES[number % len(NAMES)]
        process = _CONTEXT.Process(target=_caller, args=(folder, port, name, random.getrandbits(60), theirs))
        process.start()
        try:
            await asyncio.to_thread(ours.recv)
            await asyncio.sleep(random.uniform(*random.choice(((0.0, 0.6), (0.2, 2.0), (0.2, 7.0)))))
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, how)
            await asyncio.to_thread(process.join, LONGEST)
        finally:
            process.kill()
        second = _CONTEXT.Process(target=_successor, args=(folder, port, random.getrandbits(60), theirs))
        second.start()
        leaked = int(await asyncio.to_thread(ours.recv))
        await asyncio.to_thread(second.join, LONGEST)
        return leaked


async def deaths(how: signal.Signals, times: int, seed: int) -> Found:
    """End processes at random instants of their call."""
    room = asyncio.Semaphore(4)
    async with DemoLine(choose=behaviour_of, pace=Pace(longest=LONGEST)) as line:

        async def one(number: int) -> int:
            async with room:
                return await _one_death(number, how, line.port, seed)

        known = sum(await asyncio.gather(*(one(number) for number in range(times))))
        await _settled(line)
        return Found(how.name, line.counts, known)


def main(calls: int, times: int, seed: int) -> int:
    """Print what was found; return the exit code."""
    # What takes long to import; this module, as __main__, each child imports itself.
    _CONTEXT.set_forkserver_preload(["monitors.probes.phone.agent", "staging.phone", "tests.peers.phone.prober"])
    print(f"seed {seed}\n{HEADER}")
    seeds = count(seed)
    runs: list[Awaitable[Found]] = [under_loss(loss, calls, next(seeds)) for loss in LOSSES if calls]
    runs += [scene(calls, next(seeds)) for scene in (cancelled, under_steps) if calls]
    runs += [deaths(how, times, next(seeds)) for how in (signal.SIGTERM, signal.SIGKILL) if times]
    leaks = 0

    async def everything() -> None:
        nonlocal leaks
        for run in runs:
            found = await run
            print(found, flush=True)
            leaks += found.leaks

    asyncio.run(everything())
    return int(bool(leaks))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=90, help="for each share of loss")
    arguments.add_argument("--times", type=int, default=100, help="processes for each signal")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    sys.exit(main(given.calls, given.times, given.seed))
