"""Mijn Belastingdienst: the session, and the pre-filled return of the citizen who is logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, json_answer, page_answer, read_json, text
from staging.digid import DIGID
from staging.layout import Route
from staging.pages import OVERVIEW_PAGE, receipt_page
from staging.returns import Returns, shown
from staging.sessions import Sessions
from staging.settings import Settings

_SYSTEM = "mijn-belastingdienst"


class Portal:
    """Every address but the first requires a session (401) and shows a citizen no one else's return (404)."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(_SYSTEM, DIGID, settings, access, clock)
        self.returns = Returns(settings.draft_lifetime, settings.receipt_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the portal."""
        yield Route(_SYSTEM, "GET", "/session", self._sessions.enter)
        yield Route(_SYSTEM, "GET", "/", self._overview)
        yield Route(_SYSTEM, "GET", "/return", self._open_return)
        yield Route(_SYSTEM, "PUT", "/return", self._save_draft)
        yield Route(_SYSTEM, "POST", "/return/sign", self._sign)
        yield Route(_SYSTEM, "POST", "/return/submit", self._submit)
        yield Route(_SYSTEM, "GET", "/return/receipt", self._receipt)

    def sessions(self) -> int:
        """Return how many citizens are logged in."""
        return self._sessions.count()

    async def _overview(self, request: web.BaseRequest) -> web.Response:
        self._sessions.who(request)
        return page_answer(OVERVIEW_PAGE)

    async def _open_return(self, request: web.BaseRequest) -> web.Response:
        return json_answer(shown(self.returns.open(self._sessions.who(request), self._clock())))

    async def _save_draft(self, request: web.BaseRequest) -> web.Response:
        bsn, data = self._sessions.who(request), await read_json(request)
        changes = data.get("amounts")
        if not isinstance(changes, dict):
            raise Refused(400, "bad_request", "Het veld 'amounts' ontbreekt.")
        draft = self.returns.find(bsn, text(data, "return"), self._clock())
        draft.save(changes)
        return json_answer(shown(draft))

    async def _sign(self, request: web.BaseRequest) -> web.Response:
        bsn, data = self._sessions.who(request), await read_json(request)
        draft = self.returns.find(bsn, text(data, "return"), self._clock())
        return json_answer({"signature": draft.sign(data.get("version"))})

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        bsn, data = self._sessions.who(request), await read_json(request)
        now = self._clock()
        draft = self.returns.find(bsn, text(data, "return"), now)
        signature = data.get("signature")
        receipt = self.returns.submit(draft, signature if isinstance(signature, str) else "", now)
        return json_answer({"receipt": receipt})

    async def _receipt(self, request: web.BaseRequest) -> web.Response:
        bsn = self._sessions.who(request)
        submitted = self.returns.find(bsn, text(request.query, "return"), self._clock())
        if not submitted.receipt:
            raise Refused(404, "no_receipt", "Deze aangifte is nog niet verzonden.")
        return page_answer(receipt_page(submitted.receipt))
