"""The way to a trunk, over UDP, TCP and TLS, IPv4 and IPv6, under both event loops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trustme
import uvloop

from monitors.probes.phone.sip.message import Headers, Malformed, Message, Request
from monitors.probes.phone.wire.srv import Hop
from monitors.probes.phone.wire.transport import open_transport

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine under one of the event loops."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(work, 20))

    return run


class Heard:
    """A receiver that keeps what it is told."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[Message | Malformed | OSError | None] = asyncio.Queue()

    def received(self, message: Message) -> None:
        self.news.put_nowait(message)

    def nonsense(self, what: Malformed) -> None:
        self.news.put_nowait(what)

    def lost(self, error: OSError | None) -> None:
        self.news.put_nowait(error)


def question(number: int = 1) -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"),
        ("From", "<sip:a@127.0.0.1>;tag=1"),
        ("To", "<sip:b@127.0.0.1>"),
        ("Call-ID", "x"),
        ("CSeq", f"{number} OPTIONS"),
    ]
    return Request("OPTIONS", "sip:b@127.0.0.1", Headers(headers))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_closed_port_is_refused_at_once(run: Run, host: str) -> None:
    """The connected socket hears of the ICMP answer; without it a call would wait 32 s."""

    async def check() -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as nobody:
            nobody.bind((host, 0))
            port = nobody.getsockname()[1]
        heard = Heard()
        transport = await open_transport(Hop(host, port), "UDP", heard)
        transport.send(question())
        assert isinstance(await heard.news.get(), ConnectionRefusedError)
        transport.close()
        with pytest.raises(ConnectionRefusedError):
            await open_transport(Hop(host, port), "TCP", heard)

    run(check())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_datagrams_go_both_ways_and_nonsense_is_told(run: Run, host: str) -> None:
    """Keep-alives are passed over, what is no SIP is told, the next message is read all the same."""

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            for each in (b"\r\n\r\n", b"\0", b"HTTP/1.1 200 OK\r\n\r\n", data):
                self.transport.sendto(each, addr)

    async def check() -> None:
        loop, heard = asyncio.get_running_loop(), Heard()
        server, _ = await loop.create_datagram_endpoint(Echo, local_addr=(host, 0))
        transport = await open_transport(Hop(host, server.get_extra_info("sockname")[1]), "UDP", heard)
        assert transport.local[0] == host
        transport.send(question())
        assert isinstance(await heard.news.get(), Malformed)
        assert isinstance(await heard.news.get(), Request)
        transport.close()
        transport.send(question())
        server.close()

    run(check())


def test_a_stream_is_cut_into_messages_wherever_it_was_split(run: Run) -> None:
    """Two messages that come byte by byte are two; nonsense ends the connection, since nobody can go on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readuntil(b"\r\n\r\n") + await reader.readuntil(b"\r\n\r\n")
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await writer.drain()
        writer.write(b"nonsense\r\n\r\n")
        await reader.read()
        writer.close()

    async def check() -> None:
        heard = Heard()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        transport = await open_transport(Hop(*server.sockets[0].getsockname()[:2]), "TCP", heard)
        transport.send(question(1))
        transport.send(question(2))
        news = [await heard.news.get() for _ in range(4)]
        assert [each.cseq[0] for each in news[:2] if isinstance(each, Request)] == [1, 2]
        assert isinstance(news[2], Malformed)
        assert news[3] is None
        transport.close()
        server.close()

    run(check())


def test_a_lost_connection_is_told_but_not_one_that_we_closed(run: Run) -> None:
    """`lost` comes once when the far end goes; after `close` nothing comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def check() -> None:
        heard = Heard()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        hop = Hop(*server.sockets[0].getsockname()[:2])
        (await open_transport(hop, "TCP", heard)).send(question())
        assert await heard.news.get() is None
        quiet = await open_transport(hop, "TCP", heard)
        quiet.send(question())
        quiet.close()
        await asyncio.sleep(0.05)
        assert heard.news.empty()
        server.close()

    run(check())


def test_tls_is_for_the_domain_of_the_trunk(run: Run) -> None:
    """RFC 5922, 7.1: the certificate must be for the domain, wherever SRV leads; another one is an `SSLError`."""
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("trunk.example").configure_cert(served)
    authority.configure_trust(trusting)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async def check() -> None:
        heard = Heard()
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
        hop = Hop(*server.sockets[0].getsockname()[:2])
        transport = await open_transport(hop, "TLS", heard, tls=trusting, server_name="trunk.example")
        transport.send(question())
        assert isinstance(await heard.news.get(), Request)
        transport.close()
        for name in ("other.example", None):
            with pytest.raises(ssl.SSLError):
                await open_transport(hop, "TLS", heard, tls=trusting, server_name=name)
        server.close()

    run(check())
