"""The access service (TVS): the one way in to every portal, by an admission first and a DigiD assertion then."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from aiohttp import web

from staging.answers import Refused, json_answer, read_json, set_cookie, text
from staging.digid import DigiD
from staging.expiring import Expiring
from staging.layout import Route
from staging.settings import Settings
from staging.waiting_room import WaitingRoom

_TICKET_LIFETIME = 60.0


class AccessService:
    """Opens logins for admitted people, checks what DigiD asserts, and hands out tickets that open a portal session."""

    def __init__(self, settings: Settings, waiting_room: WaitingRoom, digid: DigiD, clock: Callable[[], float]) -> None:
        self._waiting_room = waiting_room
        self._digid = digid
        self._clock = clock
        self._logins: Expiring[str, str] = Expiring(settings.login_lifetime)
        self._tickets: Expiring[str, str] = Expiring(_TICKET_LIFETIME)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the access service."""
        yield Route("access-service", "GET", "/health", self._health)
        yield Route("access-service", "POST", "/login", self._open_login)
        yield Route("access-service", "POST", "/assertion", self._accept_assertion)

    def redeem(self, ticket: str) -> str | None:
        """Return the number of the citizen who holds this ticket, once; None if it is unknown or used."""
        return self._tickets.pop(ticket, self._clock())

    def logins(self) -> int:
        """Return how many logins are under way."""
        return self._logins.count(self._clock())

    async def _health(self, _: web.BaseRequest) -> web.Response:
        return json_answer({"status": "ready"})

    async def _open_login(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        if not self._waiting_room.admits(text(data, "admission"), text(data, "channel")):
            raise Refused(403, "not_admitted", "U bent niet toegelaten. Ga eerst naar de wachtrij.")
        now = self._clock()
        login, session = self._digid.open_request(now), secrets.token_urlsafe(16)
        self._logins.put(session, login, now)
        return json_answer({"request": login}, headers=set_cookie("access", session, "/access"))

    async def _accept_assertion(self, request: web.BaseRequest) -> web.Response:
        artifact = text(await read_json(request), "artifact")
        now = self._clock()
        session = request.cookies.get("access", "")
        login = self._logins.get(session, now)
        if login is None:
            raise Refused(401, "no_session", "Uw sessie is verlopen. Log opnieuw in.")
        assertion = self._digid.resolve(artifact, now)
        if assertion is None or assertion.request != login:
            raise Refused(403, "assertion_refused", "Het inloggen is niet gelukt.")
        self._logins.pop(session, now)
        ticket = secrets.token_urlsafe(16)
        self._tickets.put(ticket, assertion.bsn, now)
        return json_answer({"status": "logged-in", "ticket": ticket})
