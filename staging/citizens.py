"""What citizens do beside their return: mandates for a tax adviser, and allowances."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import date
from random import Random
from typing import Any

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, json_answer, read_json, text
from staging.digid import DIGID
from staging.expiring import Expiring
from staging.layout import Route
from staging.sessions import Sessions
from staging.settings import Settings

MANDATES, ALLOWANCES = "mandates", "mijn-toeslagen"


class Mandates:
    """The mandates of a citizen: seen, given or changed, withdrawn."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(MANDATES, DIGID, settings, access, clock)
        self._mandates: Expiring[str, dict[str, str]] = Expiring(settings.draft_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(MANDATES, "GET", "/session", self._sessions.enter)
        yield Route(MANDATES, "GET", "/", self._list)
        yield Route(MANDATES, "PUT", "/mandate", self._give)
        yield Route(MANDATES, "DELETE", "/mandate", self._withdraw)

    async def _list(self, request: web.BaseRequest) -> web.Response:
        return json_answer({"mandates": self._of(self._sessions.who(request))})

    async def _give(self, request: web.BaseRequest) -> web.Response:
        number, data = self._sessions.who(request), await read_json(request)
        mandates = self._of(number)
        mandates[text(data, "adviser")] = _date(text(data, "until"))
        self._mandates.put(number, mandates, self._clock())
        return json_answer({"mandates": mandates})

    async def _withdraw(self, request: web.BaseRequest) -> web.Response:
        number, adviser = self._sessions.who(request), text(request.query, "adviser")
        mandates = self._of(number)
        if mandates.pop(adviser, None) is None:
            raise Refused(404, "no_mandate", "Deze machtiging is er niet.")
        self._mandates.put(number, mandates, self._clock())
        return json_answer({"mandates": mandates})

    def _of(self, number: str) -> dict[str, str]:
        """Return the mandates of a citizen by adviser; everybody begins with one."""
        mandates = self._mandates.get(number, self._clock())
        return {"adviseur-oefen": "2030-12-31"} if mandates is None else dict(mandates)


class Allowances:
    """Mijn toeslagen: what a citizen receives a month, and the income that it depends on."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(ALLOWANCES, DIGID, settings, access, clock)
        self._incomes: Expiring[str, int] = Expiring(settings.draft_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(ALLOWANCES, "GET", "/session", self._sessions.enter)
        yield Route(ALLOWANCES, "GET", "/", self._show)
        yield Route(ALLOWANCES, "PUT", "/income", self._change)

    async def _show(self, request: web.BaseRequest) -> web.Response:
        return json_answer(self._of(self._sessions.who(request)))

    async def _change(self, request: web.BaseRequest) -> web.Response:
        number = self._sessions.who(request)
        income = (await read_json(request)).get("income")
        if type(income) is not int or income < 0:
            raise Refused(400, "bad_amount", "Vul een bedrag in hele euro's in.")
        self._incomes.put(number, income, self._clock())
        return json_answer({**self._of(number), "message": secrets.token_hex(4).upper()})

    def _of(self, number: str) -> dict[str, Any]:
        """Return income and allowances (whole euros a month); the figures are made up, and follow from the number."""
        income = self._incomes.get(number, self._clock())
        if income is None:
            income = Random(f"income/{number}").randrange(15_000, 45_000)
        return {"income": income, "zorgtoeslag": max(0, 130 - income // 400), "huurtoeslag": max(0, 420 - income // 90)}


def _date(words: str) -> str:
    """Return a date such as 2030-12-31. Raises `Refused` (400) for anything else."""
    try:
        return date.fromisoformat(words).isoformat()
    except ValueError:
        raise Refused(400, "bad_date", "Vul een datum in.") from None
