"""One call as the answering side has it, from the INVITE until somebody has ended it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from staging.phone import sdp
from staging.phone.audio import Sound
from staging.phone.board import Channel, Counts, Pace, Switchboard
from staging.phone.media import Media
from staging.phone.messages import PHRASES, Message, build

Headers = tuple[tuple[str, str], ...]
Script = Callable[["Call"], Awaitable[None]]
"""What a call meets: a coroutine that rings, answers, plays, refuses, hangs up."""

ALLOWED = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY"


@dataclass(eq=False, slots=True)
class Dialog:
    """One answer to the call; a forked call has several."""

    tag: str
    up: bool = True
    given_up: bool = False
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)


class Call:
    r"""One INVITE and what follows. A script acts through its methods; the line hands over what the caller sends.

        invited --refuse--> refused --ACK--> over
           |  \--CANCEL--> 487 --ACK--> over
           answer
           v
          up --BYE by either side, for each dialog--> over

    `deaf` calls do not confirm CANCEL and BYE. `race` calls are answered by a CANCEL.
    """

    def __init__(self, invite: Message, channel: Channel, board: Switchboard) -> None:
        self.invite = invite
        self.channel = channel
        self.board = board
        self.pace: Pace = board.pace
        self.counts: Counts = board.counts
        self.offer = sdp.read(invite.body)
        self.media = Media(board.random)
        self.deaf = False
        self.race = False
        self.tag = self._new_tag()
        self.dialogs: list[Dialog] = []
        self._last: bytes | None = None
        self._final = False
        self._cseq = 0
        self._acknowledged = asyncio.Event()
        self._over = asyncio.Event()
        self._playing: asyncio.Task[None] | None = None
        self.counts.ringing += 1
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, script: Script) -> None:
        """Follow a script until the call is over; end the call if nobody else does."""
        self._playing = self._spawn(_follow(script, self))
        try:
            async with asyncio.timeout(self.pace.longest):
                await self._over.wait()
        except TimeoutError:
            await self._end()
        finally:
            self.media.close()
            tasks = [task for task in self._tasks if not task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # What a script may do

    def respond(self, status: int, headers: Headers = (), body: bytes = b"", tag: str | None = None) -> None:
        """Send a provisional answer."""
        self._last = self._response(self.invite, status, headers, body, tag)
        self.channel.send(self._last)

    async def ring(self, seconds: float | None = None) -> None:
        """Say 100, unless that has been said, and 180, and let it ring for a while."""
        if self._last is None:
            self.respond(100)
        self.respond(180)
        await asyncio.sleep(self.pace.ringing if seconds is None else seconds)

    async def early(self, sound: Sound) -> None:
        """Play before the answer (183)."""
        body = await self._describe()
        self.respond(183, body=body)
        self.play(sound)

    async def refuse(self, status: int, headers: Headers = (), counted_as: str = "refused") -> None:
        """Give a final answer that is none, and repeat it until it is acknowledged (RFC 3261, 17.2.1)."""
        if self._decide():
            setattr(self.counts, counted_as, getattr(self.counts, counted_as) + 1)
            self._last = self._response(self.invite, status, headers)
            if not await self._insist(self._last, self._acknowledged, again=self.channel.transport == "UDP"):
                self.counts.unacknowledged += 1
            self._over.set()

    def ignore(self) -> None:
        """Give no answer, neither to the INVITE nor when it comes again; it owes the line nothing."""
        self.counts.ignored += self._decide()

    async def answer(self, *, forks: int = 1, sound: Sound | None = Sound.SILENCE) -> None:
        """Answer (200), by several ends if there are forks, and play; a sound of None sends no RTP at all."""
        body = await self._describe()
        if not self._decide():
            return
        for number in range(forks):
            dialog = Dialog(self.tag if number == 0 else self._new_tag())
            self.dialogs.append(dialog)
            self.counts.answered += 1
            self.counts.up += 1
            answer = self._response(self.invite, 200, body=body, tag=dialog.tag)
            self._last = answer
            self._spawn(self._await_ack(dialog, answer))
        if sound is not None:
            self.play(sound)

    def play(self, sound: Sound) -> None:
        """Play something from now on. A call without an offer has no media and is refused."""
        assert self.offer is not None
        self.media.play(sound, self.offer)

    async def request(
        self, method: str, headers: Headers = (), body: bytes = b"", tag: str | None = None
    ) -> int | None:
        """Send a request within the call and return the status of its answer; None if there is none in 64 T1."""
        branch = f"z9hG4bK{self.board.random.getrandbits(64):016x}"
        self._cseq += 1
        number = self._cseq
        answer = self.board.expect(branch)
        answered = asyncio.Event()
        answer.add_done_callback(lambda _: answered.set())
        data = self._request(method, number, branch, headers, body, tag)
        if not await self._insist(data, answered, again=self.channel.transport == "UDP"):
            return None
        status = answer.result().status
        if method == "INVITE":  # the ACK of a 2xx is a transaction of its own (RFC 3261, 13.2.2.4)
            acknowledged = f"{branch}ack" if status < 300 else branch
            self.channel.send(self._request("ACK", number, acknowledged, (), b"", tag))
        return status

    async def renew_offer(self) -> int | None:
        """Offer the same media anew (re-INVITE, RFC 3261, 14) and return the status of the answer."""
        body = self._description(version=2)
        return await self.request("INVITE", (("Content-Type", "application/sdp"),), body)

    async def hang_up(self, headers: Headers = (), dialogs: Iterable[Dialog] | None = None) -> None:
        """End every dialog that is up, or those given, with a BYE, whether it is confirmed or not."""
        for dialog in [dialog for dialog in dialogs or self.dialogs if dialog.up]:
            status = await self.request("BYE", headers, tag=dialog.tag)
            self.counts.unconfirmed += status is None
            self.counts.ended_by_line += self._down(dialog)

    # What the caller sends

    def repeat(self) -> None:
        """Answer an INVITE that came again as before."""
        if self._last is not None:
            self.channel.send(self._last)

    def acknowledge(self, tag: str) -> None:
        """Take an ACK."""
        self._acknowledged.set()
        for dialog in self.dialogs:
            if dialog.tag == tag:
                dialog.acknowledged.set()

    def cancel(self, message: Message) -> bytes | None:
        """Take a CANCEL (RFC 3261, 9.2); return what confirms it."""
        if not self._final:
            if self._playing is not None:
                self._playing.cancel()
            self._spawn(self._cancelled())
        return None if self.deaf else self._response(message, 200)

    def take(self, message: Message) -> bytes | None:
        """Take a request within the call; return its answer."""
        if message.method == "BYE":
            for dialog in self.dialogs:
                if dialog.tag == message.tag("To"):
                    self.counts.ended_by_caller += self._down(dialog)
            return None if self.deaf else self._response(message, 200)
        if message.method in {"INVITE", "UPDATE"} and message.body:
            self.offer = sdp.read(message.body) or self.offer
            return self._response(message, 200, body=self._description(version=2))
        return self._response(message, 200)

    # How it is done

    async def _cancelled(self) -> None:
        if self.race:
            await self.answer()
        elif self.deaf:
            self.counts.cancelled += self._decide()
            self._over.set()
        else:
            await self.refuse(487, counted_as="cancelled")

    async def _end(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
        if not self._final:
            self.counts.never_hung_up += 1
            await self.refuse(480)
        await self._give_up(self.dialogs)

    async def _give_up(self, dialogs: list[Dialog]) -> None:
        """Count what the caller should have ended, each once, and hang up."""
        for dialog in dialogs:
            self.counts.never_hung_up += dialog.up and not dialog.given_up
            dialog.given_up = True
        await self.hang_up(dialogs=dialogs)

    def _decide(self) -> bool:
        """Tell whether the final answer may be given, which is so once."""
        first, self._final = not self._final, True
        self.counts.ringing -= first
        return first

    def _down(self, dialog: Dialog) -> bool:
        """Note that a dialog has ended; tell whether it was up until now."""
        was_up, dialog.up = dialog.up, False
        self.counts.up -= was_up
        if not any(other.up for other in self.dialogs):
            self._over.set()
        return was_up

    async def _await_ack(self, dialog: Dialog, answer: bytes) -> None:
        """Repeat a 2xx until its ACK, on every transport; hang up if none comes (RFC 3261, 13.3.1.4)."""
        if not await self._insist(answer, dialog.acknowledged, again=True, while_=lambda: dialog.up):
            self.counts.unacknowledged += 1
            await self._give_up([dialog])

    async def _insist(
        self, data: bytes, settled: asyncio.Event, *, again: bool, while_: Callable[[], bool] = lambda: True
    ) -> bool:
        """Send, again and again where that is called for, until settled; tell whether it was within 64 T1."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + 64 * self.pace.t1, self.pace.t1
        self.channel.send(data)
        while while_() and (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(pause, left) if again else left):
                    await settled.wait()
            except TimeoutError:
                pause = min(2 * pause, self.pace.t2)
                if again and while_():
                    self.channel.send(data)
            else:
                return True
        return settled.is_set() or not while_()

    async def _describe(self) -> bytes:
        if not self.media.port:
            await self.media.open(self.channel.local[0])
        return self._description()

    def _description(self, version: int = 1) -> bytes:
        assert self.offer is not None
        return sdp.write(self.channel.local[0], self.media.port, self.offer, version)

    def _response(
        self, request: Message, status: int, headers: Headers = (), body: bytes = b"", tag: str | None = None
    ) -> bytes:
        return respond(request, status, self._contact, headers, body, tag or self.tag)

    def _request(
        self, method: str, number: int, branch: str, headers: Iterable[tuple[str, str]], body: bytes, tag: str | None
    ) -> bytes:
        invite, (host, port) = self.invite, self.channel.local
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [
            ("Via", f"SIP/2.0/{self.channel.transport} {place};branch={branch};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in invite.all("Record-Route")),
            ("From", f"{invite.get('To')};tag={tag or self.tag}"),
            ("To", invite.get("From")),
            ("Call-ID", invite.get("Call-ID")),
            ("CSeq", f"{number} {method}"),
            ("Contact", self._contact),
            *headers,
        ]
        return build(f"{method} {invite.address('Contact')} SIP/2.0", lines, body)

    @property
    def _contact(self) -> str:
        return contact_of(self.channel)

    def _new_tag(self) -> str:
        tag = f"{self.board.random.getrandbits(48):012x}"
        self.board.register(self, tag)
        return tag

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _follow(script: Script, call: Call) -> None:
    await script(call)


def contact_of(channel: Channel) -> str:
    """Return the Contact header of the line on one channel."""
    host, port = channel.local
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    transport = "" if channel.transport == "UDP" else f";transport={channel.transport.lower()}"
    return f"<sip:demo-line@{place}{transport}>"


def respond(
    request: Message, status: int, contact: str, headers: Headers = (), body: bytes = b"", tag: str = ""
) -> bytes:
    """Answer a request (RFC 3261, 8.2.6): what it said of its way and its dialog comes back."""
    to = request.get("To")
    if tag and status > 100 and not request.tag("To"):
        to += f";tag={tag}"
    lines = [
        *(("Via", via) for via in request.all("Via")),
        *(("Record-Route", route) for route in request.all("Record-Route") if 100 < status < 300),
        ("From", request.get("From")),
        ("To", to),
        ("Call-ID", request.get("Call-ID")),
        ("CSeq", request.get("CSeq")),
        ("Contact", contact),
        ("Allow", ALLOWED),
        *headers,
        *([("Content-Type", "application/sdp")] if body else []),
    ]
    return build(f"SIP/2.0 {status} {PHRASES.get(status, 'Refused')}", lines, body)
