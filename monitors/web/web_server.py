"""Accepts connections for the web pages so that nobody can take what the probes need: descriptors and the event loop.

aiohttp's own sites accept whatever comes. Here
- connections are accepted one at a time with a pause between two, so a flood gets a fixed small part of the loop;
- there is a bound on open connections; beyond it the one that has waited longest without a request is dropped, those
  that never made one first: whoever asks at once is served during a flood of connections that say nothing;
- a connection has a deadline for its next whole request, for the answer, and for idling, and a size for its request.

      accepted --> waiting --first byte--> asking --headers complete--> answering --> idle --first byte--> asking ...
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

SHARE = 8
"""Connections get this part of the descriptors at most; probes, files and the ledger have the others."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a web server; times in seconds, sizes in bytes.

    `connections`: open at the same time. `request`: from the first byte (or the connection, TLS handshake included) to
    the last byte of the headers. `answer`: until the answer is made. `idle`: between two requests; Prometheus scrapes
    every 15 s to a minute. `size`: of the headers, and of a body that nobody reads. `pause`, `tls_pause`: between two
    connections, of which a TLS handshake costs some 2 ms of CPU.
    """

    connections: int = 100
    request: float = 10.0
    answer: float = 120.0
    idle: float = 90.0
    size: int = 32_768
    pause: float = 0.001
    tls_pause: float = 0.01


class _Stage(IntEnum):
    """Where a connection is; those with lower numbers are dropped first."""

    WAITING = 0
    ASKING = 1
    IDLE = 2
    ANSWERING = 3


class _Connection(asyncio.Protocol):
    """Stands between the transport and aiohttp's protocol, and watches the clock."""

    def __init__(self, server: WebServer, handler: asyncio.Protocol) -> None:
        self._server = server
        self._handler = handler
        self.transport: asyncio.Transport | None = None
        self.handshake: asyncio.Task[None] | None = None
        self.unwanted = False
        self._received = 0
        self.enter(_Stage.WAITING)

    def enter(self, stage: _Stage) -> None:
        """Begin a stage and its time."""
        limits = self._server.limits
        times = {_Stage.ANSWERING: limits.answer, _Stage.IDLE: limits.idle}
        self.stage = stage
        self.since = asyncio.get_running_loop().time()
        self.deadline = self.since + times.get(stage, limits.request)

    def drop(self) -> None:
        """End the connection at once."""
        self.unwanted = True
        if self.transport is not None:
            self.transport.abort()
        elif self.handshake is not None:
            self.handshake.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport: it is there after the TLS handshake."""
        self.transport, self.handshake = cast("asyncio.Transport", transport), None
        self._server.by_transport[transport] = self
        self._handler.connection_made(transport)
        if self.unwanted:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.transport is not None:
            self._server.by_transport.pop(self.transport, None)
        self._server.forget(self)
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass data on; end a request that is too large."""
        if self.stage in {_Stage.WAITING, _Stage.IDLE}:
            # The time for a first request runs from the connection on.
            deadline = self.deadline if self.stage is _Stage.WAITING else None
            self.enter(_Stage.ASKING)
            self.deadline = deadline or self.deadline
            self._received = 0
        self._received += len(data)
        if self._received > self._server.limits.size:
            self.drop()
        else:
            self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._handler.resume_writing()


class WebServer:
    """Serves an application on a bound socket, until cancelled.

    `tls` is asked for the context of each new connection: it may change while running. `serve` ends the application
    and every connection when it is cancelled.
    """

    def __init__(
        self, application: web.Application, tls: Callable[[], ssl.SSLContext | None], limits: Limits | None = None
    ) -> None:
        self.limits = limits or _affordable(Limits())
        self.by_transport: dict[asyncio.BaseTransport, _Connection] = {}
        self._tls = tls
        self._open: set[_Connection] = set()
        self._welcomes: set[asyncio.Task[None]] = set()
        application.middlewares.insert(0, self._middleware())
        self._runner = web.AppRunner(application, access_log=None, logger=_logger(), shutdown_timeout=1.0)

    @property
    def connections(self) -> int:
        """How many connections are open, handshakes included."""
        return len(self._open)

    async def serve(self, listener: socket.socket) -> None:
        """Accept and serve until cancelled."""
        await self._runner.setup()
        sweeping = asyncio.create_task(self._sweep(), name="web deadlines")
        try:
            await self._accept(listener)
        finally:
            sweeping.cancel()
            await self._runner.cleanup()
            for connection in list(self._open):
                connection.drop()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # the client is gone again, or no descriptor is left
                await asyncio.sleep(0.1)
                continue
            tls = self._tls()
            if self._make_room():
                self._welcome(client, tls)
            else:
                client.close()
            await asyncio.sleep(self.limits.tls_pause if tls else self.limits.pause)

    def _make_room(self) -> bool:
        """Drop a connection if there are too many; return whether there is a place."""
        if len(self._open) >= self.limits.connections:
            victim = min(self._open, key=lambda each: (each.stage, each.since))
            if victim.stage is _Stage.ANSWERING:
                return False
            victim.drop()
            self.forget(victim)
        return True

    def _welcome(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        server = self._runner.server
        assert server is not None
        connection = _Connection(self, server())
        self._open.add(connection)

        task = asyncio.create_task(self._shake_hands(connection, client, tls), name="web connection")
        self._welcomes.add(task)
        task.add_done_callback(self._welcomes.discard)

    async def _shake_hands(self, connection: _Connection, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Give the client's socket to a transport, which closes it from then on; a plain one is there at once."""
        if connection.unwanted:
            client.close()
            return
        connection.handshake = asyncio.current_task() if tls else None
        options = {"ssl_handshake_timeout": self.limits.request, "ssl_shutdown_timeout": 1.0} if tls else {}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, client, ssl=tls, **options)
        except (OSError, asyncio.CancelledError):  # ssl.SSLError and TimeoutError are OSErrors
            self.forget(connection)

    def forget(self, connection: _Connection) -> None:
        """Count a connection no more."""
        self._open.discard(connection)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.limits.request / 4))
            now = asyncio.get_running_loop().time()
            for connection in [each for each in self._open if each.deadline < now]:
                connection.drop()

    def _middleware(self) -> Middleware:
        """Return the middleware that knows when a request is complete and when its answer is made."""

        @web.middleware
        async def mark(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self.by_transport.get(request.transport) if request.transport else None
            if connection is None:
                return await handler(request)
            connection.enter(_Stage.ANSWERING)
            try:
                return await handler(request)
            finally:
                connection.enter(_Stage.IDLE)

        return mark


def _affordable(limits: Limits) -> Limits:
    """Return limits that leave most descriptors to the probes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(connections=max(4, min(limits.connections, soft // SHARE)))


def _logger() -> logging.Logger:
    """Return a log for errors of the pages; strangers do not fill it with the tracebacks of malformed requests."""

    def ours(entry: logging.LogRecord) -> bool:
        return not (entry.exc_info and isinstance(entry.exc_info[1], HttpProcessingError))

    logger = logging.getLogger(__name__)
    logger.filters[:] = [ours]
    return logger
