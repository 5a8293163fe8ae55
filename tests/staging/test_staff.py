"""What employees need, and what they miss when the platform is stuck."""

from __future__ import annotations

import gc

import aiohttp
import pytest

from staging.answers import Refused
from staging.faults import Fault
from tests.drivers import browser, send, someone
from tests.replica import Clock, RunningReplica, running_replica

LOGIN, PAGES, PLATFORM = "staff-login", "internal-pages", "generic-platform"


async def log_in(session: aiohttp.ClientSession, replica: RunningReplica, **changes: str) -> int:
    """Log an employee in; return the status."""
    user = someone().account.bsn
    account = {"user": user, "password": f"Test-{user}", **changes}
    return (await send(session, "POST", replica.endpoints[LOGIN] + "/login", account))[0]


async def test_an_employee_logs_in_and_opens_the_intranet() -> None:
    """Before the login it is closed, after it open; an invented cookie is no login."""
    async with running_replica() as replica, browser() as session:
        intranet = replica.endpoints[PAGES] + "/"
        assert (await send(session, "GET", intranet))[0] == 401
        assert (await send(session, "GET", intranet, headers={"Cookie": "staff=invented"}))[0] == 401
        assert await log_in(session, replica) == 200
        status, page = await send(session, "GET", intranet)
        assert (status, "intranet" in page) == (200, True)


@pytest.mark.parametrize("changes", [{"password": "Test-1"}, {"user": "123456782", "password": "Test-123456782"}])
async def test_who_is_no_employee_is_refused(changes: dict[str, str]) -> None:
    """A wrong password, or a number without an account; and the intranet stays closed."""
    async with running_replica() as replica, browser() as session:
        assert await log_in(session, replica, **changes) == 403
        assert (await send(session, "GET", replica.endpoints[PAGES] + "/"))[0] == 401


async def test_a_session_ends_when_it_is_not_used() -> None:
    """Each page lets it live anew."""
    clock = Clock()
    async with running_replica(clock, session_lifetime=900.0) as replica, browser() as session:
        await log_in(session, replica)
        for pause, expected in ((800, 200), (800, 200), (900, 401)):
            clock.now += pause
            assert (await send(session, "GET", replica.endpoints[PAGES] + "/"))[0] == expected


async def test_a_stuck_platform_leaves_the_front_door_only() -> None:
    """November 2022: the door answers; login, internal pages and platform do not, until the migration is through."""
    async with running_replica() as replica, browser() as session:
        await log_in(session, replica)
        doors = {
            system: replica.endpoints[system] + path
            for system, path in ((LOGIN, "/"), (PAGES, "/"), (PLATFORM, "/health"))
        }
        for stuck in (False, True, False):
            if stuck:
                replica.switch_on(Fault.PLATFORM_STUCK)
            expected = {LOGIN: 200, PAGES: 503 if stuck else 200, PLATFORM: 503 if stuck else 200}
            assert {name: (await send(session, "GET", door))[0] for name, door in doors.items()} == expected
            assert await log_in(session, replica) == expected[PLATFORM]
            replica.replica.faults.clear()


async def test_refusing_leaves_nothing_behind() -> None:
    """A refusal lasts as long as its request: a stuck platform that is asked for hours costs no memory."""
    async with running_replica() as replica, browser() as session:
        replica.switch_on(Fault.PLATFORM_STUCK)
        for _ in range(3):
            assert (await send(session, "GET", replica.endpoints[PLATFORM] + "/health"))[0] == 503
        gc.collect()
        assert [each for each in gc.get_objects() if isinstance(each, Refused) and each.error == "platform_stuck"] == []
