"""All conversations of a process, and those that a killed one left: each of them ends.

A conversation belongs to the reaper from before its INVITE on. The task that wanted it only says `hang_up`, or dies.

    task cancelled, timed out, failed    its `finally` hangs up; the conversation goes on until the end is confirmed
    SIGTERM                              whoever runs the loop leaves `async with Reaper(...)`: everything is hung up
    SIGKILL                              the journal stays; the next process, or another one that is running, ends it
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from random import Random
from typing import Any, Self

from monitors.probes.phone.order import Trunk
from monitors.probes.phone.reach import CONNECT_WITHIN
from monitors.probes.phone.safety.conversation import Conversation, Nobody, Observer
from monitors.probes.phone.safety.journal import CALL
from monitors.probes.phone.safety.limits import Admission, Register
from monitors.probes.phone.safety.numbers import Refusal
from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.sip.transaction import PATIENCE, T4
from monitors.probes.phone.wire.srv import Hop
from monitors.probes.phone.wire.transport import Way

LONGEST_END = T4 + 2 * PATIENCE + 1.0
"""Seconds that the end of a call may take: T4 until a CANCEL is sent blindly, 64 * T1 for its answer, and as much for
that of the BYE where the call was answered all the same. Only a far end that hardly answers needs so long."""


class Reaper:
    """Ends calls. `async with Reaper(...)`: ends what a killed process left; at its end it ends all that is up.

    `trunks`: with which credentials and TLS context calls are ended that another process began. `leaked`: calls whose
    end was never confirmed.
    """

    def __init__(self, register: Register, random: Random, trunks: Iterable[Trunk] = ()) -> None:
        self.register = register
        self.leaked = 0
        self._random = random
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._closed = False
        self._conversations: set[Conversation] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.sweep()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def under_way(self) -> int:
        """Calls that are being set up, up or being ended."""
        return sum(not conversation.released.done() for conversation in self._conversations)

    def adopt(self, admission: Admission, observer: Observer, resumed: Call | None = None) -> Conversation:
        """Return a new conversation, which is the reaper's from now on; after `close` it is over before it begins."""

        async def settle(status: int | None, retry_after: float | None, seconds: float) -> None:
            self.leaked += conversation.leaks > 0
            await self._settle(admission, status, retry_after, seconds)

        conversation = Conversation(admission, observer, settle, self._spawn, resumed)
        self._conversations = {each for each in self._conversations if not each.over} | {conversation}
        if self._closed:
            conversation.hang_up()
        return conversation

    async def sweep(self) -> int:
        """Begin to end what killed processes left, and return how many calls that are. Raises `OSError`."""
        try:
            orphans = await self.register.orphans()
        except Refusal:
            return 0  # somebody else holds the register, and may be doing the same
        for admission in orphans:
            self._spawn(self._end(admission))
        return len(orphans)

    async def close(self) -> None:
        """Hang up everything and wait until it is confirmed. Cancelled meanwhile, the journal keeps what is up."""
        try:
            async with asyncio.timeout(LONGEST_END):
                while self._tasks or self.under_way:
                    for conversation in self._conversations:
                        conversation.hang_up()
                    waited: list[asyncio.Future[Any]] = [*self._tasks]
                    waited += [each.released for each in self._conversations if not each.released.done()]
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self.leaked += self.under_way
        finally:
            self._closed = True
            for conversation in self._conversations:
                conversation.abandon()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self, admission: Admission) -> None:
        """End one call of a killed process; what cannot be read counts as leaked."""
        note = admission.slot.last() or {}
        try:
            trunk = self._trunks.get(admission.trunk)
            call = Call.resume(note[CALL], trunk.credentials if trunk else None, self._random)
            way = _way_back(note["way"], trunk)
            host, port = note.get("local") or (None, 0)
        except (KeyError, TypeError, ValueError):
            self.leaked += 1
            await self._settle(admission, None, None, admission.reserved)
            return
        conversation = self.adopt(admission, Nobody(), call)
        try:
            await _connect(conversation, way, (host, port) if host and way.kind == "UDP" else None)
            conversation.resume()
        except OSError:  # there is no way to the trunk: the journal keeps it for a better time
            conversation.abandon()
            self._conversations.discard(conversation)

    async def _settle(
        self, admission: Admission, status: int | None, retry_after: float | None, seconds: float
    ) -> None:
        with suppress(OSError, Refusal):
            await self.register.settle(admission, seconds, status, retry_after)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _connect(conversation: Conversation, way: Way, before: tuple[str, int] | None) -> None:
    """Open the way from the port of `before`, if it is free: answers to what was sent there arrive there."""
    async with asyncio.timeout(CONNECT_WITHIN):
        if before is not None:
            with suppress(OSError):
                await conversation.connect(way, before)
                return
        await conversation.connect(way)


def _way_back(way: dict[str, Any], trunk: Trunk | None) -> Way:
    return Way(Hop(str(way["address"]), int(way["port"])), way["kind"], trunk.tls if trunk else None, str(way["name"]))
