"""Sessions at the portals behind the access service: which door a ticket opens, and for how long."""

from __future__ import annotations

import pytest

from tests.drivers import browser, send
from tests.replica import Clock, running_replica
from tests.staging.means import DOORS, inside, ticket_by


@pytest.mark.parametrize("system", DOORS)
async def test_nobody_enters_with_an_invented_ticket_or_cookie(system: str) -> None:
    """403 at the door, 401 behind it, 400 without any ticket."""
    async with running_replica() as replica, browser() as session:
        base = replica.endpoints[system]
        assert (await send(session, "GET", base + "/session?ticket=invented"))[0] == 403
        assert (await send(session, "GET", base + "/session"))[0] == 400
        assert (await send(session, "GET", base + "/"))[0] == 401
        assert (await send(session, "GET", base + "/", headers={"Cookie": f"{system}=invented"}))[0] == 401


@pytest.mark.parametrize("system", DOORS)
async def test_a_ticket_opens_its_door_once(system: str) -> None:
    """The first browser is in; a second one with the same ticket is not."""
    async with running_replica() as replica, browser() as first, browser() as second:
        ticket = await ticket_by(DOORS[system], first, replica)
        door = f"{replica.endpoints[system]}/session?ticket={ticket}"
        assert (await send(first, "GET", door))[0] == 200
        assert (await send(second, "GET", door))[0] == 403
        assert (await send(first, "GET", replica.endpoints[system] + "/"))[0] == 200


@pytest.mark.parametrize("means", ["digid", "eherkenning", "eidas"])
@pytest.mark.parametrize("system", DOORS)
async def test_a_portal_takes_only_those_who_logged_in_by_its_means(system: str, means: str) -> None:
    """A citizen's ticket does not open a company's portal, nor the other way round."""
    async with running_replica() as replica, browser() as session:
        ticket = await ticket_by(means, session, replica)
        status, _ = await send(session, "GET", f"{replica.endpoints[system]}/session?ticket={ticket}")
        assert status == (200 if means == DOORS[system] else 403)


async def test_a_session_holds_at_its_own_portal_only() -> None:
    """Whoever is inside one portal is a stranger at the next, also when the cookie is carried over by hand."""
    async with running_replica() as replica, inside("mandates", replica) as session:
        cookie = next(each.value for each in session.cookie_jar if each.key == "mandates")
        for system in ("mijn-toeslagen", "mijn-belastingdienst"):
            for headers in ({}, {"Cookie": f"{system}={cookie}"}):
                status, _ = await send(session, "GET", replica.endpoints[system] + "/", headers=headers)
                assert status == 401, system


async def test_a_session_lives_while_it_is_used() -> None:
    """Each page lets it live anew; silence ends it."""
    clock = Clock()
    async with (
        running_replica(clock, session_lifetime=900.0) as replica,
        inside("mijn-douane", replica) as session,
    ):
        for pause, expected in ((800, 200), (800, 200), (900, 401)):
            clock.now += pause
            assert (await send(session, "GET", replica.endpoints["mijn-douane"] + "/"))[0] == expected
