"""The connections that are open to DigiD, and how many there may be.

On 1 March 2023 a limit on connections was set wrong at DigiD: who was connected went on, who came new was turned away.
DigiD shares this listener with the other systems, so a connection counts as DigiD's from its first request to DigiD
until it closes, or until it has sent DigiD nothing for as long as a server keeps an idle connection.
"""

from __future__ import annotations

from asyncio import BaseTransport

from staging.expiring import Expiring

IDLE_LIMIT = 15.0
"""Seconds; a usual keep-alive timeout of web servers."""


class Connections:
    """The open connections to one system."""

    def __init__(self) -> None:
        self._open: Expiring[BaseTransport, bool] = Expiring(IDLE_LIMIT)

    def admit(self, connection: BaseTransport, limit: int | None, now: float) -> bool:
        """Tell whether a request may be answered: its connection is known, or one more is allowed."""
        if self._open.touch(connection, now):
            return True
        if limit is not None and self._open.count(now) >= limit and self.count(now) >= limit:
            return False
        self._open.put(connection, True, now)
        return True

    def count(self, now: float) -> int:
        """Return how many connections are open; those that were closed meanwhile are forgotten."""
        for connection in self._open.keys(now):
            if connection.is_closing():
                self._open.pop(connection, now)
        return self._open.count(now)
