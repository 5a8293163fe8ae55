"""A caller as a process of its own, to be killed.

`python -m tests.monitors.probes.phone.caller FOLDER PORT NUMBER [...]`

It ends what the register in FOLDER knows, makes one call for each NUMBER at the same time, and prints a line for each:
`made REACHED`, or `skipped REASON`. SIGTERM, and nothing else, ends it in order. What LOOP=uvloop, TRANSPORT=TCP,
AT_ONCE=2 and PER_DAY=3 in the environment mean, their names say.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, cast

import uvloop

from monitors.probes.phone.agent import CallOrder, Reaper, Refusal, Script, Trunk, call
from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.safety.limits import Limits, Register
from monitors.probes.phone.wire.srv import Protocol


def trunk(port: int, **changes: Any) -> Trunk:
    """Return a trunk to the demo line."""
    values: dict[str, Any] = {"name": "demo", "host": "127.0.0.1", "port": port, "allowed": ("+3199*",)}
    return Trunk(**(values | {"limits": Limits(interval=0.0, at_once=20)} | changes))


async def main(folder: Path, port: int, numbers: list[str]) -> None:
    """Make the calls."""
    limits = Limits(
        interval=0.0, at_once=int(os.environ.get("AT_ONCE", "20")), per_day=int(os.environ.get("PER_DAY", "1000"))
    )
    over = trunk(port, transport=cast("Protocol", os.environ.get("TRANSPORT", "UDP")), limits=limits)
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chance = Random(os.urandom(8))
    with suppress(asyncio.CancelledError):
        async with Reaper(Register(folder, chance), chance, [over]) as reaper:
            await asyncio.gather(*(_one(CallOrder(to=number, trunk=over, script=SCRIPT), reaper) for number in numbers))
            await asyncio.Event().wait()


SCRIPT = Script(answer_within=20.0, audio_within=None, listen=0.0, queue=(Sound.MUSIC,), queue_within=20.0)
"""It waits for music that does not come: the call is up until somebody ends it."""


async def _one(order: CallOrder, reaper: Reaper) -> None:
    try:
        evidence = await call(order, reaper, Random(os.urandom(8)))
        print("made", evidence.stage, flush=True)
    except Refusal as refusal:
        print("skipped", refusal.reason, flush=True)


if __name__ == "__main__":
    make_loop = uvloop.new_event_loop if os.environ.get("LOOP") == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
