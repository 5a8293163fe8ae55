"""The access service (TVS): the one way in to every portal, by an admission first and an assertion then.

Citizens of the Netherlands come with DigiD and pass the waiting room; companies come with eHerkenning and citizens of
other countries with eIDAS, and are not dosed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from aiohttp import web

from staging.answers import Refused, json_answer, read_json, set_cookie, text
from staging.digid import DIGID, Assertion, Subject
from staging.expiring import Expiring
from staging.layout import Route
from staging.settings import Settings
from staging.waiting_room import WaitingRoom

_TICKET_LIFETIME = 60.0


class Provider(Protocol):
    """What the access service needs of an identity provider."""

    def open_request(self, now: float) -> str:
        """Return the id of a new login request."""

    def resolve(self, artifact: str, now: float) -> Assertion | None:
        """Return what an artifact stands for, once."""


class AccessService:
    """Opens logins for admitted people, checks what DigiD asserts, and hands out tickets that open a portal session."""

    def __init__(
        self,
        settings: Settings,
        waiting_room: WaitingRoom,
        providers: Mapping[str, Provider],
        clock: Callable[[], float],
    ) -> None:
        self._waiting_room = waiting_room
        self._providers = providers
        self._clock = clock
        self._logins: Expiring[str, tuple[str, str]] = Expiring(settings.login_lifetime)
        self._tickets: Expiring[str, Subject] = Expiring(_TICKET_LIFETIME)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the access service."""
        yield Route("access-service", "GET", "/health", self._health)
        yield Route("access-service", "POST", "/login", self._open_login)
        yield Route("access-service", "POST", "/assertion", self._accept_assertion)

    def redeem(self, ticket: str) -> Subject | None:
        """Return who holds this ticket, once; None if it is unknown or used."""
        return self._tickets.pop(ticket, self._clock())

    def logins(self) -> int:
        """Return how many logins are under way."""
        return self._logins.count(self._clock())

    async def _health(self, _: web.BaseRequest) -> web.Response:
        return json_answer({"status": "ready"})

    async def _open_login(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        means = data.get("means", DIGID)
        if means not in self._providers:
            raise Refused(400, "bad_request", "Zo kunt u hier niet inloggen.")
        if means == DIGID and not self._waiting_room.admits(text(data, "admission"), text(data, "channel")):
            raise Refused(403, "not_admitted", "U bent niet toegelaten. Ga eerst naar de wachtrij.")
        now = self._clock()
        login, session = self._providers[means].open_request(now), secrets.token_urlsafe(16)
        self._logins.put(session, (means, login), now)
        return json_answer({"request": login}, headers=set_cookie("access", session, "/access"))

    async def _accept_assertion(self, request: web.BaseRequest) -> web.Response:
        artifact = text(await read_json(request), "artifact")
        now = self._clock()
        session = request.cookies.get("access", "")
        opened = self._logins.get(session, now)
        if opened is None:
            raise Refused(401, "no_session", "Uw sessie is verlopen. Log opnieuw in.")
        means, login = opened
        assertion = self._providers[means].resolve(artifact, now)
        if assertion is None or assertion.request != login:
            raise Refused(403, "assertion_refused", "Het inloggen is niet gelukt.")
        self._logins.pop(session, now)
        ticket = secrets.token_urlsafe(16)
        self._tickets.put(ticket, assertion.subject, now)
        return json_answer({"status": "logged-in", "ticket": ticket})
