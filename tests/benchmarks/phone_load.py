"""What calls cost: `python -m tests.benchmarks.phone_load`.

Calls at the same time in one process on one core, to the demo line in another process on another core, each through the
whole script: prompt, digit, ringback, music. Beside them a ticker stands for the other probes: how late it is woken is
how late they would be. Printed are the RTP packets that our side lost (the far end numbers them), the ticker's
lateness with and without the calls in the same run, and CPU seconds per second of call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from monitors.probes.phone.agent import call
from monitors.probes.phone.classes import class_of
from monitors.probes.phone.evidence import CallEvidence, Sound
from monitors.probes.phone.order import CallOrder, Script
from monitors.probes.phone.safety.limits import Register
from monitors.probes.phone.safety.reaper import Reaper
from staging.phone import DemoLine
from tests.children import child
from tests.peers.phone.prober import behaviour_of, trunk, unique_number

TICK = 0.02
MENU = Script(answer_within=10.0, press="1", queue=(Sound.RINGBACK, Sound.MUSIC), call_limit=40.0)
LONG = Script(answer_within=10.0, listen=15.0, call_limit=30.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What some calls at the same time came to."""

    calls: int
    seconds: float
    cpu: float
    lateness: Sequence[float]
    evidence: Sequence[CallEvidence]

    def __str__(self) -> str:
        packets = sum(each.received.packets for each in self.evidence)
        lost = sum(each.received.lost for each in self.evidence)
        answered = sum(class_of(each) == "answered" for each in self.evidence)
        p50, p99, most = (1e3 * float(np.percentile(self.lateness, share)) for share in (50, 99, 100))
        talk = sum(_talk(each) for each in self.evidence)
        cost = f"{self.cpu / talk:11.2%}" if talk else " " * 11
        return (
            f"{self.calls:5} {answered:9} {packets:9} {lost:6} {p50:8.1f} {p99:7.1f} {most:7.1f} {self.cpu:8.2f} {cost}"
        )


HEADER = "calls  answered   packets   lost  late p50     p99     max    CPU s  per call s"


def _talk(evidence: CallEvidence) -> float:
    times = evidence.reached.values()
    return max(times) - min(times) if times else 0.0


async def _tick(lateness: list[float]) -> None:
    due = time.monotonic()
    while True:
        due += TICK
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        lateness.append(max(0.0, time.monotonic() - due))
        due = max(due, time.monotonic() - TICK)


async def measure(port: int, calls: int, script: Script, name: str, idle: float = 5.0) -> Cost:
    """Make calls at the same time and return what they cost; with none, wait for `idle` seconds."""
    random, lateness = Random(f"{calls}/{name}"), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        async with Reaper(Register(Path(folder), random), random) as reaper:
            ticker = asyncio.create_task(_tick(lateness))
            begin, cpu = time.monotonic(), time.process_time()
            numbers = [unique_number(name, serial) for serial in range(calls)]
            orders = [CallOrder(to=number, trunk=trunk(port), script=script) for number in numbers]
            evidence = await asyncio.gather(*(call(each, reaper, random) for each in orders))
            await asyncio.sleep(0 if calls else idle)
            seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
            ticker.cancel()
    return Cost(calls, seconds, cpu, lateness, evidence)


async def _line() -> None:
    async with DemoLine(choose=behaviour_of) as line:
        print(line.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main(most: int) -> None:
    """Print the table."""
    command = [sys.executable, "-m", "tests.benchmarks.phone_load", "--line"]
    with child(command, 1, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(HEADER)
        print(asyncio.run(measure(port, 0, MENU, "menu")), flush=True)
        for calls in sorted({1, 8, most}):
            print(asyncio.run(measure(port, calls, MENU, "menu")), flush=True)
        print("the same number, each listening for 15 s to speech:")
        print(asyncio.run(measure(port, most, LONG, "citizen")), flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=20)
    arguments.add_argument("--line", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.line:
        asyncio.run(_line())
    else:
        main(given.calls)
