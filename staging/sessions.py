"""Who is logged in at one system: a ticket of the access service opens a session, a cookie carries it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, set_cookie, text
from staging.expiring import Expiring
from staging.layout import PREFIXES
from staging.settings import Settings


class Sessions:
    """The sessions of `system`. `means` says by which ways of logging in they are opened."""

    def __init__(
        self, system: str, means: str, settings: Settings, access: AccessService, clock: Callable[[], float]
    ) -> None:
        self._prefix = PREFIXES[system]
        self._cookie = system
        self._means = means
        self._access = access
        self._clock = clock
        self._open: Expiring[str, str] = Expiring(settings.session_lifetime)

    def count(self) -> int:
        """Return how many people are logged in."""
        return self._open.count(self._clock())

    async def enter(self, request: web.BaseRequest) -> web.Response:
        """Take a ticket and lead to the first page. Raises `Refused` (403) for one that opens nothing here."""
        subject = self._access.redeem(text(request.query, "ticket"))
        if subject is None or subject.means != self._means:
            raise Refused(403, "ticket_refused", "U bent niet ingelogd. Log opnieuw in.")
        session = secrets.token_urlsafe(16)
        self._open.put(session, subject.number, self._clock())
        cookie = set_cookie(self._cookie, session, self._prefix)
        return web.Response(status=303, headers={"Location": f"{self._prefix}/", **cookie})

    def who(self, request: web.BaseRequest) -> str:
        """Return the number of whoever is logged in. Raises `Refused` (401)."""
        number = self._open.touch(request.cookies.get(self._cookie, ""), self._clock())
        if number is None:
            raise Refused(401, "no_session", "Uw sessie is verlopen. Log opnieuw in.")
        return number
