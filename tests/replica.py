"""A replica within the test process, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from staging.app import Replica
from staging.faults import Fault
from staging.layout import endpoints
from staging.server import listening
from staging.settings import Settings


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class RunningReplica:
    """A replica that answers on `url`; `endpoints` gives the base URL of every system."""

    url: str
    replica: Replica
    endpoints: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.endpoints = endpoints(self.url)

    def switch_on(self, fault: Fault, **parameters: Any) -> None:
        self.replica.faults.switch_on(fault, parameters)


@asynccontextmanager
async def running_replica(clock: Clock | None = None, **settings: Any) -> AsyncIterator[RunningReplica]:
    """Run a replica; `settings` are fields of `staging.settings.Settings` (dose_web, code_lifetime, ...)."""
    chosen = Settings(**settings)
    replica = Replica(chosen, clock) if clock else Replica(chosen)
    async with listening(replica) as url:
        yield RunningReplica(url, replica)
