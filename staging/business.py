"""Mijn Belastingdienst Zakelijk: a company files VAT and payroll returns and sees what it owes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from staging.access import AccessService
from staging.answers import Refused, json_answer, page_answer, read_json, text
from staging.expiring import Expiring
from staging.layout import Route
from staging.pages import page
from staging.sessions import Sessions
from staging.settings import Settings

_SYSTEM = "mijn-belastingdienst-zakelijk"
KINDS = ("vat", "payroll")
VAT_RATE = 21
"""Per cent: the general rate in the Netherlands."""

_OVERVIEW = page(
    "Mijn Belastingdienst Zakelijk",
    "<h2>Uw aangiften</h2>\n<ul>\n<li>Omzetbelasting</li>\n<li>Loonheffingen</li>\n</ul>\n",
)


@dataclass(slots=True)
class _Filed:
    """A return that was submitted: by whom, what is owed, and under which number."""

    company: str
    owed: int
    receipt: str


class Business:
    """Returns of companies, each with its receipt; a second one for the same period is a correction."""

    def __init__(self, settings: Settings, access: AccessService, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions = Sessions(_SYSTEM, "eherkenning", settings, access, clock)
        self._filed: Expiring[str, _Filed] = Expiring(settings.receipt_lifetime)
        self.submissions = 0

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the portal."""
        yield Route(_SYSTEM, "GET", "/session", self._sessions.enter)
        yield Route(_SYSTEM, "GET", "/", self._overview)
        yield Route(_SYSTEM, "POST", "/return", self._submit)
        yield Route(_SYSTEM, "GET", "/return", self._show)

    async def _overview(self, request: web.BaseRequest) -> web.Response:
        self._sessions.who(request)
        return page_answer(_OVERVIEW)

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        company, data = self._sessions.who(request), await read_json(request)
        kind = text(data, "kind")
        if kind not in KINDS:
            raise Refused(400, "bad_request", "Deze aangifte kennen wij niet.")
        text(data, "period")
        receipt = secrets.token_hex(8).upper()
        self._filed.put(receipt, _Filed(company, _owed(kind, data), receipt), self._clock())
        self.submissions += 1
        return json_answer({"receipt": receipt})

    async def _show(self, request: web.BaseRequest) -> web.Response:
        company = self._sessions.who(request)
        filed = self._filed.get(text(request.query, "receipt"), self._clock())
        if filed is None or filed.company != company:
            raise Refused(404, "no_return", "Deze aangifte is er niet.")
        return json_answer({"receipt": filed.receipt, "owed": filed.owed})


def _owed(kind: str, data: dict[str, Any]) -> int:
    """Return what is owed in whole euros: of VAT  turnover * 21 % - input,  of payroll what was withheld."""
    wanted = ("turnover", "input") if kind == "vat" else ("withheld",)
    amounts = {name: data.get(name) for name in wanted}
    if any(type(amount) is not int or amount < 0 for amount in amounts.values()):
        raise Refused(400, "bad_amount", "Vul bij elke vraag een bedrag in hele euro's in.")
    if kind == "payroll":
        return int(amounts["withheld"] or 0)
    return int(amounts["turnover"] or 0) * VAT_RATE // 100 - int(amounts["input"] or 0)
