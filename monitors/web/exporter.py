"""The monitor's web application: the pages for machines here, those for people from their own modules.

/                status page, /status.json its twin       monitors.web.status_page
/metrics         for Prometheus                           monitors.web.exposition
/-/healthy       this process answers
/-/ready         every probe makes progress, and its runs get to disk
/-/reload        POST: read the configuration again; private
/probe, /probes  one probe now; what was kept; private     monitors.web.debug_pages
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from monitors.record.ledger import LedgerError
from monitors.web.access import Access
from monitors.web.exposition import Snapshot, render


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a reload: whether the new configuration is in force, and what to tell (one line or more)."""

    taken: bool
    told: str


class Exporter:
    """The web application.

    `observe` takes a snapshot, `lacking` says what is missing for the monitor to be ready (nothing: it is), `reload`
    reads the configuration again. `access` says who may see what; `others` are the routes of other modules.
    """

    def __init__(
        self,
        observe: Callable[[], Awaitable[Snapshot]],
        lacking: Callable[[], Sequence[str]],
        reload: Callable[[], Awaitable[Reloaded]],
        access: Access,
        others: Sequence[web.RouteDef] = (),
    ) -> None:
        self._observe = observe
        self._lacking = lacking
        self._reload = reload
        self._access = access
        self._others = others
        self._scraping = asyncio.Lock()

    def application(self) -> web.Application:
        """Return the application with its routes."""
        application = web.Application(middlewares=[self._access.middleware()])
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.post("/-/reload", self._access.private(self._reloading)),
                *self._others,
            ]
        )
        return application

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            async with self._scraping:  # one at a time, however many ask
                snapshot = await self._observe()
                body, content_type = await render(snapshot, request.headers.get("Accept", ""))
        except LedgerError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, _: web.Request) -> web.Response:
        lacking = self._lacking()
        return web.Response(status=503 if lacking else 200, text="\n".join(lacking or ["ready"]) + "\n")

    async def _reloading(self, _: web.Request) -> web.Response:
        reloaded = await self._reload()
        return web.Response(status=200 if reloaded.taken else 500, text=f"{reloaded.told}\n")
