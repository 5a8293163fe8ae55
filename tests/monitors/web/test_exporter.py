"""The web pages of a monitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from monitors.record.ledger import LedgerError
from monitors.web.access import Access
from monitors.web.exporter import Exporter, Reloaded
from monitors.web.exposition import Snapshot
from monitors.web.web_config import WebConfig


@pytest.fixture
async def served(snapshot: Snapshot) -> AsyncIterator[SimpleNamespace]:
    """Serve an exporter on a free port; `lacking`, `error` and `reloaded` are what it is told."""
    state = SimpleNamespace(lacking=[], error=None, reloaded=Reloaded(True, "12 probes as before"), now=0, most=0)

    async def observe() -> Snapshot:
        state.now += 1
        state.most = max(state.most, state.now)
        await asyncio.sleep(0)
        state.now -= 1
        if state.error:
            raise state.error
        return snapshot

    async def reload() -> Reloaded:
        return state.reloaded

    async def other(_: web.Request) -> web.Response:
        return web.Response(text="the page of another module")

    access = Access(WebConfig())
    exporter = Exporter(observe, lambda: state.lacking, reload, access, [web.get("/", other)])
    runner = web.AppRunner(exporter.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        state.session, state.get, state.post = session, session.get, session.post
        yield state
    await runner.cleanup()
    access.close()


async def test_pages(served: SimpleNamespace) -> None:
    """Every page answers, those of other modules too."""
    for path in ("/", "/metrics", "/-/healthy", "/-/ready"):
        async with served.get(path) as answer:
            assert answer.status == 200, path


async def test_not_ready_says_why(served: SimpleNamespace) -> None:
    """A monitor without progress is healthy and not ready."""
    served.lacking.append("login-app: no run yet")
    async with served.get("/-/ready") as answer:
        assert (answer.status, await answer.text()) == (503, "login-app: no run yet\n")
    async with served.get("/-/healthy") as answer:
        assert answer.status == 200


async def test_a_ledger_that_cannot_be_read_is_a_failed_scrape(served: SimpleNamespace) -> None:
    """Better no figures than figures that are not on disk."""
    served.error = LedgerError("data/ledger.sqlite could not be read: disk I/O error")
    async with served.get("/metrics") as answer:
        assert answer.status == 503
        assert "disk I/O error" in await answer.text()


async def test_scrapes_wait_for_each_other(served: SimpleNamespace) -> None:
    """However many ask, one is made at a time: probes share the loop with one."""

    async def scrape() -> int:
        async with served.get("/metrics") as answer:
            return int(answer.status)

    assert await asyncio.gather(*(scrape() for _ in range(10))) == [200] * 10
    assert served.most == 1


async def test_reload_is_a_post_and_says_what_came_of_it(served: SimpleNamespace) -> None:
    async with served.post("/-/reload") as answer:
        assert (answer.status, await answer.text()) == (200, "12 probes as before\n")
    served.reloaded = Reloaded(False, "estate.yaml:7: found nothing, expected something")
    async with served.post("/-/reload") as answer:
        assert (answer.status, await answer.text()) == (500, "estate.yaml:7: found nothing, expected something\n")
    async with served.get("/-/reload") as answer:
        assert answer.status == 405


async def test_reload_is_private(served: SimpleNamespace) -> None:
    """Nobody from elsewhere reloads a monitor without a password."""
    async with served.post("/-/reload", headers={"X-Forwarded-For": "10.1.2.3"}) as answer:
        assert answer.status == 403
