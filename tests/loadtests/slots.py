"""A website of known capacity: `slots` answers at a time, each of which takes `seconds`; it serves slots / seconds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

PAGE = "Belastingdienst: Storingen"
"""What the journey `visit-website` looks for."""


@dataclass
class Website:
    """The website; with `most_waiting`, whoever finds so many before him is refused with status 503.

    While it stands still it answers nobody: whoever has a slot keeps it.
    """

    slots: int = 4
    seconds: float = 0.1
    most_waiting: int = 1_000_000
    url: str = ""
    answered: int = 0
    refused: int = 0
    _waiting: int = 0
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    _going: asyncio.Event = field(default_factory=asyncio.Event)

    def stand_still(self) -> None:
        """Answer nobody until `go_on`; both may be called from any thread."""
        self._loop.call_soon_threadsafe(self._going.clear)

    def go_on(self) -> None:
        """Answer again."""
        self._loop.call_soon_threadsafe(self._going.set)

    async def answer(self, request: web.Request) -> web.Response:
        if self._waiting >= self.most_waiting:
            self.refused += 1
            return web.Response(status=503)
        self._waiting += 1
        async with self._free:
            self._waiting -= 1
            await self._going.wait()
            await asyncio.sleep(self.seconds)
        self.answered += 1
        return web.Response(text=PAGE)


@contextmanager
def served(website: Website) -> Iterator[Website]:
    """Serve a website on a free loopback port, from a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="website")
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(website), loop).result(10)
    try:
        yield website
    finally:
        asyncio.run_coroutine_threadsafe(_stop(runner), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(runner: web.AppRunner) -> None:
    """Leave no request behind, not even those whose client has gone."""
    await runner.cleanup()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _start(website: Website) -> web.AppRunner:
    website._loop = asyncio.get_running_loop()
    website._free = asyncio.Semaphore(website.slots)
    website._going.set()
    application = web.Application()
    application.router.add_get("/{path:.*}", website.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    website.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner
