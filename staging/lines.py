"""The phone lines of the estate on their two legs: through a carrier, and at the platform's own border.

Where they differ says where it is broken. With everything well both legs are answered alike; calls back to citizens go
out by the platform.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from staging.faults import Faults
from staging.layout import LINES, Leg
from staging.phone import DemoLine

WELL, DOWN = 200, 503
"""What the platform's border answers to OPTIONS."""


class Lines:
    """Both legs. They listen within `answering`; each takes `most_calls` at a time."""

    def __init__(self, faults: Faults, most_calls: int) -> None:
        self._faults = faults
        self.legs: Mapping[Leg, DemoLine] = {
            leg: DemoLine(
                choose=partial(self._behaviour, leg), border=partial(self._border, leg), most_calls=most_calls
            )
            for leg in Leg
        }

    @asynccontextmanager
    async def answering(self, ports: Mapping[Leg, int]) -> AsyncIterator[dict[str, str]]:
        """Listen on this machine only and yield host:port of each leg; port 0 takes a free one.

        Raises `OSError`, whose `filename` names the place, if a port is taken.
        """
        async with AsyncExitStack() as stack:
            for leg, line in self.legs.items():
                line.port = ports[leg]
                try:
                    await stack.enter_async_context(line)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, f"{line.host} port {line.port}") from None
            yield {leg.value: line.address for leg, line in self.legs.items()}

    def state(self) -> dict[str, Any]:
        """Return what has become of the calls on each leg."""
        return {leg.value: asdict(line.counts) for leg, line in self.legs.items()}

    def _behaviour(self, leg: Leg, number: str) -> str | None:
        name = next((name for name, line in LINES.items() if number in (name, line.number)), None)
        return None if name is None else self._faults.of_line(leg, name)

    def _border(self, leg: Leg) -> int:
        return DOWN if leg is Leg.PLATFORM and self._faults.platform_is_down else WELL
