"""Direct payment with iDEAL: start a payment, approve it at the bank, ask for its status."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from staging.answers import Refused, json_answer, read_json, text
from staging.expiring import Expiring
from staging.layout import Route
from staging.settings import Settings

_SYSTEM = "payments"


@dataclass(slots=True)
class _Payment:
    """How much (whole euros), and whether the bank was told to pay."""

    amount: int
    paid: bool = False


class Payments:
    """Payments under way. The bank's page is a test bank, and no part of the system that is watched."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._payments: Expiring[str, _Payment] = Expiring(settings.receipt_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(_SYSTEM, "POST", "/start", self._start)
        yield Route(_SYSTEM, "GET", "/status", self._status)
        yield Route(_SYSTEM, "POST", "/test-bank", self._approve, can_fail=False)

    def paid(self) -> int:
        """Return how many of the payments that are kept were paid."""
        now = self._clock()
        return sum(payment.paid for key in self._payments.keys(now) if (payment := self._payments.get(key, now)))

    async def _start(self, request: web.BaseRequest) -> web.Response:
        amount = (await read_json(request)).get("amount")
        if type(amount) is not int or amount <= 0:
            raise Refused(400, "bad_amount", "Vul een bedrag in hele euro's in.")
        key = secrets.token_urlsafe(12)
        self._payments.put(key, _Payment(amount), self._clock())
        return json_answer({"payment": key})

    async def _approve(self, request: web.BaseRequest) -> web.Response:
        self._payment(text(await read_json(request), "payment")).paid = True
        return json_answer({"status": "approved"})

    async def _status(self, request: web.BaseRequest) -> web.Response:
        payment = self._payment(text(request.query, "payment"))
        return json_answer({"status": "paid" if payment.paid else "open", "amount": payment.amount})

    def _payment(self, key: str) -> _Payment:
        payment = self._payments.get(key, self._clock())
        if payment is None:
            raise Refused(404, "no_payment", "Deze betaling is er niet.")
        return payment
