"""What the monitor knows of itself before it blames a target.

A run says something about its target only if this machine could measure. It could not where

    the event loop stood still          for more than half a second during the run: passes are given up like failures
    descriptors are (nearly) exhausted  sockets cannot be opened: a failure is unknown(overloaded)
    every reference target is silent    it is this machine's own network: a failure is unknown(own_network)

Reference targets are places of other people's that are hardly ever away, such as the gateway, a name server and
somebody else's website. The race with them is decided for the target: a failure counts only when references were asked
after it had happened, and one of them answered.

    run       [ starts ........ fails ]- - - - held - - - - > down, or unknown(own_network)
    check       [ everybody answers ]  [ after the failure ]
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from monitors.instruments import LoopLag
from monitors.verdict import Cause, Unknown

MAX_LOOP_LAG = 0.5
"""Seconds for which the event loop may stand still during a run."""
MAX_DESCRIPTORS = 0.95
"""The part of the descriptors that may be open; a run needs two or three."""
CHECK_INTERVAL = 5.0
"""Seconds between two looks at the reference targets while nothing fails."""
PATIENCE = 1.0
"""Seconds in which a reference target must take the connection."""

_DESCRIPTORS = Path("/dev/fd")


class References:
    """Reference targets, `host:port` each, looked at by a plain TCP connection.

    `answering` says who took the last one; everybody is believed to until somebody looked.
    """

    def __init__(self, addresses: Sequence[str], *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._looked = float("-inf")  # when the last look began that is over
        self._check: asyncio.Task[None] | None = None
        self.answering: Mapping[str, bool] = dict.fromkeys(addresses, True)

    async def watch(self) -> None:
        """Look at them now and then until cancelled."""
        while True:
            await self._look_since(time.monotonic())
            await asyncio.sleep(CHECK_INTERVAL)

    def retarget(self, addresses: Sequence[str]) -> None:
        """Look at these from now on."""
        self.answering = {address: self.answering.get(address, True) for address in addresses}
        self._looked = float("-inf")

    async def all_silent(self, since: float) -> bool:
        """Tell whether nobody answers, by a look that began at `since` (`time.monotonic`) or later.

        Takes twice the patience at most: a look may be under way that began too early. However many ask at the same
        time, there is one look at a time. Without reference targets nobody is silent.
        """
        if not self.answering:
            return False
        await self._look_since(since)
        return not any(self.answering.values())

    async def _look_since(self, moment: float) -> None:
        while self._looked < moment:
            if self._check is None:
                self._check = asyncio.create_task(self._look())
            await asyncio.shield(self._check)

    async def _look(self) -> None:
        began, asked = time.monotonic(), self.answering
        try:
            answers = await asyncio.gather(*map(self._reaches, asked))
            if self.answering is asked:
                self.answering = dict(zip(asked, answers, strict=True))
                self._looked = began
        finally:
            self._check = None

    async def _reaches(self, address: str) -> bool:
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(self._patience):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    asyncio.Protocol, host.strip("[]"), int(port)
                )
        except OSError:  # TimeoutError is one
            return False
        transport.abort()
        return True


class OwnState:
    """Asked about every run before its verdict is believed."""

    def __init__(self, lag: LoopLag, references: References) -> None:
        self._lag = lag
        self._references = references

    def stood_still(self, since: float) -> Unknown | None:
        """Say whether the event loop stood still since then (`time.monotonic`): no verdict is worth anything."""
        lag = self._lag.worst(since)
        if lag <= MAX_LOOP_LAG:
            return None
        return Unknown(Cause.OVERLOADED, f"the event loop stood still for {lag:.1f} s")

    async def trouble(self) -> Unknown | None:
        """Say what of this machine's own explains a failure that has just happened; None: the target is to blame."""
        used, limit = open_descriptors(), descriptor_limit()
        if used > MAX_DESCRIPTORS * limit:
            return Unknown(Cause.OVERLOADED, f"{used} of {limit} descriptors are open")
        if await self._references.all_silent(time.monotonic()):
            return Unknown(Cause.OWN_NETWORK, "no reference target answers")
        return None


def open_descriptors() -> int:
    """Return how many descriptors this process has open; where they are used up even that cannot be seen: the limit."""
    try:
        return len(os.listdir(_DESCRIPTORS)) - 1  # noqa: PTH208 - names will do; one is that of the list itself
    except OSError:
        return descriptor_limit()


def descriptor_limit() -> int:
    """Return how many descriptors this process may have open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
