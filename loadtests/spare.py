"""The bug of 2023: an app that opens further connections where one is enough, and sends its request on each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from journeys import Reason, Response
from loadtests.origin import Origin

if TYPE_CHECKING:
    from loadtests.engine import Engine


class _Sink:
    """Takes an answer that nobody reads."""

    def __init__(self, over: asyncio.Future[None]) -> None:
        self._over = over

    def answered(self, response: Response, cookies: Sequence[bytes]) -> None:  # noqa: ARG002 - a Client's
        """Forget the answer."""
        self.broken(Reason.CONTENT_MISSING, "", stale=False)

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:  # noqa: ARG002 - a Client's
        """Forget that there is none."""
        if not self._over.done():
            self._over.set_result(None)

    def hindered(self, error: OSError) -> None:  # noqa: ARG002 - a Client's
        """Forget it: those who read their answers are hindered as well, and say so."""
        self.broken(Reason.CONTENT_MISSING, "", stale=False)


async def use_spare_connection(engine: Engine, origin: Origin, data: bytes, patience: float) -> None:
    """Open a needless connection, send the same bytes on it, and close it when it has been answered."""
    connection = None
    try:
        async with asyncio.timeout(patience):
            connection = await engine.dialer.connect(origin)
            over = engine.loop.create_future()
            connection.send(data, _Sink(over))
            await over
    except OSError:  # refused, reset, timed out: an app with this bug does not notice
        return
    finally:
        if connection is not None:
            connection.close()
