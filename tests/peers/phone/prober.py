"""The project's own caller against a far end on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from monitors.probes.phone.agent import call
from monitors.probes.phone.evidence import CallEvidence
from monitors.probes.phone.order import CallOrder, Script, Trunk
from monitors.probes.phone.safety.limits import Limits, Register
from monitors.probes.phone.safety.reaper import Reaper
from monitors.probes.phone.sip.digest import Credentials
from staging.phone.behaviours import BY_NAME

NUMBER = "+31880000000"
CREDENTIALS = Credentials("prober", "correct-horse")
QUICK = Script(answer_within=2.0, audio_within=None, listen=0.0, call_limit=10.0)
"""Hangs up as soon as somebody answers."""
FREE = Limits(at_once=64, per_day=100_000, minutes_per_day=100_000.0, interval=0.0, jitter=0.0)


def unique_number(name: str, serial: int) -> str:
    """Return a number of its own for a call to the demo line's behaviour: a number is called once at a time."""
    return f"+3199{sorted(BY_NAME).index(name):02}{serial:05}"


def behaviour_of(number: str) -> str | None:
    """Return the behaviour of such a number, for `DemoLine`."""
    return sorted(BY_NAME)[int(number[5:7])]


def trunk(port: int, **more: Any) -> Trunk:
    """Return a trunk at a loopback port, which may call every Dutch number."""
    return Trunk(
        **{"name": f"trunk-{port}", "host": "127.0.0.1", "port": port, "allowed": ("+31*",), "limits": FREE} | more
    )


async def probe(
    folder: Path, port: int, script: Script = QUICK, to: str = NUMBER, more: Mapping[str, Any] | None = None
) -> CallEvidence:
    """Make one call and return what it showed, when everything of it has ended."""
    order, reaper, random = _ordered(folder, port, script, to, more)
    async with reaper:
        return await call(order, reaper, random)


async def probe_the_deaf(folder: Path, port: int, script: Script = QUICK) -> CallEvidence:
    """Make one call to a far end that never confirms its end: nobody waits for it for 64 * T1."""
    order, reaper, random = _ordered(folder, port, script, NUMBER, None)
    evidence = await call(replace(order, release_within=0.5), reaper, random)
    with suppress(TimeoutError):
        await asyncio.wait_for(reaper.close(), 0.05)
    return evidence


def _ordered(
    folder: Path, port: int, script: Script, to: str, more: Mapping[str, Any] | None
) -> tuple[CallOrder, Reaper, Random]:
    random = Random()  # no two calls may share a Call-ID or a branch: a proxy would take the second for the first
    order = CallOrder(to=to, trunk=trunk(port, **(more or {})), script=script)
    return order, Reaper(Register(folder / f"register-{port}", random), random), random


async def probe_all(
    folder: Path, calls: Iterable[tuple[int, Script]], at_once: int = 8, more: Mapping[str, Any] | None = None
) -> list[CallEvidence]:
    """Make many calls, some at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(port: int, script: Script) -> CallEvidence:
        async with room:
            return await probe(folder, port, script, more=more)

    return await asyncio.gather(*(one(port, script) for port, script in calls))
