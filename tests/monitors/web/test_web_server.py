"""A web server under hostile connections: bounded, still answering, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import trustme
import uvloop
from aiohttp import web

from monitors.web.web_server import Limits, WebServer
from tests.waiting import LONG, until

HURRIED = Limits(connections=20, request=0.5, idle=0.5, size=16_384)
PATIENT = Limits(connections=20)


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """Use the loop of the monitor."""
    return uvloop.EventLoopPolicy()


@dataclass
class Served:
    """A server under test; `release` ends the requests to /slow."""

    server: WebServer
    address: tuple[str, int]
    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def open(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(data)
        return reader, writer

    async def get(self, path: str = "/", tls: ssl.SSLContext | None = None) -> int:
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        connector = aiohttp.TCPConnector(force_close=True, ssl=tls or False)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"{scheme}://{host}:{self.address[1]}{path}") as answer,
        ):
            await answer.read()
            return answer.status


@asynccontextmanager
async def serving(limits: Limits, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def slow(_: web.Request) -> web.Response:
        served.asked += 1
        await served.release.wait()
        return web.Response(text="at last")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(20_000_000))

    application = web.Application()
    application.add_routes([web.get("/", quick), web.get("/slow", slow), web.get("/large", large)])
    server = WebServer(application, lambda: tls, limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(server, listener.getsockname()[:2])
        task = asyncio.create_task(server.serve(listener))
        try:
            yield served
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await until(lambda: server.connections == 0)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the server hangs up; data is thrown away."""
    async with asyncio.timeout(LONG):
        with suppress(ConnectionError):
            while await reader.read(65_536):
                pass
    return True


async def test_idle_connections_are_bounded_and_do_not_keep_others_out() -> None:
    """Of 200 connections that say nothing no more than 20 stay, and each request in between is answered."""
    async with serving(PATIENT) as served:
        opened = []
        for number in range(200):
            opened.append(await served.open())
            assert served.server.connections <= PATIENT.connections
            if number % 50 == 49:
                assert await served.get() == 200
        await until(lambda: served.server.connections <= PATIENT.connections)
        for reader, _ in opened[:150]:
            assert await ended(reader)
        for _, writer in opened:
            writer.close()


async def test_nothing_is_left_of_connections_that_came_and_went() -> None:
    """As many descriptors are open afterwards as before."""
    async with serving(PATIENT) as served:
        assert await served.get() == 200
        await until(lambda: served.server.connections == 0)
        before = descriptors()
        for _ in range(60):
            _, writer = await served.open(b"GET / HTTP/1.1\r\n")
            writer.close()
        assert await served.get() == 200  # whoever came before has been accepted
        await until(lambda: served.server.connections == 0 and descriptors() <= before)


@pytest.mark.parametrize(
    "said", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n"]
)
async def test_a_request_that_does_not_end_is_ended(said: bytes) -> None:
    """Saying a byte now and then does not help: the time runs from the start of the connection."""
    async with serving(HURRIED) as served:
        reader, writer = await served.open(said)

        async def drip() -> None:
            with suppress(ConnectionError):
                while said:
                    writer.write(b"x")
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await ended(reader)
        dripping.cancel()
        writer.close()


async def test_a_connection_that_idles_after_its_request_is_ended() -> None:
    """Keep-alive has an end."""
    async with serving(HURRIED) as served:
        reader, writer = await served.open(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert await ended(reader)
        writer.close()


async def test_a_reader_that_does_not_read_is_ended() -> None:
    """An answer of 20 MB does not wait for ever for somebody to take it."""
    async with serving(HURRIED) as served:
        _, writer = await served.open(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        writer.transport.pause_reading()
        await until(lambda: served.server.connections == 1)
        await until(lambda: served.server.connections == 0)
        writer.transport.abort()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nX: " + 100_000 * b"a",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)),
        b"GET /" + 100_000 * b"a" + b" HTTP/1.1\r\n\r\n",
        100_000 * b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n" + 100_000 * b"a",
    ],
)
async def test_huge_headers_are_refused(said: bytes) -> None:
    """The server hangs up, and answers the next one."""
    async with serving(PATIENT) as served:
        reader, writer = await served.open(said)
        assert await ended(reader)
        writer.close()
        assert await served.get() == 200


async def test_malformed_requests_are_refused_and_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each gets a 400 or nothing; the log stays as it is."""
    broken = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x00\xff\r\n\r\n",
        bytes(range(256)),
    ]
    async with serving(HURRIED) as served:
        for said in broken:
            reader, writer = await served.open(said)
            assert await ended(reader), said
            writer.close()
        assert await served.get() == 200
    assert [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING] == []


async def test_who_is_being_answered_is_not_dropped() -> None:
    """A flood takes the places of those who say nothing, never of a request under way; when all answer, no more."""
    async with serving(Limits(connections=3)) as served:
        asking = [asyncio.create_task(served.get("/slow")) for _ in range(3)]
        await until(lambda: served.asked == 3)
        for _ in range(10):
            reader, writer = await served.open(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await ended(reader)
            writer.close()
        served.release.set()
        assert await asyncio.gather(*asking) == [200, 200, 200]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_handshakes_that_stall_are_bounded_and_ended(authority: trustme.CA) -> None:
    """Connections without a handshake take no more places than others; a client that shakes hands is served."""
    theirs, ours = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(theirs)
    authority.issue_cert("localhost").configure_cert(ours)
    async with serving(HURRIED, ours) as served:
        assert await served.get("/", theirs) == 200
        await until(lambda: served.server.connections == 0)
        before = descriptors()
        opened = [await served.open(b"GET / HTTP/1.1\r\n\r\n" if number % 2 else b"") for number in range(60)]
        assert served.server.connections <= HURRIED.connections
        assert await served.get("/", theirs) == 200
        for reader, writer in opened:
            assert await ended(reader)
            writer.close()
        await until(lambda: served.server.connections == 0 and descriptors() <= before)
