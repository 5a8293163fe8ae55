"""Requests that wait for the end of the loop's turn, to be written one right after the other.

Where many citizens are due at once, each request costs less that way, over TLS by a third: probably because a server's
core that sleeps is woken once and not for each of them. See docs/decisions/0007-written-together.md.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Sender(Protocol):
    """Who writes a request to its socket."""

    def write(self, data: bytes) -> None:
        """Write it, unless that has become pointless."""


class Outbox:
    """Requests of all connections of one loop."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Sender, bytes]] = []

    def put(self, sender: Sender, data: bytes) -> None:
        """Have `sender` write `data` when everything has been done that is due now."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append((sender, data))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender, data in waiting:
            sender.write(data)
