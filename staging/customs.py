"""Electronic customs declarations: received at once, answered by a return message a little later.

What was submitted is answered when it is asked for, so messages that were held come when the fault is switched off.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from aiohttp import web

from staging.answers import Refused, json_answer, read_json, text
from staging.expiring import Expiring
from staging.faults import Fault, Faults
from staging.layout import Route
from staging.settings import Settings

_SYSTEM = "customs-messages"


class Customs:
    """The gateway: takes declarations by their local reference number (LRN) and hands out return messages."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._delay = settings.return_message_delay
        self._declarations: Expiring[str, tuple[float, str]] = Expiring(settings.declaration_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the gateway."""
        yield Route(_SYSTEM, "POST", "/declarations", self._submit)
        yield Route(_SYSTEM, "GET", "/return-message", self._answer)

    def declarations(self) -> int:
        """Return how many declarations are kept."""
        return self._declarations.count(self._clock())

    async def _submit(self, request: web.BaseRequest) -> web.Response:
        number = text(await read_json(request), "lrn")
        now = self._clock()
        if self._declarations.get(number, now) is not None:
            raise Refused(409, "submitted_before", "This local reference number was used before.")
        self._declarations.put(number, (now, secrets.token_hex(9).upper()), now)
        return json_answer({"lrn": number, "status": "received"}, 202)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        number, now = text(request.query, "lrn"), self._clock()
        declaration = self._declarations.get(number, now)
        if declaration is None:
            raise Refused(404, "unknown", "There is no declaration with this local reference number.")
        submitted, registration = declaration
        if now - submitted < self._delay or self._faults.is_on(Fault.RETURN_MESSAGES_HELD):
            return json_answer({"lrn": number, "status": "pending"}, 202)
        return json_answer({"lrn": number, "mrn": registration, "status": "accepted"})
