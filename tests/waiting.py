"""Waiting for what must come, however busy the machine: only a failure takes as long as the bounds here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

LONG = 60.0
"""Seconds after which what has not come does not come."""


def eventually(true: Callable[[], bool], within: float = LONG) -> bool:
    """Wait until something is true; tell whether it became so."""
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


async def until(true: Callable[[], bool], within: float = LONG) -> None:
    """Wait, on the event loop, until something is true. Raises `TimeoutError`."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Tell whether a process has ended (a zombie that its new parent has not collected has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
