"""Two returns of few companies: bank tax, and VAT on what is sold over the internet to consumers in other countries.

The second runs on an emergency track (2024-06-ict-progress-letter): what is filed is received, and no more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, json_answer, read_json, text
from staging.expiring import Expiring
from staging.layout import Route
from staging.sessions import Sessions
from staging.settings import Settings

BANK_TAX, ECOMMERCE = "bank-tax", "vat-ecommerce"
BANKS = 14
"""About 14 large banks file (2024-06-ict-progress-letter): whoever logs in here does so for one of them."""
SHORT_TERM, LONG_TERM = 44, 22
"""Of debts by their term, in thousandths of a per cent: figures of this replica, of the size of the real ones."""


class BankTax:
    """The last bank tax return of each bank for each year; one after that is a correction."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(BANK_TAX, "eherkenning", settings, access, clock)
        self._filed: Expiring[tuple[int, int], dict[str, Any]] = Expiring(settings.receipt_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(BANK_TAX, "GET", "/session", self._sessions.enter)
        yield Route(BANK_TAX, "GET", "/", self._show)
        yield Route(BANK_TAX, "POST", "/return", self._submit)

    def filed(self) -> int:
        """Return how many banks and years have a return."""
        return self._filed.count(self._clock())

    async def _show(self, request: web.BaseRequest) -> web.Response:
        bank, now = self._bank(request), self._clock()
        returns = {year: self._filed.get((each, year), now) for each, year in self._filed.keys(now) if each == bank}
        return json_answer({"bank": bank, "returns": returns})

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        bank, data = self._bank(request), await read_json(request)
        year, short, long = (_whole(data, name) for name in ("year", "short_term", "long_term"))
        #   tax = (short-term debt * 44 + long-term debt * 22) / 100,000
        owed = (short * SHORT_TERM + long * LONG_TERM) // 100_000
        now = self._clock()
        before = self._filed.get((bank, year), now)
        filed = {"receipt": _receipt(), "owed": owed, "correction": before["correction"] + 1 if before else 0}
        self._filed.put((bank, year), filed, now)
        return json_answer(filed)

    def _bank(self, request: web.BaseRequest) -> int:
        return int(self._sessions.who(request)) % BANKS + 1


class Ecommerce:
    """What was filed, by its receipt: turnover and rate for each country where the consumers live."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(ECOMMERCE, "eherkenning", settings, access, clock)
        self._filed: Expiring[str, dict[str, Any]] = Expiring(settings.receipt_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(ECOMMERCE, "GET", "/session", self._sessions.enter)
        yield Route(ECOMMERCE, "GET", "/", self._front)
        yield Route(ECOMMERCE, "POST", "/return", self._submit)
        yield Route(ECOMMERCE, "GET", "/return", self._show)

    def filed(self) -> int:
        """Return how many returns are kept."""
        return self._filed.count(self._clock())

    async def _front(self, request: web.BaseRequest) -> web.Response:
        self._sessions.who(request)
        return json_answer({"track": "emergency"})

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        company, data = self._sessions.who(request), await read_json(request)
        period, lines = text(data, "period"), data.get("lines")
        if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
            raise Refused(400, "bad_request", "Vul voor elk land een regel in.")
        countries = [text(line, "country") for line in lines]
        if len(set(countries)) < len(countries):
            raise Refused(400, "bad_request", "Vul voor elk land een regel in.")
        #   VAT = sum over the countries of  turnover * rate / 100
        owed = sum(_whole(line, "turnover") * _whole(line, "rate") for line in lines) // 100
        receipt = _receipt()
        self._filed.put(receipt, {"company": company, "period": period, "owed": owed}, self._clock())
        return json_answer({"receipt": receipt, "status": "received"})

    async def _show(self, request: web.BaseRequest) -> web.Response:
        company, receipt = self._sessions.who(request), text(request.query, "receipt")
        filed = self._filed.get(receipt, self._clock())
        if filed is None or filed["company"] != company:
            raise Refused(404, "no_return", "Deze aangifte is er niet.")
        return json_answer({"receipt": receipt, "period": filed["period"], "owed": filed["owed"]})


def _receipt() -> str:
    return secrets.token_hex(8).upper()


def _whole(data: dict[str, Any], name: str) -> int:
    """Return a whole number from 0. Raises `Refused` (400)."""
    value = data.get(name)
    if type(value) is not int or value < 0:
        raise Refused(400, "bad_amount", "Vul bij elke vraag een bedrag in hele euro's in.")
    return value
