"""The way to a trunk: SIP messages over UDP, TCP or TLS, over IPv4 and IPv6, under asyncio and uvloop alike.

A datagram socket is connected, so that a closed port is refused at once and not after 32 s of silence (timer B). What
arrives is parsed here; nonsense in a datagram is dropped and told, nonsense in a stream ends the connection, since
nobody can say where the next message begins.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from monitors.probes.phone.sip.message import Framer, Malformed, Message, parse, serialise
from monitors.probes.phone.wire.srv import Hop
from monitors.probes.phone.wire.srv import Protocol as Kind


class Receiver(Protocol):
    """Who is told what arrives; called from the event loop."""

    def received(self, message: Message) -> None:
        """Take one message."""

    def nonsense(self, what: Malformed) -> None:
        """Take note that something arrived that is no SIP message."""

    def lost(self, error: OSError | None) -> None:
        """Take note that the port refuses, or the connection is gone: None where the far end closed it in order."""


class Transport:
    """An open way to one address. `local` is the address that belongs in Via and Contact."""

    def __init__(
        self, kind: Kind, local: tuple[str, int], write: Callable[[bytes], None], shut: Callable[[], None]
    ) -> None:
        self.kind = kind
        self.local = local
        self._write, self._shut = write, shut
        self._open = True

    def send(self, message: Message) -> None:
        """Send one message; what cannot be sent is told to the receiver as `lost`."""
        if self._open:
            self._write(serialise(message))

    def close(self) -> None:
        """Close it; the receiver hears no more."""
        if self._open:
            self._open = False
            self._shut()


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to a trunk."""

    hop: Hop
    kind: Kind
    tls: ssl.SSLContext | None
    server_name: str

    async def open(self, receiver: Receiver, local: tuple[str, int] | None = None) -> Transport:
        """Open it. Raises `OSError`."""
        return await open_transport(
            self.hop, self.kind, receiver, tls=self.tls, server_name=self.server_name, local=local
        )


async def open_transport(
    hop: Hop,
    kind: Kind,
    receiver: Receiver,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    local: tuple[str, int] | None = None,
) -> Transport:
    """Open the way to an address. Raises `OSError`; `ssl.SSLError`, which is one, where TLS fails.

    `server_name`: whom the certificate must be for: the trunk's domain, not what SRV made of it (RFC 5922, 7.1).
    `local`: address and port to be sent from, where it matters.
    """
    if kind == "UDP":
        return await _datagrams(hop, receiver, local)
    if kind == "TLS" and tls is None:
        tls = ssl.create_default_context()
    name = server_name or hop.address
    loop = asyncio.get_running_loop()
    transport, stream = await loop.create_connection(
        lambda: _Stream(receiver),
        hop.address,
        hop.port,
        ssl=tls if kind == "TLS" else None,
        server_hostname=name if kind == "TLS" else None,
        local_addr=local,
    )

    def shut() -> None:
        stream.deaf = True
        transport.close()

    return Transport(kind, _address(transport), transport.write, shut)


async def _datagrams(hop: Hop, receiver: Receiver, local: tuple[str, int] | None) -> Transport:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(
        lambda: _Datagrams(receiver), remote_addr=(hop.address, hop.port), local_addr=local
    )

    def shut() -> None:
        datagrams.deaf = True
        transport.close()

    return Transport("UDP", _address(transport), transport.sendto, shut)


def _address(transport: asyncio.BaseTransport) -> tuple[str, int]:
    host, port, *_ = transport.get_extra_info("sockname")
    return str(host), int(port)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.deaf = False

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:  # noqa: ARG002 - connected
        if self.deaf or not data.strip(b"\r\n\0"):  # a keep-alive (RFC 5626, 3.5.1)
            return
        try:
            message = parse(data)
        except Malformed as error:
            self._receiver.nonsense(error)
        else:
            self._receiver.received(message)

    def error_received(self, exc: Exception) -> None:
        if not self.deaf:
            self._receiver.lost(_os_error(exc))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self.deaf:
            self._receiver.lost(_os_error(exc))


class _Stream(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver, self._framer = receiver, Framer()
        self._transport: asyncio.Transport | None = None
        self.deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._framer.feed(data)
        except Malformed as error:
            if not self.deaf:
                self._receiver.nonsense(error)
            if self._transport is not None:
                self._transport.abort()
            return
        for message in messages:
            if not self.deaf:
                self._receiver.received(message)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.deaf:
            self._receiver.lost(None if exc is None else _os_error(exc))


def _os_error(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else OSError(str(error))
