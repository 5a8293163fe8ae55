"""Reading the public website."""

from __future__ import annotations

from journeys.core import Citizen, Journey, JourneyFailed, Think, fetch, journey
from journeys.reasons import Reason

_NOTICE = b'role="alert"'


@journey(
    "visit-website",
    title="Read the website",
    steps=["home", "disruptions"],
    needs=(),
    reasons=[Reason.DISRUPTION_ANNOUNCED],
)
def visit_website(citizen: Citizen) -> Journey:
    """Open the home page and the disruptions page; a watchful citizen fails when a disruption is announced."""
    home = yield from fetch("home", "website", "/", contains="Belastingdienst")
    notice = _NOTICE if _NOTICE in home.body else b""
    del home  # many read at the same time
    yield Think(citizen.random.uniform(2, 20))
    yield from fetch("disruptions", "website", "/storingen", contains=notice.decode() or "Storingen")
    if citizen.watchful and notice:
        raise JourneyFailed(Reason.DISRUPTION_ANNOUNCED, "home", "the notice is on the disruptions page too")


@journey(
    "read-customs-news",
    title="Read whether customs systems are available",
    steps=("helpdesk-page",),
    needs=(),
    reasons=(),
)
def read_customs_news(_: Citizen) -> Journey:
    """Open the page of the national customs helpdesk, as the trade does before it declares."""
    yield from fetch("helpdesk-page", "nh-douane", "/", contains="Beschikbaarheid")
