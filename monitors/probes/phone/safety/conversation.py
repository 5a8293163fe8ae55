"""One call on its way to the trunk. It ends, whatever becomes of the task that wanted it.

Nothing here is a task that could be cancelled: messages and timers call in, and the call answers. Only the reaper and
the far end can end it.

    prepare     the entry is on the disk                      nothing was sent
    start       INVITE ... (each change of the entry is noted before the message that goes with it)
    hang_up     CANCEL, or ACK and BYE, as `sip.call` knows
    resume      instead of all that: `hang_up` for a call that another process began
    released    the slot is given back; the transport stays open for repeated finals until the call may be forgotten
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from monitors.probes.phone.safety.journal import CALL
from monitors.probes.phone.safety.limits import Admission
from monitors.probes.phone.safety.numbers import Refusal, Skipped
from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.sip.events import Event, Refused, Released, Unreleased
from monitors.probes.phone.sip.message import Malformed, Message, Request
from monitors.probes.phone.wire.transport import Transport, Way

_REOPENING = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each attempt to get a lost connection back: as long as a far end waits for an answer. There are no
more in one call, also where a far end takes every connection and drops it."""


class Observer(Protocol):
    """Who is told what happens; it decides nothing about the end of the call."""

    def event(self, event: Event) -> None:
        """Take what the call has to tell."""

    def exchanged(self, message: Message, *, sent: bool) -> None:
        """Take a message that was sent or received."""

    def nonsense(self) -> None:
        """Take note that something came in that is no SIP."""

    def lost(self, error: OSError | None) -> None:
        """Take note that the trunk's port refuses, or the connection is gone."""


class Nobody:
    """Watches nothing."""

    def event(self, event: Event) -> None:
        """Ignore it."""

    def exchanged(self, message: Message, *, sent: bool) -> None:
        """Ignore it."""

    def nonsense(self) -> None:
        """Ignore it."""

    def lost(self, error: OSError | None) -> None:
        """Ignore it."""


class Conversation:
    """One call, its transport, its note in the journal and its timer. `released` is True once the end was confirmed.

    `settle(status, retry_after, seconds)` gives the slot back; `spawn` keeps a task alive; `resumed` is a call that
    another process began.
    """

    def __init__(
        self,
        admission: Admission,
        observer: Observer,
        settle: Callable[[int | None, float | None, float], Coroutine[Any, Any, None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        resumed: Call | None = None,
    ) -> None:
        self.released: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.over = False
        """Whether nothing can happen any more."""
        self.leaks = 0
        self._admission, self._observer = admission, observer
        self._settle, self._spawn = settle, spawn
        self._call, self._resumed = resumed, resumed is not None
        self._way: Way | None = None
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reopenings = iter(_REOPENING)
        self._noted = resumed.entry() if resumed is not None else None
        self._started: float | None = None
        self._heard = self._settling = False
        self._ending: Message | None = None
        self._status: int | None = None
        self._retry_after: float | None = None

    async def connect(self, way: Way, local: tuple[str, int] | None = None) -> tuple[str, int]:
        """Open a way to the trunk; return the local address. Raises `OSError`: then another way may be tried.

        Raises `Refusal` where the call was hung up meanwhile.
        """
        transport = await way.open(self, local)
        if self.over:
            transport.close()
            self._refuse_if_over()
        self._transport, self._way = transport, way
        return transport.local

    async def prepare(self, call: Call) -> None:
        """Have the entry of the call on the disk. Raises `OSError` or `Refusal`: then the call must not be made."""
        self._refuse_if_over()
        self._call = call
        self._note()
        await self._admission.slot.sync()
        self._refuse_if_over()

    def start(self) -> None:
        """Send the INVITE: from now on the call ends by `hang_up` or by the far end."""
        assert self._call is not None
        self._started = time.monotonic()
        self._call.start(self._started)
        self._flush()

    def resume(self) -> None:
        """End the call that another process began, now that there is a way."""
        self._started = time.monotonic()
        self.hang_up()

    def hang_up(self) -> None:
        """End the call, in whatever state it is; before its start it is just forgotten, or waits for `resume`."""
        if self.over:
            return
        if self._started is not None and self._call is not None:
            self._call.hang_up(time.monotonic())
            self._flush()
        elif not self._resumed:
            self._finish(confirmed=True)
            self._forget()

    def accept(self, answer: bytes | None) -> None:
        """Answer a pending offer; None declines it."""
        if self._call is not None and not self.over:
            if answer is None:
                self._call.decline(time.monotonic())
            else:
                self._call.accept(answer, time.monotonic())
            self._flush()

    def received(self, message: Message) -> None:
        """Take a message of the transport."""
        self._heard = True
        if self._call is None or self.over:
            return
        self._tell(lambda: self._observer.exchanged(message, sent=False))
        self._call.receive(message, time.monotonic())
        self._flush()

    def nonsense(self, what: Malformed) -> None:  # noqa: ARG002 - what exactly is nobody's business
        """Take note that something came in that is no SIP."""
        self._tell(self._observer.nonsense)

    def lost(self, error: OSError | None) -> None:
        """Take note that the port refuses or the connection is gone; a connection is opened again to end the call."""
        if self.over or self._call is None or self._way is None or self._started is None:
            return
        settled = self._settling
        if not settled:
            self._tell(lambda: self._observer.lost(error))
        if self._way.kind != "UDP":
            self._transport = None
            if not self._call.done and not settled:
                self._spawn(self._reopen(self._way))
                self.hang_up()
        elif not self._heard and not self._resumed:
            self._finish(confirmed=True)  # nobody was there to take the INVITE
            self._forget()

    def abandon(self) -> None:
        """Let go of everything at once; what is up stays in the journal for the next process."""
        self._forget()
        if not self._settling:
            self._admission.slot.let_go()

    def _flush(self) -> None:
        call = self._call
        assert call is not None
        self._note()
        for item in call.take():
            if isinstance(item, Event):
                self._happened(item)
            else:
                self._send(item)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if call.done:
            self._finish(confirmed=not self.leaks)
            self._forget()
        elif call.deadline is not None and not self.over:
            wait = max(0.0, call.deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        if self._call is not None and not self.over:
            self._call.tick(time.monotonic())
            self._flush()

    def _send(self, message: Message) -> None:
        if isinstance(message, Request) and message.method in ("BYE", "CANCEL"):
            self._ending = message
        self._tell(lambda: self._observer.exchanged(message, sent=True))
        if self._transport is not None:
            self._transport.send(message)

    def _happened(self, event: Event) -> None:
        if isinstance(event, Refused):
            self._status, self._retry_after = event.status, event.retry_after
        self.leaks += isinstance(event, Unreleased)
        if isinstance(event, Released | Unreleased):
            self._finish(confirmed=isinstance(event, Released))
        self._tell(lambda: self._observer.event(event))

    def _tell(self, tell: Callable[[], None]) -> None:
        """Tell the observer; that it fails must not keep the call from its end."""
        try:
            tell()
        except Exception as error:  # noqa: BLE001
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "the observer of a call failed", "exception": error})

    def _note(self) -> None:
        """Have in the journal what another process needs to end the call as it is now."""
        assert self._call is not None
        if self._settling or not self._admission.slot.held or (entry := self._call.entry()) == self._noted:
            return
        assert self._way is not None
        hop, local = self._way.hop, self._transport.local if self._transport else None
        way = {"kind": self._way.kind, "address": hop.address, "port": hop.port, "name": self._way.server_name}
        note = self._admission.note(**{CALL: entry}, way=way, local=local)
        if self._started is None:
            self._admission.slot.note(note)
        else:  # a full disk must not keep a call from its end
            try:
                self._admission.slot.note(note)
            except OSError:
                return
            self._spawn(self._sync())
        self._noted = entry

    async def _sync(self) -> None:
        with suppress(OSError, RuntimeError):
            await self._admission.slot.sync()

    async def _reopen(self, way: Way) -> None:
        """Get a lost connection back and repeat what was to end the call."""
        for pause in self._reopenings:
            await asyncio.sleep(pause)
            if self.over:
                return
            with suppress(OSError, Refusal):
                await self.connect(way)
                if self._ending is not None and self._transport is not None:
                    self._transport.send(self._ending)
                return

    def _finish(self, *, confirmed: bool) -> None:
        if not self._settling:
            self._settling = True
            seconds = time.monotonic() - self._started if self._started is not None else 0.0
            if self._resumed:
                seconds = self._admission.reserved  # nobody knows how long it was up
            self._spawn(self._give_back(seconds, confirmed=confirmed))

    async def _give_back(self, seconds: float, *, confirmed: bool) -> None:
        try:
            await self._settle(self._status, self._retry_after, seconds)
        finally:
            if not self.released.done():
                self.released.set_result(confirmed)

    def _refuse_if_over(self) -> None:
        if self.over:
            raise Refusal(Skipped.REGISTER, "hung up before it began")

    def _forget(self) -> None:
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
