"""The public website: home page and disruptions page, in Dutch and in English, with or without a banner."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from staging.answers import page_answer
from staging.faults import Fault, Faults
from staging.layout import Handler, Route
from staging.pages import website_pages


class Website:
    """Serves pages that were rendered beforehand."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._pages = {banner: website_pages(banner=banner) for banner in (False, True)}

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the website."""
        for path in self._pages[False]:
            yield Route("website", "GET", path, self._handler(path))

    def _handler(self, path: str) -> Handler:
        async def show(_: web.BaseRequest) -> web.Response:
            return page_answer(self._pages[self._faults.is_on(Fault.BANNER)][path])

        return show
