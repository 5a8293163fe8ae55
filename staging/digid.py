"""DigiD: login with the app, login with an SMS code, and activation of the app.

All three are transactions that one browser starts and that a code completes. The code binds what happens on the
telephone to that browser; three wrong tries lock the transaction, not the account, for load and probes share the
test numbers and one bad client must not lock out the others.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import web

from staging.accounts import Accounts
from staging.answers import Refused, json_answer, read_json, set_cookie, text
from staging.expiring import Expiring
from staging.layout import Route
from staging.settings import Settings

_TRIES = 3


DIGID = "digid"


class Subject(NamedTuple):
    """Who logged in: by which means (digid, eherkenning, eidas), and the number that these know."""

    means: str
    number: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an identity provider asserts to a relying party: this subject logged in for that login request."""

    request: str
    subject: Subject


@dataclass(slots=True)
class Transaction:
    """One login or activation. `bsn` is empty until the citizen is known (an app says who it is when it confirms)."""

    system: str
    browser: str
    code: str
    request: str = ""
    bsn: str = ""
    confirmed: bool = False
    wrong_tries: int = 0

    def check(self, *, right: bool) -> None:
        """Count a try. Raises `Refused` if it was wrong (403) or if too many were wrong before (423)."""
        if self.wrong_tries >= _TRIES:
            raise Refused(423, "locked", "Te vaak een onjuiste code. Begin opnieuw.")
        if not right:
            self.wrong_tries += 1
            raise Refused(403, "code_rejected", "De code is onjuist.")


class DigiD:
    """The identity provider. `open_request` and `resolve` are its back door for relying parties."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts = Accounts(settings.session_lifetime)
        self._requests: Expiring[str, bool] = Expiring(settings.login_lifetime)
        self._transactions: Expiring[str, Transaction] = Expiring(settings.code_lifetime)
        self._assertions: Expiring[str, Assertion] = Expiring(settings.login_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of DigiD; a test gateway, no part of DigiD itself, delivers every SMS to /test-inbox."""
        yield Route("digid-app", "POST", "/app/start", self._start_app)
        yield Route("digid-app", "GET", "/app/status", self._app_status)
        yield Route("digid-app", "POST", "/app/confirm", self._confirm_app)
        yield Route("digid-sms", "POST", "/sms/start", self._start_sms)
        yield Route("digid-sms", "POST", "/sms/confirm", self._confirm_sms)
        yield Route("digid-sms", "GET", "/test-inbox", self._test_inbox, can_fail=False)
        yield Route("digid-activation", "POST", "/activation/start", self._start_activation)
        yield Route("digid-activation", "POST", "/activation/confirm", self._confirm_activation)

    def open_request(self, now: float) -> str:
        """Announce that a relying party sends someone to log in; return the id of the login request."""
        request = secrets.token_urlsafe(16)
        self._requests.put(request, True, now)
        return request

    def resolve(self, artifact: str, now: float) -> Assertion | None:
        """Return what an artifact stands for, once; None if it is unknown, used or expired."""
        return self._assertions.pop(artifact, now)

    def transactions(self) -> int:
        """Return how many transactions are under way."""
        return self._transactions.count(self._clock())

    async def _start_app(self, request: web.BaseRequest) -> web.Response:
        login = self._known_request(await read_json(request))
        transaction = Transaction("digid-app", secrets.token_urlsafe(12), secrets.token_hex(2).upper(), login)
        return self._started(transaction, {"code": transaction.code})

    async def _app_status(self, request: web.BaseRequest) -> web.Response:
        key = text(request.query, "transaction")
        transaction = self._of_this_browser(request, key, "digid-app")
        if not transaction.confirmed:
            return json_answer({"status": "pending"})
        return json_answer({"status": "confirmed", "artifact": self._complete(key, transaction)})

    async def _confirm_app(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        now = self._clock()
        transaction = self._transaction(text(data, "transaction"), "digid-app")
        bsn = self._accounts.owner_of_app(text(data, "app"), text(data, "pin"), now)
        transaction.check(right=bsn is not None and text(data, "code") == transaction.code)
        if transaction.confirmed:
            raise Refused(409, "confirmed_before", "Deze inlogpoging is al bevestigd.")
        transaction.bsn, transaction.confirmed = bsn or "", True
        return json_answer({"status": "confirmed"})

    async def _start_sms(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        bsn = self._check_password(data)
        login = self._known_request(data)
        return self._started(Transaction("digid-sms", secrets.token_urlsafe(12), _sms_code(), login, bsn))

    async def _confirm_sms(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        key = text(data, "transaction")
        transaction = self._of_this_browser(request, key, "digid-sms")
        transaction.check(right=text(data, "code") == transaction.code)
        return json_answer({"status": "confirmed", "artifact": self._complete(key, transaction)})

    async def _test_inbox(self, request: web.BaseRequest) -> web.Response:
        transaction = self._transactions.get(text(request.query, "transaction"), self._clock())
        if transaction is None or transaction.system == "digid-app":
            raise Refused(404, "no_message", "Er is geen sms.")
        return json_answer({"code": transaction.code})

    async def _start_activation(self, request: web.BaseRequest) -> web.Response:
        bsn = self._check_password(await read_json(request))
        return self._started(Transaction("digid-activation", secrets.token_urlsafe(12), _sms_code(), bsn=bsn))

    async def _confirm_activation(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        key, pin = text(data, "transaction"), text(data, "pin")
        transaction = self._of_this_browser(request, key, "digid-activation")
        transaction.check(right=text(data, "code") == transaction.code)
        if not (len(pin) == 5 and pin.isdecimal()):
            raise Refused(400, "bad_pin", "Kies een pincode van vijf cijfers.")
        now = self._clock()
        self._transactions.pop(key, now)
        return json_answer({"status": "active", "app": self._accounts.activate_app(transaction.bsn, pin, now)})

    def _known_request(self, data: dict[str, Any]) -> str:
        login = text(data, "request")
        if self._requests.get(login, self._clock()) is None:
            raise Refused(403, "no_request", "Begin met inloggen bij de dienst die u wilt gebruiken.")
        return login

    def _check_password(self, data: dict[str, Any]) -> str:
        bsn = text(data, "bsn")
        if not self._accounts.accepts_password(bsn, text(data, "password")):
            raise Refused(403, "login_refused", "Gebruikersnaam of wachtwoord is onjuist.")
        return bsn

    def _started(self, transaction: Transaction, shown: dict[str, str] | None = None) -> web.Response:
        key = secrets.token_urlsafe(12)
        self._transactions.put(key, transaction, self._clock())
        cookie = set_cookie("digid", transaction.browser, "/digid")
        return json_answer({"transaction": key, **(shown or {})}, headers=cookie)

    def _transaction(self, key: str, system: str) -> Transaction:
        transaction = self._transactions.get(key, self._clock())
        if transaction is None or transaction.system != system:
            raise Refused(410, "expired", "De tijd is verstreken. Begin opnieuw.")
        return transaction

    def _of_this_browser(self, request: web.BaseRequest, key: str, system: str) -> Transaction:
        transaction = self._transaction(key, system)
        if request.cookies.get("digid") != transaction.browser:
            raise Refused(401, "other_browser", "Ga verder in de browser waarin u begon.")
        return transaction

    def _complete(self, key: str, transaction: Transaction) -> str:
        now = self._clock()
        self._transactions.pop(key, now)
        artifact = secrets.token_urlsafe(16)
        self._assertions.put(artifact, Assertion(transaction.request, Subject(DIGID, transaction.bsn)), now)
        return artifact


def _sms_code() -> str:
    return f"{secrets.randbelow(1_000_000):06}"
