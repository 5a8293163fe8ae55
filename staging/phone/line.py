"""`DemoLine`: the listeners, and which call a message belongs to."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self

from staging.expiring import Expiring
from staging.phone import digest
from staging.phone.behaviours import BY_NAME, challenged, of_number, refused, turned_away
from staging.phone.board import Channel, Counts, Pace
from staging.phone.calls import Call, Script, contact_of, respond
from staging.phone.messages import Message, NoMessageError, cut, parse

MOST_CALLS = 50
"""Calls at a time; one more is answered with 503 and Retry-After."""


def _well() -> int:
    return 200


def _as_dialled(number: str) -> str | None:  # noqa: ARG001
    return None


class DemoLine:
    """An answering line, within `async with`.

    It listens on `host`: UDP and TCP on one port (0: a free one), TLS on a free port of its own if `tls` is given. What
    a call meets follows from the called number (`staging.phone.behaviours`) unless `choose`, given the number, names a
    behaviour. `border` gives the status with which OPTIONS is answered, 0 for no answer. With `login` each call has to
    prove who it is. Raises `OSError` on entering if the port is taken.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        login: digest.Login | None = None,
        choose: Callable[[str], str | None] = _as_dialled,
        border: Callable[[], int] = _well,
        most_calls: int = MOST_CALLS,
        pace: Pace = Pace(),  # noqa: B008 - it is frozen
        seed: int = 0,
    ) -> None:
        self.host = host
        self.port = port
        self.tls_port: int | None = None
        self.pace = pace
        self.random = Random(seed)
        self.counts = Counts()
        self._tls = tls
        self._login = login
        self._known_login = login or digest.Login()
        self._choose = choose
        self._border = border
        self._most_calls = most_calls
        life = 64 * pace.t1
        self._by_branch: Expiring[str, Call] = Expiring(max(life, pace.longest + life))
        self._by_tag: Expiring[tuple[str, str], Call] = Expiring(max(life, pace.longest + life))
        self._answers: Expiring[tuple[str, str], bytes] = Expiring(life)
        self._nonces: Expiring[str, digest.Algorithm] = Expiring(life)
        self._expected: dict[str, asyncio.Future[Message]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self.streams: set[_Stream] = set()
        self._datagrams: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []

    @property
    def address(self) -> str:
        """Host and port, as they stand in a SIP URI."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            await self._listen()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    # What a call needs (`Switchboard`)

    def register(self, call: Call, tag: str) -> None:
        """Hand over messages with this tag in To to the call."""
        self._by_tag.put((call.invite.get("Call-ID"), tag), call, self._now())

    def expect(self, branch: str) -> asyncio.Future[Message]:
        """Return the final answer to a request of the line, once it has come."""
        answer = asyncio.get_running_loop().create_future()
        self._expected[branch] = answer
        return answer

    def is_login_right(self, message: Message) -> bool:
        """Tell whether the message carries the right answer to a challenge of this line."""
        given = message.login
        algorithm = self._nonces.get(digest.nonce_of(given), self._now())
        return algorithm is not None and digest.is_right(given, message.method, self._known_login, algorithm)

    def new_nonce(self, algorithm: digest.Algorithm, mark: str) -> str:
        """Return what the next challenge is about; it begins with a mark."""
        nonce = f"{mark}{self.random.getrandbits(128):032x}"
        self._nonces.put(nonce, algorithm, self._now())
        return nonce

    # Messages

    def receive(self, data: bytes, channel: Channel) -> None:
        """Take one message. What is no SIP is let go by."""
        try:
            message = parse(data)
        except NoMessageError:
            return
        if message.is_response:
            answer = self._expected.get(message.branch)
            if answer is not None and not answer.done() and message.status >= 200:
                answer.set_result(message)
        elif message.method == "INVITE" and not message.tag("To"):
            self._invited(message, channel)
        elif message.method == "ACK":
            call = self._by_tag.get((message.get("Call-ID"), message.tag("To")), self._now())
            if call is not None:
                call.acknowledge(message.tag("To"))
        else:
            self._requested(message, channel)

    def _invited(self, invite: Message, channel: Channel) -> None:
        known = self._by_branch.get(invite.branch, self._now())
        if known is not None:
            known.repeat()
            return
        self.counts.invited += 1
        full = self.counts.open >= self._most_calls
        call = Call(with_source(invite, channel), channel, self)
        self._by_branch.put(invite.branch, call, self._now())
        task = asyncio.get_running_loop().create_task(call.run(turned_away if full else self._script(call)))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def _script(self, call: Call) -> Script:
        if call.offer is None:
            return refused(488)
        number = call.invite.user
        chosen = self._choose(number)
        script = of_number(number) if chosen is None else BY_NAME[chosen].script
        return script if self._login is None else challenged(script, self._login.algorithm)

    def _requested(self, message: Message, channel: Channel) -> None:
        """Answer any other request; one that came again is answered as before (RFC 3261, 17.2.2)."""
        key = (message.branch, message.method)
        answer = self._answers.get(key, self._now())
        if answer is None:
            answer = self._answer(with_source(message, channel), channel)
            if answer is None:
                return
            self._answers.put(key, answer, self._now())
        channel.send(answer)

    def _answer(self, message: Message, channel: Channel) -> bytes | None:
        contact = contact_of(channel)
        if message.method == "CANCEL":
            call = self._by_branch.get(message.branch, self._now())
            return call.cancel(message) if call else respond(message, 481, contact, tag="none")
        if message.tag("To"):
            call = self._by_tag.get((message.get("Call-ID"), message.tag("To")), self._now())
            if call is None or not call.dialogs:
                return respond(message, 481, contact)
            call.channel = channel
            return call.take(message)
        if message.method == "OPTIONS":
            status = self._border()
            return respond(message, status, contact, tag="border") if status else None
        return respond(message, 405, contact, tag="none")

    # Listeners

    async def _listen(self) -> None:
        """Take one port for UDP and TCP; a free one that only UDP can have is given back."""
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            bound = _bound(self.host, self.port)
            self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=bound)
            port = bound.getsockname()[1]
            try:
                self._servers = [await loop.create_server(lambda: _Stream(self), self.host, port)]
                break
            except OSError:
                self._datagrams.close()
                if self.port or attempt == 19:
                    raise
        self.port = port
        if self._tls is not None:
            server = await loop.create_server(lambda: _Stream(self), self.host, 0, ssl=self._tls)
            self._servers.append(server)
            self.tls_port = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for server in self._servers:
            server.close()
        for stream in list(self.streams):
            stream.abort()
        for server in self._servers:
            await server.wait_closed()
        if self._datagrams is not None:
            self._datagrams.close()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _bound(host: str, port: int) -> socket.socket:
    """Return a UDP socket on an address. Raises `OSError`, in which every event loop then agrees."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def with_source(message: Message, channel: Channel) -> Message:
    """Note in the topmost Via of a request where it came from (RFC 3581, 4)."""
    host, port = channel.peer
    seen = re.sub(r";rport(?=[;,]|$)", f";received={host};rport={port}", message.get("Via"), count=1)
    at = next((index for index, (name, _) in enumerate(message.headers) if name == "via"), None)
    if at is None:
        return message
    return Message(message.start, (*message.headers[:at], ("via", seen), *message.headers[at + 1 :]), message.body)


@dataclass(frozen=True, slots=True)
class _Way:
    """Datagrams to one address."""

    socket: asyncio.DatagramTransport
    peer: tuple[str, int]
    local: tuple[str, int]
    transport: str = "UDP"

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.peer)


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP listener."""

    def __init__(self, line: DemoLine) -> None:
        self._line = line
        self._socket: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._socket = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self._socket is not None
        self._line.receive(data, _Way(self._socket, addr[:2], self._socket.get_extra_info("sockname")[:2]))

    def error_received(self, exc: Exception) -> None:
        """Go on: one caller's port is closed, the others' are not."""


class _Stream(asyncio.Protocol):
    """One connection, TCP or TLS."""

    def __init__(self, line: DemoLine) -> None:
        self._line = line
        self._socket: Any = None
        self._buffer = bytearray()
        self.transport = "TCP"
        self.local = self.peer = ("", 0)

    def connection_made(self, transport: Any) -> None:
        self._socket = transport
        self._line.streams.add(self)
        self.local, self.peer = (transport.get_extra_info(name)[:2] for name in ("sockname", "peername"))
        if transport.get_extra_info("ssl_object"):
            self.transport = "TLS"

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._line.streams.discard(self)

    def data_received(self, data: bytes) -> None:
        """Hand over each message that is complete; hang up on a caller who speaks something else."""
        self._buffer += data
        try:
            while (whole := cut(self._buffer)) is not None:
                self._line.receive(whole, self)
        except NoMessageError:
            self.abort()

    def send(self, data: bytes) -> None:
        if not self._socket.is_closing():
            self._socket.write(data)

    def abort(self) -> None:
        self._socket.abort()
