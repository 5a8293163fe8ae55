"""A server that stops answering for a while and knows exactly what it did: the truth to compare a generator with.

It takes `GET /<number>` and notes for each number when the request was there and when the answer was given to the
kernel. As a program it prints its URL, serves until its standard input ends, and prints its record.

    python -m tests.stalling '{"after": 4500, "seconds": 2.0}'
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import cast

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"


@dataclass(frozen=True)
class Stall:
    """When the server stalls: once it has given `after` answers, for `seconds` and until `waiting` requests wait."""

    after: int
    seconds: float = 0.0
    waiting: int = 0


@dataclass
class Record:
    """What the server did and when (`time.monotonic`), by number of the request; it stalled from `began` to `ended`."""

    received: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0


class StallingServer:
    """Answers at once, except during its one stall; then everyone who waits gets an answer, in order."""

    def __init__(self, stall: Stall) -> None:
        self.stall = stall
        self.record = Record()
        self.url = ""
        self._waiting: list[tuple[int, asyncio.Transport]] = []

    async def start(self) -> asyncio.Server:
        """Listen on a free loopback port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Visitor(self), "127.0.0.1", 0, backlog=4096)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def take(self, number: int, transport: asyncio.Transport) -> None:
        """Take a request, and answer it or let it wait."""
        record = self.record
        record.received[number] = monotonic()
        if record.ended or len(record.answered) < self.stall.after:
            self._answer(number, transport)
            return
        if not record.began:
            record.began = monotonic()
            asyncio.get_running_loop().call_later(self.stall.seconds, self._end_if_over)
        record.held.append(number)
        self._waiting.append((number, transport))
        self._end_if_over()

    def _end_if_over(self) -> None:
        record = self.record
        early = monotonic() < record.began + self.stall.seconds
        if record.ended or early or len(self._waiting) < self.stall.waiting:
            return
        record.ended = monotonic()
        for number, transport in self._waiting:
            self._answer(number, transport)

    def _answer(self, number: int, transport: asyncio.Transport) -> None:
        self.record.answered[number] = monotonic()  # before it is sent, so that nobody can have it sooner
        transport.write(_ANSWER)


class _Visitor(asyncio.Protocol):
    def __init__(self, server: StallingServer) -> None:
        self._server = server
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._server.take(int(head.split()[1].rpartition(b"/")[2]), self._transport)


@contextmanager
def serving(stall: Stall) -> Iterator[StallingServer]:
    """Run the server in a thread of its own."""
    server, loop = StallingServer(stall), uvloop.new_event_loop()
    listener = loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever, name="stalling")
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listener.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


if __name__ == "__main__":
    with serving(Stall(**json.loads(sys.argv[1]))) as the_server:
        print(the_server.url, flush=True)
        sys.stdin.read()
        print(json.dumps(asdict(the_server.record)), flush=True)
