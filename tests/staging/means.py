"""Logging in at the replica by each means, as a citizen or a company that is honest does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from journeys.brokered import log_in_by
from journeys.login import log_in_with_app
from tests.drivers import browser, drive, send, someone
from tests.replica import RunningReplica

DOORS = {
    "mijn-belastingdienst": "digid",
    "mandates": "digid",
    "mijn-toeslagen": "digid",
    "mijn-belastingdienst-zakelijk": "eherkenning",
    "mijn-douane": "eherkenning",
    "bank-tax": "eherkenning",
    "vat-ecommerce": "eherkenning",
}
"""By which means each portal is entered."""


async def ticket_by(means: str, session: aiohttp.ClientSession, replica: RunningReplica, number: int = 0) -> str:
    """Log in by a means and return the ticket that the access service hands out."""
    citizen = someone(number)
    walking = log_in_with_app(citizen) if means == "digid" else log_in_by(means, citizen)
    return await drive(walking, session, replica.url)


@asynccontextmanager
async def inside(system: str, replica: RunningReplica, number: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a browser with a session at a portal."""
    async with browser() as session:
        ticket = await ticket_by(DOORS[system], session, replica, number)
        status, _ = await send(session, "GET", f"{replica.endpoints[system]}/session?ticket={ticket}")
        assert status == 200
        yield session
