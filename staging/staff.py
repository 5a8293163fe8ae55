"""What employees need: logging in, internal pages, and the generic platform under both.

In November 2022 the platform's migration got stuck: employees could not log in and some internal pages could not be
opened, while the front door answered as always.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from aiohttp import web

from staging.accounts import Accounts
from staging.answers import Refused, json_answer, page_answer, read_json, set_cookie, text
from staging.expiring import Expiring
from staging.faults import Fault, Faults
from staging.layout import PREFIXES, Route
from staging.pages import page
from staging.settings import Settings

LOGIN, PAGES, PLATFORM = "staff-login", "internal-pages", "generic-platform"
_INTRANET = page("Douanenet en intranet", "<p>Werkinstructies, berichten en het rooster.</p>\n")
_FRONT = page("Personeel", "<p>Log in met uw medewerkersnummer.</p>\n")


class Staff:
    """Employees who are logged in. They have the numbers and passwords of the test accounts."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._accounts = Accounts(settings.session_lifetime)
        self._sessions: Expiring[str, str] = Expiring(settings.session_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(LOGIN, "GET", "/", self._front)
        yield Route(LOGIN, "POST", "/login", self._log_in)
        yield Route(PAGES, "GET", "/", self._intranet)
        yield Route(PLATFORM, "GET", "/health", self._health)

    async def _front(self, _: web.BaseRequest) -> web.Response:
        return page_answer(_FRONT)

    async def _log_in(self, request: web.BaseRequest) -> web.Response:
        self._needs_platform()
        data = await read_json(request)
        user = text(data, "user")
        if not self._accounts.accepts_password(user, text(data, "password")):
            raise Refused(403, "login_refused", "Gebruikersnaam of wachtwoord is onjuist.")
        session = secrets.token_urlsafe(16)
        self._sessions.put(session, user, self._clock())
        # The intranet is another system: its cookie holds for both.
        return json_answer({"status": "logged-in"}, headers=set_cookie("staff", session, PREFIXES[LOGIN]))

    async def _intranet(self, request: web.BaseRequest) -> web.Response:
        self._needs_platform()
        if self._sessions.touch(request.cookies.get("staff", ""), self._clock()) is None:
            raise Refused(401, "no_session", "Log eerst in.")
        return page_answer(_INTRANET)

    async def _health(self, _: web.BaseRequest) -> web.Response:
        self._needs_platform()
        return json_answer({"status": "ready"})

    def _needs_platform(self) -> None:
        if self._faults.is_on(Fault.PLATFORM_STUCK):
            raise Refused(503, "platform_stuck", "Het platform is niet beschikbaar.")
