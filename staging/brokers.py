"""eHerkenning and eIDAS: how companies and citizens of other countries log in, with a password and a code.

Both are brokers between a login somewhere else and the access service. As with DigiD, a test gateway delivers the code.
Accounts are those of the test numbers: a company has the number of the citizen who owns it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from staging.accounts import Accounts
from staging.answers import Refused, json_answer, read_json, text
from staging.digid import Assertion, Subject
from staging.expiring import Expiring
from staging.layout import Route
from staging.settings import Settings

TRIES = 3


@dataclass(slots=True)
class _Login:
    """A login under way: for which request, who, and the code that is expected."""

    request: str
    number: str
    code: str
    wrong: int = 0


class Broker:
    """Logins under way, each with its code. `system` is the name in the estate and in what is asserted."""

    def __init__(self, system: str, settings: Settings, clock: Callable[[], float]) -> None:
        self._system = system
        self._clock = clock
        self._accounts = Accounts(settings.session_lifetime)
        self._requests: Expiring[str, bool] = Expiring(settings.login_lifetime)
        self._logins: Expiring[str, _Login] = Expiring(settings.code_lifetime)
        self._assertions: Expiring[str, Assertion] = Expiring(settings.login_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the broker."""
        yield Route(self._system, "POST", "/start", self._start)
        yield Route(self._system, "GET", "/test-inbox", self._inbox, can_fail=False)
        yield Route(self._system, "POST", "/confirm", self._confirm)

    def open_request(self, now: float) -> str:
        """Announce that a relying party sends someone to log in; return the id of the login request."""
        request = secrets.token_urlsafe(16)
        self._requests.put(request, True, now)
        return request

    def resolve(self, artifact: str, now: float) -> Assertion | None:
        """Return what an artifact stands for, once; None if it is unknown, used or expired."""
        return self._assertions.pop(artifact, now)

    async def _start(self, request: web.BaseRequest) -> web.Response:
        data, now = await read_json(request), self._clock()
        asked, user = text(data, "request"), text(data, "user")
        if self._requests.get(asked, now) is None:
            raise Refused(403, "no_request", "Begin met inloggen bij de dienst die u wilt gebruiken.")
        if not self._accounts.accepts_password(user, text(data, "password")):
            raise Refused(403, "login_refused", "Gebruikersnaam of wachtwoord is onjuist.")
        key = secrets.token_urlsafe(12)
        self._logins.put(key, _Login(asked, user, f"{secrets.randbelow(1_000_000):06}"), now)
        return json_answer({"transaction": key})

    async def _inbox(self, request: web.BaseRequest) -> web.Response:
        return json_answer({"code": self._login(text(request.query, "transaction")).code})

    async def _confirm(self, request: web.BaseRequest) -> web.Response:
        data, now = await read_json(request), self._clock()
        key = text(data, "transaction")
        login = self._login(key)
        if login.wrong >= TRIES:
            raise Refused(423, "locked", "Te vaak een onjuiste code. Begin opnieuw.")
        if text(data, "code") != login.code:
            login.wrong += 1
            raise Refused(403, "code_rejected", "De code is onjuist.")
        self._logins.pop(key, now)
        artifact = secrets.token_urlsafe(16)
        self._assertions.put(artifact, Assertion(login.request, Subject(self._system, login.number)), now)
        return json_answer({"artifact": artifact})

    def _login(self, key: str) -> _Login:
        login = self._logins.get(key, self._clock())
        if login is None:
            raise Refused(410, "expired", "De tijd is verstreken. Begin opnieuw.")
        return login
