"""Opening connections and letting them go: where to, where from, with which trust, how many at once.

A citizen keeps connections as a browser does: a fresh one to each origin, closed after `IDLE_CLOSE` seconds without a
request. Under a limit on descriptors that is lower than the crowd, those that have been idle for longest are closed
early; who comes back to one opens another. `pooled` citizens leave their connections to those who come after them, as
the clients behind a gateway do; what nobody takes over is idle, too.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import ssl
from collections import defaultdict, deque
from functools import cached_property
from itertools import cycle
from typing import Protocol

from config import Environment
from loadtests.http1 import Connection, Unfinished
from loadtests.origin import Origin
from loadtests.outbox import Outbox
from loadtests.secured import Secured

IDLE_CLOSE = 60.0
"""Seconds after which an idle connection is closed: a citizen's, as a browser would, and a pooled one."""

RESERVE = 200
"""Descriptors kept for everything but connections to the target."""

_IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: choose the port when connecting, so that one address has 28,000 of them for each destination (ip(7))."""


class Idler(Protocol):
    """Who holds connections without using them."""

    def close_connections(self) -> int:
        """Close them and return how many there were."""


class Dialer:
    """Opens connections for the citizens of one engine. Not thread-safe: lives on the engine's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, environment: Environment, *, pooled: bool = False) -> None:
        """Read the TLS files. Raises `OSError` that names the file that cannot be used."""
        self._loop = loop
        self._allowed = frozenset(environment.allow)
        self._sources = cycle(environment.source_addresses) if environment.source_addresses else None
        self._trust = environment.tls
        if environment.uses_tls:
            self._tls  # noqa: B018 - read now: a file that cannot be used is no news for the middle of a run
        self._pool: defaultdict[Origin, deque[tuple[Connection, float]]] | None = defaultdict(deque) if pooled else None
        self._idle: dict[Idler, float] = {}
        self._outbox = Outbox(loop)
        self._unfinished = Unfinished()
        self.limit = _raise_descriptor_limit() - RESERVE
        self.open = 0
        self.opened = 0
        self.closed_early = 0

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """One context for all citizens: one of its own would cost each 800 KiB."""
        return self._trust.context()

    def allows(self, host: str) -> bool:
        """Tell whether the environment allows traffic to a host."""
        return host in self._allowed

    async def connect(self, origin: Origin) -> Connection:
        """Open a connection. Raises `OSError`; refuses hosts that the environment does not allow.

        Beyond the limit on descriptors it is `EMFILE`, before the descriptors of everything else are used up.
        """
        if origin.host not in self._allowed:
            raise PermissionError(f"{origin.host} is not allowed")
        if self.open >= self.limit:
            await self._make_room()
        connection = Connection(self._gone, self._outbox, self._unfinished)
        self.open += 1  # from the attempt on: a connection half open has a descriptor too
        try:
            await self._create(connection, origin)
        except BaseException:
            connection.abandon()
            raise
        self.opened += 1
        return connection

    async def _create(self, connection: Connection, origin: Origin) -> None:
        if not origin.secure:
            await self._reach(connection, origin)
            return
        error = await self._secure(connection, origin)
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame: citizens leave no cycles for the collector

    async def _secure(self, connection: Connection, origin: Origin) -> Exception | None:
        """Connect and shake hands; return the error that the handshake ended with, if any."""
        secured = Secured(connection, self._tls, origin.host, self._loop.create_future())
        try:
            await self._reach(secured, origin)
            return await secured.shaken
        except BaseException:
            secured.abort()
            raise

    async def _reach(self, protocol: asyncio.Protocol, origin: Origin) -> None:
        """Connect to the origin, from the next source address if there are any."""
        if self._sources is None:
            await self._loop.create_connection(lambda: protocol, origin.host, origin.port)
            return
        bound = await self._from_source(origin, next(self._sources))
        try:
            await self._loop.create_connection(lambda: protocol, sock=bound)
        finally:
            bound.detach()  # the transport closes it; a second time it could be someone else's by then

    async def _from_source(self, origin: Origin, source: str) -> socket.socket:
        """Return a socket that is connected to the origin from an address of this machine."""
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        found = await self._loop.getaddrinfo(origin.host, origin.port, family=family, type=socket.SOCK_STREAM)
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            bound.bind((source, 0))
            await self._loop.sock_connect(bound, found[0][4])
        except BaseException:
            bound.close()
            raise
        return bound

    def _gone(self) -> None:
        self.open -= 1

    # --- connections without work

    def pooled(self, origin: Origin) -> Connection | None:
        """Return a connection that someone else has left, if there is one."""
        if self._pool is None:
            return None
        left = self._pool[origin]
        while left:
            connection, _ = left.pop()
            if not connection.closed:
                return connection
        return None

    def part_with(self, origin: Origin, connection: Connection, now: float) -> None:
        """Take a connection back from a citizen who leaves."""
        if self._pool is not None and connection.idle and not connection.closed:
            self._pool[origin].append((connection, now))
        else:
            connection.close()

    def close(self) -> None:
        """Close the connections that were left for others."""
        for left in (self._pool or {}).values():
            for connection, _ in left:
                connection.close()

    def rest(self, idler: Idler, now: float) -> None:
        """Note that someone's connections are idle from now on."""
        self._idle[idler] = now

    def wake(self, idler: Idler) -> None:
        """Note that someone will use their connections again."""
        self._idle.pop(idler, None)

    def close_idle(self, now: float) -> None:
        """Close what has been idle for longer than `IDLE_CLOSE`."""
        for left in (self._pool or {}).values():
            while left and left[0][1] + IDLE_CLOSE <= now:  # whoever takes one takes the last: these were left first
                left.popleft()[0].close()
        while self._idle:
            idler, since = next(iter(self._idle.items()))
            if since + IDLE_CLOSE > now:
                return
            del self._idle[idler]
            idler.close_connections()

    async def _make_room(self) -> None:
        """Close connections that nobody uses, longest idle first. Raises `OSError` if all are in use."""
        for left in list((self._pool or {}).values()):  # which may get another while this one sleeps
            while left and self.open >= self.limit:
                connection, _ = left.popleft()
                self.closed_early += not connection.closed
                connection.close()
                await asyncio.sleep(0)
        while self._idle and self.open >= self.limit:
            idler = next(iter(self._idle))
            del self._idle[idler]
            self.closed_early += idler.close_connections()
            await asyncio.sleep(0)  # the loop lets go of them at its next turn
        if self.open >= self.limit:
            raise OSError(errno.EMFILE, f"{os.strerror(errno.EMFILE)}: the limit allows {self.limit} connections")


def _raise_descriptor_limit() -> int:
    """Raise the limit on descriptors as far as this user may, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
