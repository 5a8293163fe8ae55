"""What tests of the dialer share: a dialer on a loop of its own, and a client that asks once."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from config import Environment
from journeys import Reason, Response
from loadtests.dialer import Dialer
from loadtests.http1 import Connection
from loadtests.origin import Origin, split_url
from tests.crowd import settle, sockets
from tests.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Asker:
    """A client that waits for one answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def answered(self, response: Response, cookies: list[bytes]) -> None:
        self.answer.set_result(response)

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        self.answer.set_exception(ConnectionError(reason))


async def ask(connection: Connection) -> Response:
    """Send one request and wait for its answer."""
    asker = Asker()
    connection.send(GET, asker)
    return await asyncio.wait_for(asker.answer, 10)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on uvloop; no socket of it is left."""
    before = sockets()
    with warnings.catch_warnings(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        warnings.simplefilter("ignore", ResourceWarning)  # as an error it keeps uvloop from closing what a failure left
        runner.run(test())
    settle(before)


def dialer(url: str, *, pooled: bool = False, **environment: Any) -> Dialer:
    place = {"title": "Test", "endpoints": {"website": url}, "allow": ["127.0.0.1"], **environment}
    return Dialer(asyncio.get_running_loop(), Environment.model_validate(place), pooled=pooled)


@asynccontextmanager
async def count_of_open(it: Dialer) -> AsyncIterator[None]:
    """Check that afterwards no connection counts as open."""
    yield
    await until(lambda: it.open == 0)
    await asyncio.sleep(0.01)
    assert it.open == 0


def origin(url: str) -> Origin:
    return split_url(url)[0]
