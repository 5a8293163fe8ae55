"""What the trade reads: the page of the national customs helpdesk, and Mijn Douane."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from aiohttp import web

from staging.access import AccessService
from staging.answers import json_answer, page_answer
from staging.layout import PREFIXES, Handler, Route
from staging.pages import page
from staging.sessions import Sessions
from staging.settings import Settings

MY_CUSTOMS, HELPDESK, CUSTOMS_SITE = "mijn-douane", "nh-douane", "douane-nl"
PAGES = {
    "/": page("Nationale Helpdesk Douane", "<h2>Beschikbaarheid van systemen</h2>\n<p>Er zijn geen storingen.</p>\n"),
    "/en/": page(
        "National Helpdesk of Customs",
        "<h2>Availability of systems</h2>\n<p>There are no disruptions.</p>\n",
        language="en",
    ),
}


class Trade:
    """Pages in both languages; declarations of a company; the old address douane.nl."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._sessions = Sessions(MY_CUSTOMS, "eherkenning", settings, access, clock)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        for path, body in PAGES.items():
            yield Route(HELPDESK, "GET", path, _shows(body))
        yield Route(CUSTOMS_SITE, "GET", "/", self._redirect)
        yield Route(MY_CUSTOMS, "GET", "/session", self._sessions.enter)
        yield Route(MY_CUSTOMS, "GET", "/", self._declarations)

    async def _redirect(self, _: web.BaseRequest) -> web.Response:
        return web.Response(status=301, headers={"Location": PREFIXES["website"] + "/douane"})

    async def _declarations(self, request: web.BaseRequest) -> web.Response:
        draw = Random(f"declarations/{self._sessions.who(request)}")
        declarations = [f"{draw.randrange(10**17):018}" for _ in range(draw.randrange(1, 5))]
        return json_answer({"declarations": declarations})


def _shows(body: bytes) -> Handler:
    async def show(_: web.BaseRequest) -> web.Response:
        return page_answer(body)

    return show
