"""The Belastingdienst app: partners file one return together, so it takes two logins with DigiD.

Whoever opens the return divides the deductions and signs. The partner logs in on the same telephone and signs too; the
return that is submitted is the one that both have signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, json_answer, read_json, text
from staging.digid import DIGID
from staging.expiring import Expiring
from staging.layout import Route
from staging.returns import Returns, shown
from staging.sessions import Sessions
from staging.settings import Settings

_SYSTEM = "belastingdienst-app"


class JointReturns:
    """Returns by whoever opened them, and the version of each that a partner has signed."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._access = access
        self._clock = clock
        self._sessions = Sessions(_SYSTEM, DIGID, settings, access, clock)
        self._returns = Returns(settings.draft_lifetime, settings.receipt_lifetime)
        self._signed_by_partner: Expiring[str, int] = Expiring(settings.draft_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses behind the app."""
        yield Route(_SYSTEM, "GET", "/session", self._sessions.enter)
        yield Route(_SYSTEM, "GET", "/", self._open)
        yield Route(_SYSTEM, "PUT", "/return", self._divide)
        yield Route(_SYSTEM, "POST", "/sign", self._sign)
        yield Route(_SYSTEM, "POST", "/partner/sign", self._sign_as_partner)
        yield Route(_SYSTEM, "POST", "/submit", self._submit)

    @property
    def submissions(self) -> int:
        """How many returns were submitted."""
        return self._returns.submissions

    async def _open(self, request: web.BaseRequest) -> web.Response:
        return json_answer(shown(self._returns.open(self._sessions.who(request), self._clock())))

    async def _divide(self, request: web.BaseRequest) -> web.Response:
        number, data = self._sessions.who(request), await read_json(request)
        changes = data.get("amounts")
        if not isinstance(changes, dict):
            raise Refused(400, "bad_request", "Het veld 'amounts' ontbreekt.")
        draft = self._returns.find(number, text(data, "return"), self._clock())
        draft.save(changes)
        return json_answer(shown(draft))

    async def _sign(self, request: web.BaseRequest) -> web.Response:
        number, data = self._sessions.who(request), await read_json(request)
        draft = self._returns.find(number, text(data, "return"), self._clock())
        return json_answer({"signature": draft.sign(data.get("version"))})

    async def _sign_as_partner(self, request: web.BaseRequest) -> web.Response:
        """Take the ticket of the second login. Raises `Refused` (403) unless it is another citizen's."""
        number, data = self._sessions.who(request), await read_json(request)
        subject, now = self._access.redeem(text(data, "ticket")), self._clock()
        if subject is None or subject.means != DIGID or subject.number == number:
            raise Refused(403, "partner_refused", "Uw partner is niet ingelogd.")
        draft = self._returns.find(number, text(data, "return"), now)
        if data.get("version") != draft.version:
            raise Refused(409, "changed", "De aangifte is intussen gewijzigd. Controleer hem opnieuw.")
        self._signed_by_partner.put(draft.id, draft.version, now)
        return json_answer({"status": "signed"})

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        number, data = self._sessions.who(request), await read_json(request)
        now = self._clock()
        draft = self._returns.find(number, text(data, "return"), now)
        if self._signed_by_partner.get(draft.id, now) != draft.version:
            raise Refused(422, "partner_not_signed", "Uw partner heeft de aangifte nog niet ondertekend.")
        return json_answer({"receipt": self._returns.submit(draft, text(data, "signature"), now)})
