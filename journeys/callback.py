"""Asking to be called back: by a form that the home page shows in an emergency only."""

from __future__ import annotations

from journeys.core import Citizen, Journey, Think, fetch, journey
from journeys.forms import form_of

_FORM = "callback"
_NUMBER = "+31990009003"
"""Of a range that does not exist: nobody is ever called."""


@journey("request-callback", title="Ask to be called back", steps=("home", "request-callback"), needs=(), reasons=())
def request_callback(citizen: Citizen) -> Journey:
    """Read the home page; if it has the form, fill it in and see the reference. Without the form there is no more."""
    home = yield from fetch("home", "website", "/", contains="Belastingdienst")
    form = form_of(home, _FORM)
    del home  # many think at the same time
    if not form:
        return
    yield Think(citizen.random.uniform(20, 90))
    filled = form | {"phone": _NUMBER}
    yield from fetch("request-callback", "callback", "/request", form=filled, contains="Kenmerk")
