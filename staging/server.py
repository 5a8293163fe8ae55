"""The replica's listener."""

from __future__ import annotations

import gc
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from staging.app import Replica

_BACKLOG = 4096
_KEEP_ALIVE = 75.0
_SHUTDOWN = 1.0


def raise_file_limit() -> int:
    """Allow this process as many open connections as its hard limit permits; return that number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def keep_pauses_short() -> None:
    """Have the collector leave alone what has lived for a while: everyone's session and draft, and no garbage.

    Looking through those of 70,000 people took 0.7 s, again and again, in which nobody was answered. What is young is
    looked at often, so that there is little of it: with Python's own 700 and 10 that took 0.2 s every eight seconds,
    where 1,800 requests came each second; so it takes 0.015.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200, 2, 1_000_000)


@asynccontextmanager
async def listening(
    replica: Replica, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve the replica and yield its URL; port 0 takes a free one. Raises `OSError` if the port is taken.

    With `tls` it speaks HTTPS alone, and asks for a client's certificate if that says so.

    aiohttp's low-level server calls the one handler directly; its router and middlewares would cost a third of the
    requests per second and find the same handler.
    """
    server = web.Server(replica.handle, access_log=None, keepalive_timeout=_KEEP_ALIVE)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG, ssl_context=tls).start()
        address, bound = runner.addresses[0][:2]
        shown = f"[{address}]" if ":" in address else address
        yield f"{'https' if tls else 'http'}://{shown}:{bound}"
    finally:
        await runner.cleanup()
        await replica.close()
