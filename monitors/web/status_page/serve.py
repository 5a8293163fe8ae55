"""The status page on the web: `/` for people, `/status.json` for machines.

However many people look at it, the ledger is read at most once in `PAGE_AGE` seconds, by one thread that is not the one
of the probes. That thread also writes the HTML; what it wrote is sent to all who want the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from config import Configuration
from monitors.record.ledger import Ledger, LedgerError
from monitors.web.status_page.facts import Reader
from monitors.web.status_page.render import Choice, headers, render
from monitors.web.status_page.view import Page, view
from monitors.web.status_page.words import negotiate

PAGE_AGE = 2.0
"""Seconds for which a page is shown before the ledger is read again."""


class StatusPage:
    """Serves the status page of one monitor: add `routes()` to an application, and `close` at its end.

    `kept_elsewhere` is the vantage point that keeps the messages, where it is another one. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        configuration: Configuration,
        kept_elsewhere: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._reader = Reader(ledger, configuration, kept_elsewhere)
        self._systems = configuration.systems
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._busy = asyncio.Lock()
        self._page: Page | None = None
        self._made = float("-inf")
        self._written: dict[Choice | str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes `/` and `/status.json`."""
        return [web.get("/", self._html), web.get("/status.json", self._json)]

    def reconfigure(self, configuration: Configuration, kept_elsewhere: str | None) -> None:
        """Show another configuration from now on."""
        self._reader = Reader(self._ledger, configuration, kept_elsewhere)
        self._systems = configuration.systems
        self._made = float("-inf")

    def close(self) -> None:
        """End the thread; a page under way is still finished."""
        self._thread.shutdown(wait=False)

    async def _html(self, request: web.Request) -> web.Response:
        query = request.query
        choice = Choice(
            language=negotiate(query.get("lang"), request.headers.get("Accept-Language", "")),
            named="lang" in query,
            renew=query.get("renew") != "off",
            days=query["days"] if query.get("days") in self._systems else None,
        )
        return await self._answer(choice, lambda page: render(page, choice), dict(headers()))

    async def _json(self, _: web.Request) -> web.Response:
        kind = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return await self._answer("json", lambda page: page.model_dump_json(indent=2) + "\n", kind)

    async def _answer(
        self, key: Choice | str, write: Callable[[Page], str], with_headers: dict[str, str]
    ) -> web.Response:
        try:
            async with self._busy:
                body = await asyncio.get_running_loop().run_in_executor(self._thread, self._make, key, write)
        except LedgerError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(body=body, headers=with_headers)

    def _make(self, key: Choice | str, write: Callable[[Page], str]) -> bytes:
        """Return the page as it is written for `key`; only the thread calls this."""
        now = self._clock()
        if self._page is None or not 0 <= now - self._made < PAGE_AGE:
            self._page, self._made = view(self._reader.facts(now)), now
            self._written.clear()
        if key not in self._written:
            self._written[key] = write(self._page).encode()
        return self._written[key]
