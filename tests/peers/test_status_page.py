"""The status page in a real browser: every width without scrolling sideways, both schemes, keyboard alone, on paper."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from config import Configuration
from monitors.web.status_page.render import RENEW, Choice, headers, render
from monitors.web.status_page.view import view
from monitors.web.status_page.words import negotiate
from tests.browser import Tab, browser
from tests.monitors.web.status_page import sample

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

OVERFLOW = """[...document.querySelectorAll('body *')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.width > 1 && box.right > document.documentElement.clientWidth + 0.5 && !each.closest('.skip');
}).map(each => each.tagName + '.' + each.className)"""
"""The elements that reach beyond the right edge."""
HURRY = 2
"""Seconds after which a page renews itself when the test waits for it."""
TABLE = "document.getElementById('days-digid-app')?.textContent.trim() ?? null"
"""The table of days of one system, where it is open."""
FOCUS = "(document.activeElement.textContent || '').trim().replace(/\\s+/g, ' ')"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(configuration: Configuration) -> AsyncIterator[str]:
    """Serve the page of the sample as the monitor does, in the language and with the renewal that the address asks."""
    page = view(sample.facts(configuration))

    async def serve(request: web.Request) -> web.Response:
        choice = Choice(
            language=negotiate(request.query.get("lang"), ""),
            days=request.query.get("days"),
            renew=request.query.get("renew") != "off",
        )
        return web.Response(body=render(page, choice).encode(), headers=headers())

    async def hurry(request: web.Request) -> web.Response:
        html = render(page, Choice(named=False, days=request.query.get("days")))
        return web.Response(body=html.replace(f'content="{RENEW};', f'content="{HURRY};').encode(), headers=headers())

    application = web.Application()
    application.router.add_get("/", serve)
    application.router.add_get("/hurry/", hurry)
    async with TestServer(application) as server:
        yield str(server.make_url("/"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(peer: Callable[..., str]) -> AsyncIterator[Tab]:
    async with browser(peer("chromium")) as opened:
        yield opened


def size(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


async def test_it_fits_every_screen(tab: Tab, address: str) -> None:
    """From a small telephone to a projector, light and dark, both languages, opened tables too: nothing sticks out."""
    grounds = set()
    for width, scheme, rest in (
        (1280, "light", "?lang=en"),
        (1280, "dark", "?lang=nl"),
        (390, "light", "?lang=nl&days=digid-app#days-digid-app"),
        (320, "dark", "?lang=en"),
        (820, "light", "?lang=nl"),
        (1920, "light", "?lang=en"),
    ):
        await tab.open(address + rest, width, 900, scheme)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, (width, rest)
        assert await tab.evaluate(OVERFLOW) == [], (width, rest)
        assert size(await tab.picture())[0] == width
        grounds.add(await tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


async def test_the_style_is_allowed_and_nothing_else_is_asked_for(tab: Tab, address: str) -> None:
    """The policy lets the page's own style through; no script runs, nothing is fetched, nothing complains."""
    await tab.call("Log.enable")
    await tab.call("Network.enable")
    await tab.open(address)
    await tab.call("Network.disable")
    assert await tab.evaluate("getComputedStyle(document.querySelector('.system')).display") == "grid"
    asked = [each["params"]["request"]["url"] for each in tab.events if each["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.endswith("favicon.ico")] == [address]
    assert [each for each in tab.events if each["method"] == "Log.entryAdded" and "favicon" not in str(each)] == []


async def test_it_is_read_by_keyboard(tab: Tab, address: str) -> None:
    """Tab comes by the way past the head, then the languages; a table of days opens and closes by keyboard."""
    await tab.open(f"{address}?lang=en&renew=off")
    stops = []
    for _ in range(3):
        await tab.press("Tab", 9)
        stops.append(await tab.evaluate(FOCUS))
    assert stops == ["Skip to the systems", "Nederlands", "English"]
    assert await tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await tab.evaluate("document.querySelector('a[href$=\"#days-digid-app\"]').focus()")
    assert await tab.evaluate(TABLE) is None
    await _follow(tab)
    assert str(await tab.evaluate(TABLE)).startswith("Days of note")
    await tab.evaluate("document.querySelector('#days-digid-app a').focus()")
    await _follow(tab)
    assert await tab.evaluate(TABLE) is None


async def _follow(tab: Tab) -> None:
    """Press Enter on the link that has the focus and wait for the page behind it."""
    tab.events.clear()
    await tab.press("Enter", 13)
    await tab.wait("Page.loadEventFired")


async def test_the_reader_keeps_the_place_when_the_page_renews_itself(tab: Tab, address: str) -> None:
    """The page that renews itself is a new one, also for who reads a table; the table is open, and nothing jumps."""
    await tab.open(f"{address}hurry/?days=digid-app#days-digid-app")
    await tab.evaluate("window.scrollTo(0, 700)")
    for _ in range(2):
        tab.events.clear()
        await tab.evaluate("document.title = 'old news'")
        await tab.wait("Page.loadEventFired")
        assert await tab.evaluate("document.title") != "old news"
        assert await tab.evaluate(TABLE)
        assert await tab.evaluate("window.scrollY") == 700


async def test_a_screen_reader_finds_the_outline(tab: Tab, address: str) -> None:
    """In the browser's accessibility tree: landmarks with names, headings, tables, each strip with its sentence."""
    await tab.open(f"{address}?lang=en")
    nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    names: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            names.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert {"banner", "main", "navigation", "contentinfo", "region"} <= set(names)
    assert {"Open incidents", "Systems", "Planned work ahead", "How this is measured"} <= set(names["region"])
    assert "Status of the systems" in names["heading"]
    strips = [name for role in ("image", "img") for name in names.get(role, []) if name]
    assert len(strips) == sum(name.startswith("Availability of ") for name in names["table"])
    assert all(name.startswith("Availability by day, 90 days: ") for name in strips)


async def test_it_can_be_printed(tab: Tab, address: str, configuration: Configuration) -> None:
    """A few pages of paper, four systems on each, without what can only be clicked."""
    await tab.open(f"{address}?lang=nl")
    paper = base64.b64decode((await tab.call("Page.printToPDF", preferCSSPageSize=True))["data"])
    assert paper.startswith(b"%PDF")
    assert 1 <= paper.count(b"/Type /Page\n") <= 3 + len(configuration.systems) / 4
    await tab.call("Emulation.setEmulatedMedia", media="print")
    assert await tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
