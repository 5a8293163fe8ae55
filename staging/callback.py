"""Being called back: a form on the home page, there in an emergency only (2022-11-phone-outage).

The home page shows the form; it is sent here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from urllib.parse import parse_qs

from aiohttp import web

from staging.answers import Refused, page_answer
from staging.expiring import Expiring
from staging.faults import Faults
from staging.layout import Route
from staging.pages import callback_form, page
from staging.settings import Settings

_SYSTEM = "callback"


class Callback:
    """The requests of the last while, by their reference, each with the number to be called."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._requests: Expiring[str, str] = Expiring(settings.draft_lifetime)

    def routes(self) -> Iterable[Route]:
        """Yield the one address."""
        yield Route(_SYSTEM, "POST", "/request", self._take)

    def requests(self) -> int:
        """Return how many people wait to be called."""
        return self._requests.count(self._clock())

    async def _take(self, request: web.BaseRequest) -> web.Response:
        form = self._faults.callback_form
        if form is None:
            raise Refused(404, "not_found", "Deze pagina bestaat niet.")
        fields = parse_qs((await request.read()).decode("ascii", "replace"))
        number = fields.get("phone", [""])[0]
        if not number or "subject" not in fields:
            raise Refused(400, "bad_request", "Vul in waarover en op welk nummer wij u kunnen bellen.")
        if not form.works:  # what was filled in is gone
            return page_answer(page("Terugbelverzoek", callback_form()))
        reference = f"TB-{secrets.token_hex(4).upper()}"
        self._requests.put(reference, number, self._clock())
        return page_answer(page("Terugbelverzoek", f"<p>Wij bellen u terug. Kenmerk: {reference}</p>\n"))
