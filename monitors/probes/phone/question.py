"""One OPTIONS to a trunk's host: does its border answer at all? No call, so no limits and nothing to release."""

from __future__ import annotations

import asyncio
import time
from random import Random

from monitors.probes.phone.evidence import CallEvidence, Stage
from monitors.probes.phone.order import Trunk
from monitors.probes.phone.reach import Unreachable, dial_of, reach
from monitors.probes.phone.record import Record
from monitors.probes.phone.sip.events import Event
from monitors.probes.phone.sip.message import Malformed, Message
from monitors.probes.phone.sip.options import Options
from monitors.probes.phone.wire.transport import Transport, Way


async def options(trunk: Trunk, random: Random, *, patience: float = 5.0) -> CallEvidence:
    """Ask a trunk's host for its options. INVITE is reached when asked, ANSWER with the answer, the `status`."""
    asking = _Asking()
    record = asking.record
    try:
        async with asyncio.timeout(patience):
            local = await reach(trunk, random, record, asking.connect)
            record.reach(Stage.INVITE)
            await asking.ask(Options(dial_of(trunk, f"sip:{trunk.called_domain}", local), random))
    except Unreachable as error:
        record.trouble(error.trouble)
    except TimeoutError:
        record.unanswered()
    finally:
        asking.close()
    if record.evidence.status is not None:
        record.reach(Stage.ANSWER)
    return record.finished(released=True)


class _Asking:
    """One question on its way."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self.record = Record(lambda _description, _asked: None, lambda: None)
        self._options: Options | None = None
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def connect(self, way: Way) -> tuple[str, int]:
        """Open the transport. Raises `OSError`."""
        self._transport = await way.open(self)
        return self._transport.local

    async def ask(self, question: Options) -> None:
        """Ask, and return when it has ended."""
        self._options = question
        question.start(time.monotonic())
        self._flush()
        await self._over.wait()

    def close(self) -> None:
        """Hear no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def received(self, message: Message) -> None:
        """Take a message of the transport."""
        self.record.exchanged(message, sent=False)
        if self._options is not None:
            self._options.receive(message, time.monotonic())
            self._flush()

    def nonsense(self, what: Malformed) -> None:  # noqa: ARG002 - what exactly is nobody's business
        """Take note that something came in that is no SIP."""
        self.record.nonsense()

    def lost(self, error: OSError | None) -> None:
        """Give up."""
        self.record.lost(error)
        self._over.set()

    def _tick(self) -> None:
        if self._options is not None:
            self._options.tick(time.monotonic())
            self._flush()

    def _flush(self) -> None:
        assert self._options is not None
        assert self._transport is not None
        for item in self._options.take():
            if isinstance(item, Event):
                self.record.event(item)
            else:
                self.record.exchanged(item, sent=True)
                self._transport.send(item)
        if self._timer is not None:
            self._timer.cancel()
        if self._options.done:
            self._over.set()
        elif self._options.deadline is not None:
            wait = max(0.0, self._options.deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)
