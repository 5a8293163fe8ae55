"""Real listeners on free loopback ports that behave well or badly, and targets aimed at them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar, get_args

from aiohttp import web

from config import Channel, Environment, HttpProbe, JourneyProbe, Probe, ProbeTiming
from journeys import Identities
from monitors.probes import Outcome, Target, measure
from staging.layout import SYSTEMS

IDENTITIES = Identities(reserved=True)
ALLOWED = ["127.0.0.1", "localhost", "::1"]
PATIENT = "40s"
"""Interval and timeout where time is not what a test is about: the machine may be busy with other things."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(
    answer: Answer, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Answer every request in this way, with TLS if there is a context for it; yield the base URL."""
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"{'https' if tls else 'http'}://{shown}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(converse: Conversation) -> AsyncIterator[str]:
    """Treat every connection in this way, then close it; yield the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(answer: bytes) -> Conversation:
    """Read one request, say these bytes whatever it was, and hang up."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return converse


def page(text: str, status: int = 200) -> Answer:
    """Answer with this page."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="text/html")

    return answer


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(base: str, endpoints: Mapping[str, str] | None = None, **more: object) -> Environment:
    """Return an environment in which every system is at `base`, or where `endpoints` says."""
    places = dict(endpoints or dict.fromkeys(SYSTEMS, base))
    return Environment.model_validate({"title": "a test", "endpoints": places, "allow": ALLOWED, **more})


def aim(probe: Probe, place: Environment, *, system: str = "website", name: str = "probe") -> Target:
    """Return a target with the timing of the probe itself."""
    return Target(
        system=system,
        name=name,
        probe=probe,
        environment=place,
        interval=probe.interval,
        timeout=probe.timeout,
        limit=probe.limit,
        identities=IDENTITIES,
    )


def http_probe(
    *, contains: list[str] | None = None, timeout: str = PATIENT, limit: str = "", path: str = "/"
) -> HttpProbe:
    """Return a probe of kind http; its limit is its timeout unless given."""
    return HttpProbe.model_validate(
        {"kind": "http", "path": path, "contains": contains or []} | _timing(timeout, limit or timeout)
    )


def journey_probe(journey: str, channel: Channel = "web", *, timeout: str = PATIENT, limit: str = "") -> JourneyProbe:
    """Return a probe of kind journey; its limit is its timeout unless given."""
    return JourneyProbe.model_validate(
        {"kind": "journey", "journey": journey, "channel": channel} | _timing(timeout, limit or timeout)
    )


ProbeT = TypeVar("ProbeT", bound=ProbeTiming)


def probe_of(kind: type[ProbeT], **fields: object) -> ProbeT:
    """Return a probe of any kind with time enough, unless `fields` say otherwise."""
    name = get_args(kind.model_fields["kind"].annotation)[0]
    return kind.model_validate({"kind": name} | _timing(PATIENT, PATIENT) | fields)


def _timing(timeout: str, limit: str) -> dict[str, str]:
    return {"interval": PATIENT, "timeout": timeout, "limit": limit}


async def look(base: str, *, number: int = 0, **options: object) -> Outcome:
    """Run an http probe once at `base`."""
    return await measure(aim(http_probe(**options), environment(base)), number)  # type: ignore[arg-type]
