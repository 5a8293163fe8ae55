"""The public website: home page and disruptions page, in Dutch and in English, with or without a banner.

toeslagen.nl is an address that people still know; it leads to the page about allowances.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from aiohttp import web

from config.hours import ZONE
from staging.answers import page_answer
from staging.faults import Banner, CallbackForm, Fault, Faults
from staging.layout import PREFIXES, Handler, Route
from staging.pages import banner_en, banner_nl, callback_form, website_pages


class Website:
    """Serves pages that were rendered beforehand, or when the notice changed."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._banner: Banner | None = None
        self._form: CallbackForm | None = None
        self._pages = self._quiet = website_pages()

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the website."""
        for path in self._quiet:
            yield Route("website", "GET", path, self._handler(path))
        yield Route("toeslagen-nl", "GET", "/", self._redirect)

    def _handler(self, path: str) -> Handler:
        async def show(_: web.BaseRequest) -> web.Response:
            banner, form = self._faults.banner, self._faults.callback_form
            if banner is not self._banner or form is not self._form:
                self._banner, self._form = banner, form
                self._pages = _rendered(banner, form is not None) if banner or form else self._quiet
            return page_answer(self._pages[path])

        return show

    async def _redirect(self, _: web.BaseRequest) -> web.Response:
        page = "/" if self._faults.is_on(Fault.REDIRECT_ASTRAY) else "/toeslagen"
        return web.Response(status=301, headers={"Location": PREFIXES["website"] + page})


def _rendered(banner: Banner | None, with_form: bool) -> dict[str, bytes]:
    """Return the pages with the notice, its next update announced from now, and with the form to be called back."""
    form = callback_form() if with_form else ""
    if banner is None:
        return website_pages(form=form)
    update = datetime.now(ZONE) + timedelta(minutes=banner.minutes)
    nl = banner_nl(update) if banner.languages != "en" else ""
    en = banner_en(update) if banner.languages != "nl" else ""
    return website_pages(nl, en, form)
