"""Where return messages are delivered that come by push: a listener on this machine's loopback interface.

Runs at the same time share the listener of a fixed port; with port 0 each run has one of its own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from journeys import Response
from monitors.probes.errors import own_trouble
from monitors.probes.outcome import Undecided
from monitors.verdict import Cause

HOST = "127.0.0.1"
MOST_MESSAGES = 1000
"""That one listener keeps; the rest is refused, so that nobody fills the memory."""
_SHUTDOWN = 0.1


class Mailbox:
    """The messages that came while it was open. Raises `OSError` if the port is taken."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server((HOST, port))
        self._messages: list[str] = []
        self._http = web.Server(self._take, access_log=None)
        self._server: asyncio.Server | None = None
        self.readers = 0

    @property
    def address(self) -> str:
        """The URL at which it listens."""
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    def find(self, reference: str) -> Response:
        """Return the message that names `reference` as if it had been asked for: 200, or 204 while there is none."""
        found = next((text for text in self._messages if reference in text), None)
        if found is None:
            return Response(HTTPStatus.NO_CONTENT, (), b"")
        return Response(HTTPStatus.OK, (), found.encode())

    async def open(self) -> None:
        """Take what is posted, whatever the path."""
        self._server = await asyncio.get_running_loop().create_server(self._http, sock=self._socket)

    async def close(self) -> None:
        """Take no more."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        await self._http.shutdown(_SHUTDOWN)

    async def _take(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        if len(self._messages) >= MOST_MESSAGES:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            content = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._messages.append(content.decode("utf-8", "replace"))
        return web.Response()


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[Mailbox]:
    """Open a mailbox for one run, or join those who have. Raises `Undecided` if nobody can listen there."""
    mailbox = _shared.get(port) or _bound_to(port)
    mailbox.readers += 1
    try:
        if mailbox.readers == 1:
            await mailbox.open()
        yield mailbox
    finally:
        mailbox.readers -= 1
        if not mailbox.readers:
            _shared.pop(port, None)
            await mailbox.close()


_shared: dict[int, Mailbox] = {}


def _bound_to(port: int) -> Mailbox:
    try:
        mailbox = Mailbox(port)
    except OSError as error:
        detail = f"cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}"
        raise Undecided(own_trouble(error) or Cause.BROKEN_PROBE, detail) from None
    if port:
        _shared[port] = mailbox
    return mailbox
