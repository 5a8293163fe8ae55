"""What one provider's crowd does to the logins of another, with and without waiting rooms: docs/relying-parties.md.

Real connections to a replica, whose clock is moved by hand: the outcome is counted, and the same on any machine.
`python -m tests.benchmarks.relying_parties` prints the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal

import aiohttp

from config import Channel
from staging.faults import Fault
from tests.drivers import browser, send, someone
from tests.replica import Clock, RunningReplica, running_replica

LIMIT = 45
"""Connections that DigiD takes at a time."""
HOLD = 10
"""Seconds for which someone who has logged in keeps the connection."""
DOSE = 2
"""People a second that the room of one provider admits; one room for both admits twice as many.

Both together fill at most  2 x DOSE x HOLD = 40  connections of DigiD's 45.
"""
OTHERS = 5
"""People who want to log in at another provider, after the crowd has come."""
PATIENCE = 30
"""Seconds for which they wait for their turn."""
CROWDS = (10, 45, 80, 160)

Rooms = Literal["none", "shared", "each"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the others: how many got in, were turned away by DigiD, or gave up; `waited` is the longest wait (seconds)."""

    inside: int
    refused: int
    gave_up: int
    waited: int


class Visitor:
    """Someone on the way to a portal, with a browser of their own."""

    def __init__(
        self, number: int, session: aiohttp.ClientSession, replica: RunningReplica, channel: Channel, portal: str
    ) -> None:
        self._account = someone(number).account
        self._session = session
        self._at = replica.endpoints
        self._channel = channel
        self._portal = portal
        self._ticket = ""
        self.state: Literal["waiting", "inside", "refused"] = "waiting"
        self.since = 0

    async def step(self, second: int) -> None:
        """Join the queue or ask for one's turn; who is admitted logs in at once."""
        if self.state != "waiting":
            return
        queue = self._at["waiting-room"] + "/queue"
        if self._ticket:
            _, answer = await send(self._session, "GET", f"{queue}?ticket={self._ticket}")
        else:
            _, answer = await send(self._session, "POST", queue, {"channel": self._channel})
            self._ticket = answer["ticket"]
        if answer["status"] == "admitted":
            try:
                self.state = "inside" if await self._log_in() else "refused"
            except aiohttp.ClientError:
                self.state = "refused"  # DigiD closed the connection without an answer
            self.since = second

    async def leave(self, second: int) -> None:
        """Close the connection once it was kept long enough."""
        if self.state == "inside" and second >= self.since + HOLD:
            await self._session.close()

    async def _log_in(self) -> bool:
        access, digid = self._at["access-service"], self._at["digid-sms"] + "/sms"
        admission = {"channel": self._channel, "admission": self._ticket}
        _, login = await send(self._session, "POST", access + "/login", admission)
        account = {**login, "bsn": self._account.bsn, "password": self._account.password}
        _, started = await send(self._session, "POST", digid + "/start", account)
        _, sms = await send(
            self._session, "GET", f"{self._at['digid-sms']}/test-inbox?transaction={started['transaction']}"
        )
        _, artifact = await send(self._session, "POST", digid + "/confirm", {**started, **sms})
        _, done = await send(self._session, "POST", access + "/assertion", artifact)
        status, _ = await send(self._session, "GET", f"{self._at[self._portal]}/session?ticket={done['ticket']}")
        return status == 200


async def measure(crowd: int, rooms: Rooms) -> Outcome:
    """Let a crowd come to Mijn Belastingdienst, and two seconds later the others to Mijn toeslagen.

    The replica has a queue for each channel, not for each provider: where each provider has a room, the crowd comes
    through the website's and the others through the app's; where there is one room, all come through the website's. The
    clock goes by whole seconds, and a room admits one after the other: even without a dose not all in the same second.
    """
    clock, dose = Clock(), {"none": 1e6, "shared": 2 * DOSE, "each": DOSE}[rooms]
    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(running_replica(clock, dose_web=dose, dose_app=dose))
        replica.switch_on(Fault.CONNECTION_LIMIT, connections=LIMIT)

        async def arrive(numbers: Sequence[int], channel: Channel, portal: str) -> list[Visitor]:
            sessions = [await stack.enter_async_context(browser()) for _ in numbers]
            return [Visitor(n, session, replica, channel, portal) for n, session in zip(numbers, sessions, strict=True)]

        everyone = await arrive(range(crowd), "web", "mijn-belastingdienst")
        others: list[Visitor] = []
        for second in range(2 + PATIENCE):
            if second == 2:
                channel: Channel = "app" if rooms == "each" else "web"
                others = await arrive(range(crowd, crowd + OTHERS), channel, "mijn-toeslagen")
            for visitor in [*everyone, *others]:
                await visitor.leave(second)
                await visitor.step(second)
            clock.now += 1
    waits = [visitor.since - 2 for visitor in others if visitor.state == "inside"]
    states = [visitor.state for visitor in others]
    return Outcome(states.count("inside"), states.count("refused"), states.count("waiting"), max(waits, default=0))


async def table() -> str:
    """Return the outcomes as a Markdown table."""
    lines = ["| crowd | no waiting room | one for all | one for each |", "|---|---|---|---|"]
    for crowd in CROWDS:
        cells = [_words(await measure(crowd, rooms)) for rooms in ("none", "shared", "each")]
        lines.append(f"| {crowd} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _words(found: Outcome) -> str:
    parts = [f"{found.inside} of {OTHERS} get in"]
    parts += [f"after {found.waited} s at most"] * (found.inside > 0)
    parts += [f"{found.refused} turned away"] * (found.refused > 0)
    parts += [f"{found.gave_up} give up"] * (found.gave_up > 0)
    return ", ".join(parts)


if __name__ == "__main__":
    print(asyncio.run(table()), end="")
